# SPDX-License-Identifier: Apache-2.0
"""Each row of the contract's error table, over the wire."""
import json
import time

import pytest

from server import SLOW, Server, check_problem, classify_bytes, in_threads, request_bytes, tally, wait_until

QUESTION = "What are your opening hours?"
JSON_TYPE = {"Content-Type": "application/json"}


def fields_of(answer):
    return {error["field"] for error in check_problem(answer, 400, "validation_error").get("errors", [])}


def body_of(**members):
    return json.dumps(members).encode()


# ---- 400: the body ----

@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"hello", b"[", b'{"message":"a"', b'{"message":"a",}', b'{"message":"a"} x', b"{'message':'a'}",
    b'{"message":NaN}', b'{"message":"a","message":"b"}', b'{"message":"\\ud800"}', b'{"message":"\\x41"}',
    b'{"message":"tab\there"}', b'{"message":"\xff\xfe"}', b'{"message":"\xc0\xaf"}', b'{"message":"\xed\xa0\x80"}',
    b"[" * 5000, b'{"metadata":' * 200 + b"1" + b"}" * 200, b"\xef\xbb\xbf{",
])
def test_what_is_not_json_is_refused(shared, body):
    check_problem(shared.post(body), 400, "validation_error")


@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]", b"true"])
def test_body_must_be_an_object(shared, body):
    check_problem(shared.post(body), 400, "validation_error")


@pytest.mark.parametrize("members, fields", [
    ({}, {"/message"}),
    ({"message": None}, {"/message"}),
    ({"message": ""}, {"/message"}),
    ({"message": " \t\r\n "}, {"/message"}),
    ({"message": 5}, {"/message"}),
    ({"message": ["a"]}, {"/message"}),
    ({"message": {"a": 1}}, {"/message"}),
    ({"message": True}, {"/message"}),
    ({"message": "a" * 5001}, {"/message"}),
    ({"message": "ü" * 5001}, {"/message"}),
    ({"message": "nul \0 here"}, {"/message"}),
    ({"message": "a", "channel": "fax"}, {"/channel"}),
    ({"message": "a", "channel": "CHAT"}, {"/channel"}),
    ({"message": "a", "channel": ""}, {"/channel"}),
    ({"message": "a", "channel": 1}, {"/channel"}),
    ({"message": "a", "colour": "red"}, {"/colour"}),
    ({"message": "a", "Message": "b"}, {"/Message"}),
    ({"message": "a", "metadata": []}, {"/metadata"}),
    ({"message": "a", "metadata": "x"}, {"/metadata"}),
    ({"message": "a", "metadata": {"order_id": []}}, {"/metadata/order_id"}),
    ({"message": "a", "metadata": {"order_id": {"a": 1}}}, {"/metadata/order_id"}),
    ({"message": "a", "metadata": {"order_id": "x" * 513}}, {"/metadata/order_id"}),
    ({"message": "a", "metadata": {"order_id": "a\0b"}}, {"/metadata/order_id"}),
    ({"message": "a", "metadata": {"k" * 65: "x"}}, {"/metadata"}),
    ({"message": "a", "metadata": {"": "x"}}, {"/metadata"}),
    ({"message": "a", "metadata": {f"k{i}": 1 for i in range(33)}}, {"/metadata"}),
    ({"message": "a", "metadata": {"locale": "not a locale"}}, {"/metadata/locale"}),
    ({"message": 5, "channel": "fax", "metadata": 7}, {"/message", "/channel", "/metadata"}),
    ({"channel": "fax", "x": 1, "metadata": {"order_id": []}}, {"/message", "/channel", "/x", "/metadata/order_id"}),
])
def test_every_bad_field_is_named(shared, members, fields):
    assert fields_of(shared.post(body_of(**members))) == fields


@pytest.mark.parametrize("members", [
    {"message": "a"},
    {"message": "  trimmed  "},
    {"message": "a" * 5000},
    {"message": "ü" * 5000},
    {"message": "😀" * 5000},
    {"message": " " * 300 + "a" * 5000 + " " * 300},
    {"message": "a", "channel": None, "metadata": None},
    {"message": "a", "metadata": {}},
    {"message": "a", "metadata": {"order_id": "x" * 512, "n": 1, "f": 1.5, "b": True, "nothing": None}},
    {"message": "a", "metadata": {f"k{i}": "v" for i in range(32)}},
    {"message": "a", "metadata": {"k" * 64: "x"}},
    {"message": "a", "metadata": {"locale": "de-CH"}},
])
def test_what_keeps_to_the_limits_is_accepted(shared, members):
    answer = shared.post(body_of(**members))
    assert answer.status == 200, answer


