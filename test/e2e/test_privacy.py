# SPDX-License-Identifier: Apache-2.0
"""Planted personal data is found nowhere: not in a log line, a metric, an error, nor in the bytes of
the store. Only the redactor's tags are."""
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from server import request_bytes

CANARIES = {
    "email": "zelda.canary@mail.example.org",
    "phone": "+1 (415) 555-0132",
    "card": "4111 1111 1111 1111",
    "ssn": "123-45-6789",
    "iban": "DE89 3704 0044 0532 0130 00",
    "ip": "203.0.113.77",
}
# What would be left of a canary that was stored in another spelling.
PIECES = ["zelda.canary", "zelda", "555-0132", "5550132", "4111 1111", "4111111111111111", "123-45-6789", "123456789",
          "DE89 3704", "DE89370400440532013000", "203.0.113.77"]
PLACES = {
    "a question": "What are your opening hours? My {kind} is {value}.",
    "an action": "Please cancel my order ORD-12345, my {kind} is {value}, thanks.",
    "a safety matter": "I have chest pain, reach me: {value}",
    "a bare value": "{value}",
    "in brackets": "refund me ({value})!",
}


def check_clean(where, data):
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    for piece in PIECES:
        assert piece.lower() not in text.lower(), f"{piece!r} is in {where}"


def check_server(server):
    check_clean("the metrics", server.get("/metrics").body)
    check_clean("the reviews", server.get("/api/v1/reviews?limit=200").body)
    server.stop()
    check_clean("the log", server.output())
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(path.name == "triaged.db" for path in files)
    for path in files:
        check_clean(path.name, path.read_bytes())


def test_canaries_in_the_text(make_server):
    server = make_server().start()
    for kind, value in CANARIES.items():
        for place, template in PLACES.items():
            answer = server.classify(template.format(kind=kind, value=value))
            assert answer.status == 200
            check_clean(f"the answer to {place}", answer.body)
            check_clean("the stored decision", server.get("/api/v1/messages/" + answer.json["message_id"]).body)
    stored = " ".join(row[0] for row in server.rows("SELECT text FROM message"))
    assert stored.count("[") >= len(CANARIES) * len(PLACES), "a tag stands where a value stood"
    for path in server.data_dir.iterdir():
        if path.is_file():
            check_clean(f"{path.name} while the server runs", path.read_bytes())
    check_server(server)


# What announces a value that has no form of its own, and the value; {0} to {2} are numbers, {3} is letters.
TOLD = [
    ("my name is", "Aurelia Canary{3}son"), ("my password is", "Tr0ub{0}&{1}"), ("my PIN is", "{1}{2}"),
    ("account number", "{0}{1}{2}"), ("passport number", "K{0}{1}"), ("driver's license", "D{0}{1}{2}"),
    ("my national ID is", "Q{0}{1}"), ("born on", "{2}/11/19{2}"), ("medical record number", "MRN-{0}{1}"),
    ("I live at", "{0} Canary{3} Street"), ("zip code", "{2}{0}-{1}"), ("username:", "canary{0}_{1}"),
    ("key", "ghp_{0}aB{1}cDeFg{1}hIjKl{2}mNoPqR{0}"), ("wallet", "0x{0}a{1}b{0}c{1}d{0}e{1}f{0}a{1}bc{2}d"),
    ("router", "0a:{2}:f5:{2}:4b:{2}"), ("write to", "canary{0}.{1}@host{2}.example"), ("call", "(2{2}) 5{2}-{1}"),
    ("my ssn is", "5{2}-{2}-{1}"), ("from", "2{2}.{2}.13.{2}"), ("my card is", "{2}{0}{1}{0}{1}"),
]


