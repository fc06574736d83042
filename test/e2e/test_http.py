# SPDX-License-Identifier: Apache-2.0
"""The wire: pipelining, half-closed and vanishing clients, many connections, a proxy in front."""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import time

import pytest

from server import (ROOT, SLOW, Server, check_problem, classify_bytes, in_threads, is_sanitized, request_bytes, tally,
                    wait_until)

QUESTION = "What are your opening hours?"
HEALTH = request_bytes("GET", "/api/v1/health")


def probes():
    """The folder of the HTTP/1.1 probe cases, if it is on this machine."""
    places = [os.environ.get("TRIAGED_SHARED"), ROOT.parent / "shared"]
    found = [pathlib.Path(place) / "data" / "http" for place in places if place]
    return next((place for place in found if (place / "h11p_run.py").exists()), None)


def test_pipelined_requests_are_answered_in_order(shared):
    texts = [f"Where is my order ORD-{n}?" for n in range(1000, 1020)]
    with shared.wire() as wire:
        wire.send(b"".join(classify_bytes(text, [("X-Request-ID", f"r{n}")]) for n, text in enumerate(texts)) + HEALTH)
        for n in range(len(texts)):
            answer = wire.receive()
            assert answer.status == 200 and answer.header("X-Request-ID") == f"r{n}"
            assert answer.json["next_step"]["parameters"]["order_id"] == f"ORD-{1000 + n}"
        assert wire.receive().json["status"] == "ok"


def test_request_in_single_bytes_is_one_request(shared):
    with shared.wire() as wire:
        for byte in classify_bytes(QUESTION):
            wire.send(bytes([byte]))
        assert wire.receive().status == 200