def test_largest_valid_message_fits_the_body_cap(shared):
    """5,000 escaped characters of two surrogates each, and metadata."""
    body = json.dumps({"message": "😀" * 5000, "metadata": {f"k{i}": "é" * 256 for i in range(32)}}).encode()
    assert len(body) > 100_000
    assert shared.post(body).status == 200


def test_bad_idempotency_key_is_named(shared):
    assert fields_of(shared.classify(QUESTION, {"Idempotency-Key": "k" * 256})) == {"Idempotency-Key"}


def test_bad_field_does_not_leave_a_record(make_server):
    server = make_server().start()
    server.classify("Where is my order?", channel="fax")
    assert server.count("message") == 0


# ---- 401, 403 ----

@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("keyed"))
    server.start()
    server.keys = {scope: server.add_key(f"{scope}-key", scope) for scope in ("classify", "review", "admin")}
    yield server
    try:
        server.stop()
    finally:
        server.discard()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("headers", [
    {}, {"Authorization": "Bearer"}, {"Authorization": "Bearer tk_" + "A" * 43}, {"Authorization": "Basic dTpw"},
    {"X-API-Key": ""}, {"X-API-Key": "tk_"}, {"X-API-Key": "x" * 4000}, {"Authorization": "Bearer " + "é" * 20},
])
def test_without_a_key_in_force_the_answer_is_401(keyed, headers):
    headers = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
    answer = keyed.classify(QUESTION, headers)
    check_problem(answer, 401, "unauthorized")
    assert answer.header("WWW-Authenticate").startswith("Bearer")


def test_prefix_of_a_key_is_no_key(keyed):
    key = keyed.keys["classify"]
    for wrong in (key[:-1], key + "A", key[:8], key.swapcase(), key[3:]):
        check_problem(keyed.classify(QUESTION, bearer(wrong)), 401, "unauthorized")


def test_scopes_open_what_they_name(keyed):
    allowed = {"classify": {"classify"}, "review": {"reviews"}, "admin": {"classify", "reviews"}}
    for scope, key in keyed.keys.items():
        answers = {"classify": keyed.classify(QUESTION, bearer(key)), "reviews": keyed.get("/api/v1/reviews", bearer(key))}
        for route, answer in answers.items():
            if route in allowed[scope]:
                assert answer.status == 200, (scope, route, answer)
            else:
                check_problem(answer, 403, "forbidden")


def test_key_may_come_in_either_header(keyed):
    assert keyed.classify(QUESTION, {"X-API-Key": keyed.keys["classify"]}).status == 200
    assert keyed.classify(QUESTION, {"Authorization": "bearer " + keyed.keys["classify"]}).status == 200


def test_health_ready_and_contract_need_no_key(keyed):
    for path in ("/api/v1/health", "/api/v1/ready", "/openapi.json", "/metrics"):
        assert keyed.get(path).status == 200, path


def test_revoked_key_is_refused_at_once(make_server):
    server = make_server().start()
    first, second = server.add_key("first", "classify"), server.add_key("second", "classify")
    assert server.classify(QUESTION, bearer(first)).status == 200
    done = server.cli("key", "revoke", "first", "--data-dir", server.data_dir)
    assert done.returncode == 0, done
    wait_until(lambda: server.classify(QUESTION, bearer(first)).status == 401, 3, "the revocation")
    assert server.classify(QUESTION, bearer(second)).status == 200
    listing = server.cli("key", "list", "--data-dir", server.data_dir)
    assert "second" in listing.stdout and first not in listing.stdout and second not in listing.stdout


# ---- 404, 405 ----

@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/classify/", "/api/v1/classifyx", "/API/V1/CLASSIFY",
                                  "/api/v1/messages/", "/api/v1/messages/x", "/api/v1/messages/msg_", "/metrics/x",
                                  "/api/v1/messages/msg_00000000000000000000000000", "/api/v1//classify",
                                  "/api/v1/../../etc/passwd", "/%2e%2e/"])
def test_unknown_path_or_id_is_404(shared, path):
    check_problem(shared.get(path), 404, "not_found")