def planted(count):
    for number in range(count):
        lead, form = TOLD[number % len(TOLD)]
        letters = "".join(chr(ord("a") + number // step % 26) for step in (1, 26))
        yield lead, form.format(100 + number * 7 % 900, 1000 + number * 37 % 9000, 10 + number % 40, letters)


def test_a_thousand_canaries_in_every_channel(make_llm, fake):
    """Through answers, records, the log, metrics, the database and the bytes that an LLM was sent."""
    server = make_llm()
    sentences = list(planted(1000))
    texts = [". ".join(" ".join(pair) for pair in sentences[at:at + 4]) for at in range(0, len(sentences), 4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: server.classify("Please cancel my order ORD-12345. " + text), texts))
    assert {answer.status for answer in answers} == {200}
    canaries = [value.encode() for _, value in sentences]
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    channels = [("the metrics", server.get("/metrics").body), ("the LLM", bytes(fake.received)),
                ("the answers", b" ".join(answer.body for answer in answers))]
    server.stop()
    channels += [("the log", server.output().encode())] + [(path.name, path.read_bytes()) for path in files if path.exists()]
    assert fake.received, "the LLM was asked"
    for where, data in channels:
        # Short numbers stand in random identifiers, too, but not as words of their own.
        found = [value for value in canaries
                 if value in data and re.search(rb"(?<![0-9A-Za-z])" + re.escape(value) + rb"(?![0-9A-Za-z])", data)]
        assert not found, f"{len(found)} in {where}: {found[:5]}"


def test_canaries_in_metadata(make_server):
    server = make_server().start()
    for value in CANARIES.values():
        for key in ("customer_id", "order_id", "product_id", "call_id", "conversation_id", "note"):
            answer = server.classify("I have chest pain after taking your tablets.", metadata={key: value})
            assert answer.status == 200
            check_clean("the answer", answer.body)
        if len(value) <= 64:
            answer = server.classify("Where is my order?", metadata={value: "x"})
            check_clean("the answer", answer.body)
    check_server(server)


def test_names_in_the_metadata_are_found_in_the_text(make_server):
    server = make_server().start()
    text = "please cancel, it was thornquist who ordered, and I will pay"
    answer = server.classify(text, metadata={"customer_name": "Will Thornquist"})
    assert answer.status == 200
    (stored, metadata), = server.rows("SELECT text, metadata FROM message")
    assert stored == text.replace("thornquist", "[PERSON_REDACTED]") and "hornquist" not in metadata


def test_canaries_in_bad_requests(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 60}}).start()
    bodies = []
    for value in CANARIES.values():
        bodies += [
            json.dumps({value: 1}), json.dumps({"message": "a", value: "b"}), json.dumps({"message": "a", "channel": value}),
            json.dumps({"message": "a", "metadata": {value: []}}), json.dumps({"message": "a", "metadata": {"note": [value]}}),
            json.dumps({"message": [value]}), f'{{"message": "{value}', f'{{"message": {value}}}', value,
            json.dumps({"message": value + " x" * 5000}), json.dumps({"message": "a", "metadata": {"locale": value}}),
        ]
    for body in bodies:
        answer = server.post(body.encode())
        assert answer.status in (400, 429), (body, answer)
        check_clean(f"the answer to {body[:80]}", answer.body)
    check_server(server)


@pytest.mark.parametrize("header", ["X-Request-ID", "Idempotency-Key", "X-API-Key", "Authorization", "User-Agent",
                                    "X-Forwarded-For", "traceparent", "X-Canary"])
def test_canaries_in_headers(make_server, header):
    server = make_server().start()
    for value in [*CANARIES.values(), "4111111111111111"]:
        answer = server.classify("What are your opening hours?", {header: value})
        assert answer.status in (200, 401)
        check_clean("the answer", answer.body)
        check_clean("the answer's headers", repr(answer.headers))
    check_server(server)


def test_canaries_in_target_and_method(make_server):
    server = make_server().start()
    for value in ("zelda.canary@mail.example.org", "4111111111111111", "123-45-6789", "203.0.113.77"):
        for path in (f"/api/v1/messages/{value}", f"/api/v1/reviews?cursor={value}", f"/api/v1/reviews?{value}=1",
                     f"/{value}", f"/api/v1/health?who={value}"):
            with server.wire() as wire:
                wire.send(request_bytes("GET", path))
                check_clean(f"the answer to {path}", wire.receive().body)
        with server.wire() as wire:
            wire.send(f"GET /{value}\x01 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            check_clean("the refusal", wire.receive().body)
    check_server(server)


def test_this_check_finds_what_is_there(tmp_path):
    for kind, value in CANARIES.items():
        with pytest.raises(AssertionError):
            check_clean(kind, f"my {kind} is {value}".encode())


def test_digest_key_and_api_keys_are_not_in_the_store(make_server):
    server = make_server().start()
    key = server.add_key("canary", "classify")
    assert server.classify("Where is my order?", {"X-API-Key": key}).status == 200
    server.stop()
    assert key not in server.output()
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path
