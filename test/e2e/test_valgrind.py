# SPDX-License-Identifier: Apache-2.0
"""A walk through the server under Valgrind: no invalid access, no leak. Slow; `-m "not valgrind"`
leaves it out."""
import shutil

import pytest

from server import classify_bytes, is_sanitized, request_bytes

pytestmark = [
    pytest.mark.valgrind,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(is_sanitized(), reason="the binary brings a sanitizer of its own"),
]
MESSAGES = ["What is your refund policy?", "I need to open a ticket because my order never arrived.",
            "I experienced a severe headache and nausea right after taking the medication.",
            "Refund 19.90 EUR for ORD-12345 to zelda@example.org", "I am in the ER"]


@pytest.fixture
def watched(make_server, tmp_path):
    log = tmp_path / "valgrind.log"
    server = make_server(config={"workers": 2, "http": {"header_timeout_ms": 60000}}, wrapper=[
        "valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
        "--exit-on-first-error=no", f"--log-file={log}"])
    server.start(timeout_s=90)
    yield server
    server.signal(15)
    status = server.wait(timeout_s=90)
    assert status == 0, log.read_text()[-6000:]


def test_main_path_and_refusals_are_clean(watched):
    for channel in ("chat", "voice"):
        for text in MESSAGES:
            answer = watched.request("POST", "/api/v1/classify", classify_bytes(text).split(b"\r\n\r\n")[1],
                                     {"Content-Type": "application/json", "Idempotency-Key": text[:20]}, 60)
            assert answer.status == 200
    for path in ("/api/v1/ready", "/metrics", "/openapi.json", "/api/v1/reviews", "/nowhere",
                 "/api/v1/messages/" + answer.json["message_id"]):
        assert watched.request("GET", path, timeout_s=60).status in (200, 404)
    for body in (b"", b"{", b'{"message":5,"channel":"fax","x":[]}', b'{"message":"' + b"a" * 6000 + b'"}'):
        assert watched.post(body).status == 400


def test_vanishing_clients_leave_nothing(watched):
    message = classify_bytes(MESSAGES[1])
    for at in range(0, len(message) + 1, 7):
        wire = watched.wire()
        wire.send(message[:at])
        wire.reset() if at % 2 else wire.close()
    with watched.wire(60) as wire:
        wire.send(message * 3 + request_bytes("GET", "/api/v1/health"))
        assert [wire.receive().status for _ in range(4)] == [200] * 4