@pytest.mark.parametrize("method, path, allow", [
    ("GET", "/api/v1/classify", {"POST"}), ("PUT", "/api/v1/classify", {"POST"}),
    ("DELETE", "/api/v1/classify", {"POST"}), ("PATCH", "/api/v1/classify", {"POST"}),
    ("POST", "/api/v1/health", {"GET", "HEAD"}), ("POST", "/api/v1/reviews", {"GET", "HEAD"}),
    ("DELETE", "/api/v1/messages/msg_00000000000000000000000000", {"GET", "HEAD"}), ("POST", "/metrics", {"GET", "HEAD"}),
])
def test_wrong_method_names_the_right_ones(shared, method, path, allow):
    answer = shared.request(method, path)
    check_problem(answer, 405, "method_not_allowed")
    assert set(answer.header("Allow").split(", ")) == allow


# ---- 408, 413, 414, 415, 431, 501, 505 ----

@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server with short deadlines."""
    server = Server(tmp_path_factory.mktemp("hasty"), config={"http": {
        "header_timeout_ms": 400, "body_timeout_ms": 600, "idle_timeout_ms": 800}})
    server.start()
    yield server
    try:
        server.stop()
    finally:
        server.discard()


@pytest.mark.parametrize("sent", [b"G", b"GET /api/v1/health HTTP/1.1\r\n", b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n",
                                  classify_bytes(QUESTION)[:-1], classify_bytes(QUESTION)[:-30]])
def test_late_request_is_408_and_the_connection_closes(hasty, sent):
    with hasty.wire() as wire:
        wire.send(sent)
        check_problem(wire.receive(), 408, "request_timeout")
        assert wire.is_closed_by_peer()


def test_dripping_head_does_not_extend_its_deadline(hasty):
    start = time.monotonic()
    with hasty.wire() as wire:
        try:
            for byte in request_bytes("GET", "/api/v1/health", headers=[("X-Slow", "x" * 200)]):
                wire.send(bytes([byte]))
                time.sleep(0.02)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("the server took a head that dripped in")
    assert time.monotonic() - start < 3


def test_idle_connection_is_closed_without_an_answer(hasty):
    with hasty.wire() as wire:
        assert wire.receive() is None


@pytest.mark.parametrize("headers, body", [
    ([("Content-Type", "application/json"), ("Content-Length", "262145")], b""),
    ([("Content-Type", "application/json"), ("Content-Length", "99999999999")], b""),
    ([("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")],
     b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(5))),
])
def test_body_over_the_cap_is_413(shared, headers, body):
    with shared.wire() as wire:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        wire.send(f"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        try:
            wire.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        check_problem(wire.receive(), 413, "payload_too_large")


def test_long_target_is_414(shared):
    check_problem(shared.get("/" + "a" * 9000), 414, "uri_too_long")


@pytest.mark.parametrize("headers", [[("X-Long", "a" * 20000)], [(f"X-{i}", "a") for i in range(100)]])
def test_long_head_is_431(shared, headers):
    with shared.wire() as wire:
        wire.send(request_bytes("GET", "/api/v1/health", headers=headers))
        check_problem(wire.receive(), 431, "headers_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded",
                                          "application/jsonx", "application/json; charset=latin1", "", None])
def test_other_media_types_are_415(shared, content_type):
    headers = [] if content_type is None else [("Content-Type", content_type)]
    with shared.wire() as wire:
        wire.send(request_bytes("POST", "/api/v1/classify", body_of(message="a"), headers))
        check_problem(wire.receive(), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json; charset=utf-8",
                                          'application/json;charset="UTF-8"'])
def test_json_media_types_are_accepted(shared, content_type):
    assert shared.post(body_of(message="a"), {"Content-Type": content_type}).status == 200


@pytest.mark.parametrize("request_line, status", [
    (b"GET /api/v1/health HTTP/2.0", 505), (b"GET /api/v1/health HTTP/0.9", 505), (b"BREW /api/v1/health HTTP/1.1", 501),
    (b"CONNECT example.com:443 HTTP/1.1", 501),
])
def test_foreign_versions_and_methods_are_refused(shared, request_line, status):
    with shared.wire() as wire:
        wire.send(request_line + b"\r\nHost: x\r\n\r\n")
        answer = wire.receive()
        assert answer.status in (status, 400), answer
        assert answer.header("Content-Type") == "application/problem+json"


# ---- 409, 422, 429, 503 ----

def test_key_in_flight_is_409_with_retry_after(make_server):
    server = make_server().start()
    for attempt in range(10):
        headers = {"Idempotency-Key": f"attempt-{attempt}"}
        with server.write_lock():
            with server.wire() as first:
                first.send(classify_bytes(QUESTION, headers.items()))
                time.sleep(0.05)
                second = server.classify(QUESTION, headers)
        if second.status == 409:
            break
    check_problem(second, 409, "idempotency_in_flight")
    assert int(second.header("Retry-After")) >= 1


def test_key_with_another_body_is_422(shared):
    headers = {"Idempotency-Key": "errors-422"}
    assert shared.classify("Where is my order?", headers).status == 200
    check_problem(shared.classify("Cancel my order.", headers), 422, "idempotency_mismatch")


def test_over_the_rate_is_429_and_says_when_to_come_back(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 5}}).start()
    answers = [server.classify(QUESTION) for _ in range(7)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    refused = answers[-1]
    body = check_problem(refused, 429, "rate_limit_exceeded")
    retry_after = int(refused.header("Retry-After"))
    assert 1 <= retry_after <= 60 and body["retry_after_seconds"] == retry_after
    assert refused.header("RateLimit").startswith('"default";r=0;')
    assert refused.header("X-RateLimit-Remaining") == "0"
    for path in ("/api/v1/health", "/api/v1/ready", "/metrics"):
        assert server.get(path).status == 200, "exempt from the limit"
    time.sleep(retry_after)
    assert server.classify(QUESTION).status == 200


def test_forwarded_address_is_not_believed_without_a_trusted_proxy(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 3}}).start()
    answers = [server.classify(QUESTION, {"X-Forwarded-For": f"192.0.2.{i}"}) for i in range(6)]
    assert tally(answers)[429] >= 2


def test_trusted_proxy_tells_clients_apart(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 2}, "trusted_proxies": 1}).start()
    for i in range(6):
        spoofed = {"X-Forwarded-For": f"198.51.100.7, 192.0.2.{i}"}
        assert server.classify(QUESTION, spoofed).status == 200
    fixed = [server.classify(QUESTION, {"X-Forwarded-For": f"198.51.100.{i}, 192.0.2.99"}) for i in range(5)]
    assert tally(fixed)[429] >= 2, "what the client itself writes to the left does not matter"


def test_over_capacity_is_503_and_recovers(make_server):
    server = make_server(config={"admission": {"max_in_flight": 1, "safety_reserve": 8}}).start()
    refused = None
    for _ in range(10):
        with server.write_lock():
            with server.wire() as first:
                first.send(classify_bytes(QUESTION))
                time.sleep(0.05)
                answer = server.classify(QUESTION)
        if answer.status == 503 and answer.json["error"] == "overloaded":
            refused = answer
            break
    assert refused, "the one place in flight was never taken"
    check_problem(refused, 503, "overloaded")
    assert int(refused.header("Retry-After")) >= 1
    wait_until(lambda: server.classify(QUESTION).status == 200, 5, "capacity")


def test_connection_cap_is_503(make_server):
    server = make_server(config={"workers": 1, "http": {"max_connections": 4}}).start()
    wait_until(lambda: server.metrics()["triaged_connections"] == 1, 5, "the end of those that asked whether it is ready")
    time.sleep(0.1 * SLOW)
    wires = [server.wire() for _ in range(4)]
    for wire in wires:
        wire.send(request_bytes("GET", "/api/v1/health"))
        assert wire.receive().status == 200
    with server.wire() as over:
        over.send(request_bytes("GET", "/api/v1/health"))
        answer = over.receive()
        assert answer is None or answer.status == 503, answer
    for wire in wires:
        wire.close()
    wait_until(lambda: server.get("/api/v1/health").status == 200, 5, "room")


def test_many_clients_at_once_all_get_answers(shared):
    answers = in_threads([lambda: shared.classify(QUESTION) for _ in range(32)])
    assert tally(answers) == {200: 32}


# ---- HEAD, problem bodies ----

@pytest.mark.parametrize("path, status", [("/api/v1/health", 200), ("/api/v1/ready", 200), ("/metrics", 200),
                                          ("/openapi.json", 200), ("/nowhere", 404), ("/api/v1/classify", 405)])
def test_head_has_the_headers_and_no_body(shared, path, status):
    with shared.wire() as wire:
        wire.send(request_bytes("HEAD", path) + request_bytes("GET", "/api/v1/health"))
        answer = wire.receive(is_head=True)
        assert answer.status == status and int(answer.header("Content-Length")) > 0
        assert wire.receive().json["status"] == "ok", "the next answer follows at once"


def test_problem_names_its_instance_and_request(shared):
    answer = shared.request("GET", "/api/v1/nowhere", headers={"X-Request-ID": "req-9"})
    body = check_problem(answer, 404, "not_found")
    assert body["instance"] == "/api/v1/nowhere" and body["request_id"] == "req-9"