def test_half_closed_client_gets_all_its_answers(shared):
    with shared.wire() as wire:
        wire.send(classify_bytes(QUESTION) * 5)
        wire.socket.shutdown(socket.SHUT_WR)
        assert [wire.receive().status for _ in range(5)] == [200] * 5
        assert wire.receive() is None


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_chunked_body_is_a_body(shared, size):
    body = json.dumps({"message": QUESTION, "metadata": {"note": "x" * 300}}).encode()
    chunks = [body[at:at + size] for at in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    with shared.wire() as wire:
        wire.send(b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n" + coded + HEALTH)
        assert wire.receive().json["intent"] == "faq"
        assert wire.receive().json["status"] == "ok", "the next request begins behind the last chunk"


def test_expect_continue_is_answered_before_the_body(shared):
    message = classify_bytes(QUESTION, [("Expect", "100-continue")])
    head, body = message.split(b"\r\n\r\n", 1)
    with shared.wire() as wire:
        wire.send(head + b"\r\n\r\n")
        assert wire.receive().status == 100
        wire.send(body)
        assert wire.receive().status == 200


def test_refused_head_is_told_before_the_body_is_sent(shared):
    with shared.wire() as wire:
        wire.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n")
        check_problem(wire.receive(), 404, "not_found")


def test_connection_close_and_http_1_0(shared):
    for message in (request_bytes("GET", "/api/v1/health", headers=[("Connection", "close")]),
                    b"GET /api/v1/health HTTP/1.0\r\nHost: x\r\n\r\n"):
        with shared.wire() as wire:
            wire.send(message + HEALTH)
            answer = wire.receive()
            assert answer.status == 200 and answer.header("Connection") == "close"
            assert wire.is_closed_by_peer()


@pytest.mark.parametrize("head", [
    b"GET /api/v1/health HTTP/1.1\r\n\r\n",
    b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /api/v1/health HTTP/1.1\nHost: a\n\n",
    b"GET /api/v1/health HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    b"GET  /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/health\r\nHost: a\r\n\r\n",
    b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX\0Y: a\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
])
def test_doubtful_framing_ends_the_connection(shared, head):
    """Nothing behind it is read: a smuggled second request gets no answer."""
    with shared.wire() as wire:
        wire.send(head + HEALTH)
        answer = wire.receive()
        assert answer.status in (400, 501, 505), answer
        assert answer.header("Connection") == "close"
        assert wire.is_closed_by_peer()


@pytest.mark.parametrize("has_reset", [False, True])
def test_client_may_vanish_at_every_byte(shared, has_reset):
    """The server lives, answers the next one and keeps no connection (built with sanitizers, this
    is also the check of its memory)."""
    message = classify_bytes(QUESTION, channel="chat")
    for at in range(len(message) + 1):
        wire = shared.wire()
        wire.send(message[:at])
        wire.reset() if has_reset else wire.close()
    assert shared.classify(QUESTION).status == 200
    wait_until(lambda: shared.metrics()["triaged_connections"] <= 2, 10, "the connections' end")
    wait_until(lambda: shared.metrics()["triaged_in_flight"] == 0, 10, "the last message's end")


def test_client_that_does_not_read_is_given_up(make_server):
    server = make_server(config={"http": {"write_timeout_ms": 500}}).start()
    wire = server.wire()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(1)
    with contextlib.suppress(OSError):
        for _ in range(2000):
            wire.send(request_bytes("GET", "/openapi.json") * 20)
    wait_until(lambda: server.metrics()["triaged_connections"] <= 1, 10, "the connection's end")
    wire.close()


def idle_wanted():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(10_000 if not is_sanitized() else 2_000, hard - 500)


def test_ten_thousand_idle_connections(make_server):
    """And it still answers promptly, on an old connection and on a new one."""
    wanted = idle_wanted()
    server = make_server(config={"http": {"idle_timeout_ms": 120_000}}).start()
    idle = []
    try:
        for _ in range(wanted):
            idle.append(socket.create_connection(("127.0.0.1", server.port), 10 * SLOW))
        for connection in idle[::max(1, wanted // 200)]:
            connection.sendall(HEALTH)
            assert connection.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: server.metrics()["triaged_connections"] > wanted, 10, "the accepts")
        assert server.classify(QUESTION).status == 200
    finally:
        for connection in idle:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
    wait_until(lambda: server.metrics()["triaged_connections"] <= 2, 10, "the connections' end")


NGINX = """
master_process off; daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream triaged {{ server 127.0.0.1:{upstream}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://triaged; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_next_upstream off;
    }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def nginx_before(server, directory):
    directory.mkdir()
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(dir=directory, upstream=server.port, port=port))
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(config), "-p", str(directory)],
                               stderr=subprocess.DEVNULL)
    try:
        def answers():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
        wait_until(answers, 10, "nginx")
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(not (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")), reason="nginx is not installed")
def test_behind_nginx_every_request_arrives_once(make_server, tmp_path):
    server = make_server(config={"trusted_proxies": 1, "http": {"idle_timeout_ms": 300}}).start()
    with nginx_before(server, tmp_path / "nginx") as port:
        front = Server(tmp_path / "unused")
        front.port = port

        def client():
            answers = []
            with front.wire() as wire:
                for _ in range(60):
                    wire.send(classify_bytes(QUESTION))
                    answers.append(wire.receive())
            return answers

        answers = [answer for part in in_threads([client] * 8) for answer in part]
        assert tally(answers) == {200: 480}
        assert len({answer.json["message_id"] for answer in answers}) == 480 == server.count("message")
        samples = server.metrics()
        assert samples['triaged_requests_total{route="classify",status="200"}'] == 480


@pytest.mark.skipif(probes() is None, reason="the probe cases are not on this machine")
def test_probe_cases_of_http_1_1(make_server, tmp_path):
    server = make_server().start()
    done = subprocess.run(
        [sys.executable, str(probes() / "h11p_run.py"), "127.0.0.1", str(server.port), "--path", "/api/v1/health",
         "--post-path", "/api/v1/classify", "--timeout", "0.7", "--json", str(tmp_path / "probes.json")],
        capture_output=True, text=True, timeout=200 * SLOW)
    results = json.loads((tmp_path / "probes.json").read_text())
    assert len(results) > 100
    failed = [r for r in results if r["scored"] and r["kind"] != "body" and r["level"] == "Must"
              and r["verdict"] in ("Fail", "Error")]
    # Some want 2xx for a body that is no message in JSON: a 400 or 415 is what they have to get. And
    # a length over the cap is told as 413 by this service, where the case asks for 400.
    wrong = [r for r in failed if not (r["want"].startswith("2") and r["got"][0] in (400, 415))
             and r["id"] != "MAL-POST-CL-HUGE-NO-BODY"]
    assert not wrong, done.stdout
    assert server.get("/api/v1/health").status == 200


def test_a_slow_upload_within_its_limits_is_answered(make_server):
    """The deadline of a request counts from when it is complete."""
    server = make_server(config={"deadline_ms": 500, "http": {"body_min_rate": 1}}).start()
    request = classify_bytes("where is my order ORD-4711?")
    with server.wire() as wire:
        wire.send(request[:-10])
        time.sleep(1.2)
        wire.send(request[-10:])
        assert wire.receive().status == 200
