# SPDX-License-Identifier: Apache-2.0
"""The harness itself can fail: what a Server checks at its end is really told apart."""
import signal

import pytest

from server import Answer, Server, check_problem, classify_bytes, yaml_of


@pytest.mark.parametrize("line", [
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1",
    "WARNING: ThreadSanitizer: data race (pid=7)",
    "../src/base/str.c:3:9: runtime error: signed integer overflow",
    "triaged: ../src/flow/triage.c:1: run: Assertion `0' failed.",
    "plain words", '{"event":"half', '["event"]', '{"level":"info"}',
])
def test_output_that_is_no_log_line_is_noticed(tmp_path, line):
    server = Server(tmp_path)
    server.out_path, server.err_path = tmp_path / "out", tmp_path / "err"
    for good, bad in ((server.out_path, server.err_path), (server.err_path, server.out_path)):
        good.write_text('{"event":"started"}\n')
        bad.write_text(good.read_text())
        server.check_output()
        bad.write_text(good.read_text() + line + "\n")
        with pytest.raises((AssertionError, ValueError)):
            server.check_output()


def test_other_end_than_a_clean_one_is_noticed(make_server):
    server = make_server().start()
    server.signal(signal.SIGKILL)
    with pytest.raises(AssertionError, match="exit status -9"):
        server.stop()


def test_process_that_does_not_start_is_noticed(make_server):
    server = make_server(config={"nonsense": 1})
    with pytest.raises(AssertionError, match="nonsense"):
        server.start()
    server.process = None


def test_problem_without_its_members_is_noticed():
    headers = [("Content-Type", "application/problem+json")]
    body = b'{"type":"a","title":"b","status":404,"detail":"c","error":"not_found","message":"d","request_id":"e"}'
    check_problem(Answer(404, headers, body), 404, "not_found")
    for broken in (body.replace(b'"detail"', b'"details"'), body.replace(b"404", b"400"), body.replace(b'"e"', b'""')):
        with pytest.raises((AssertionError, KeyError)):
            check_problem(Answer(404, headers, broken), 404, "not_found")
    with pytest.raises(AssertionError):
        check_problem(Answer(404, [("Content-Type", "application/json")], body), 404, "not_found")


def test_settings_and_requests_are_written_as_meant():
    assert yaml_of({"a": 1, "b": {"c": "x", "d": True}}) == 'a: 1\nb:\n  c: "x"\n  d: true\n'
    head, body = classify_bytes("hi", [("X-A", "b")], channel="chat").split(b"\r\n\r\n")
    assert b"\r\nX-A: b" in head and b"\r\nContent-Length: %d" % len(body) in head
    assert body == b'{"message": "hi", "channel": "chat"}'
