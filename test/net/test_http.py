# SPDX-License-Identifier: Apache-2.0
"""Raw-socket tests of net/server, against the program in echo_server.c (environment: ECHO_SERVER).

Each table row is bytes that a client sends and the statuses that it must read back; "closed" as the
last entry says that the server has to close the connection behind them, "open" that it must not.
"""
import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

import pytest

ECHO_SERVER = os.environ["ECHO_SERVER"]
HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/classify HTTP/1.1\r\nHost: a\r\n"


class Server:
    def __init__(self, *settings):
        self.process = subprocess.Popen([ECHO_SERVER, *settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self, receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(10)
        sock.connect(("127.0.0.1", self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def stats(self):
        with self.connect() as sock:
            sock.sendall(b"GET /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return json.loads(read_answers(sock)[0].body)

    def wait_for(self, **wanted):
        """Until the counters have these values; fails with what they have instead."""
        deadline = time.monotonic() + 5
        while True:
            stats = self.stats()
            if all(stats[name] == value for name, value in wanted.items()):
                return
            assert time.monotonic() < deadline, f"{stats} never became {wanted}"
            time.sleep(0.02)

    def stop(self):
        """Ends it by closing its input; a sanitizer's complaint is an exit status."""
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


@contextlib.contextmanager
def running(*settings):
    server = Server(*settings)
    try:
        yield server
        server.stop()
    finally:
        server.process.kill()


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


class Answer:
    def __init__(self, head, body):
        line, *headers = head.decode("latin-1").split("\r\n")
        self.status = int(re.fullmatch(r"HTTP/1\.1 (\d\d\d) .*", line).group(1))
        self.headers = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
        self.body = body


def parse_answers(data, is_head=False):
    """All complete answers in `data`, strictly; what is left must be nothing."""
    answers = []
    while data:
        assert b"\r\n\r\n" in data, data
        head, data = data.split(b"\r\n\r\n", 1)
        answer = Answer(head, b"")
        if answer.status != 100:
            assert "date" in answer.headers
            length = 0 if is_head else int(answer.headers["content-length"])
            assert len(data) >= length, (answer.headers, data)
            answer.body, data = data[:length], data[length:]
        answers.append(answer)
    return answers


def read_all(sock):
    """Bytes up to the server's close."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_answers(sock, is_head=False):
    return parse_answers(read_all(sock), is_head)


def read_one(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        assert part, data
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    answer = Answer(head, body)
    while len(answer.body) < int(answer.headers.get("content-length", 0)):
        part = sock.recv(65536)
        assert part
        answer.body += part
    return answer


def statuses(answers):
    return [answer.status for answer in answers]


def exchange(server, data, cut=None):
    """Sends, and reads all answers up to the server's close; "closed" is told from "open" by a last
    request behind the others, which only an open connection answers (200, then a close)."""
    probe = b"GET /api/v1/health HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"
    with server.connect() as sock:
        for at in range(0, len(data), cut or len(data)):
            sock.sendall(data[at:at + (cut or len(data))])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(probe)
        return statuses(read_answers(sock))


def header(name, value):
    return b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n" + name + b": " + value + b"\r\n\r\n"


def chunked(body):
    return POST + b"Transfer-Encoding: chunked\r\n\r\n" + body


# name, bytes, statuses; a trailing 200 of the probe says that the connection stayed open
FRAMING = [
    ("plain", HEALTH, [200, 200]),
    ("pipelined", HEALTH * 3, [200, 200, 200, 200]),
    ("early empty line", b"\r\n" + HEALTH, [200, 200]),
    ("http/1.0 closes", b"GET /api/v1/health HTTP/1.0\r\n\r\n", [200]),
    ("http/1.0 keeps alive", b"GET /api/v1/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200, 200]),
    ("close", header(b"Connection", b"close"), [200]),
    ("absolute form", b"GET http://b/api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n", [200, 200]),
    ("asterisk form", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", [200, 200]),
    ("asterisk with GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    ("authority form", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", [501]),
    ("unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", [501]),
    ("version 2", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", [505]),
    ("no version", b"GET /\r\n\r\n", [400]),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", [400]),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [400]),
    ("cl and te", POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HEALTH, [400]),
    ("te and cl", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + HEALTH, [400]),
    ("two lengths", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", [400]),
    ("other lengths", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", [400]),
    ("length list", POST + b"Content-Length: 2, 2\r\n\r\n{}", [400]),
    ("signed length", POST + b"Content-Length: +2\r\n\r\n{}", [400]),
    ("negative length", POST + b"Content-Length: -2\r\n\r\n{}", [400]),
    ("length over 64 bits", POST + b"Content-Length: 99999999999999999999\r\n\r\n", [400]),
    ("length over the cap", POST + b"Content-Length: 262145\r\n\r\n", [413]),
    ("te in 1.0", b"POST /api/v1/classify HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    ("unknown coding", POST + b"Transfer-Encoding: br\r\n\r\n", [501]),
    ("obs-fold", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", [400]),
    ("space before colon", b"GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", [400]),
    ("bare lf", b"GET / HTTP/1.1\nHost: a\n\n", [400]),
    ("bare lf at the end", b"GET / HTTP/1.1\r\nHost: a\r\n\n", [400]),
    ("bare cr", header(b"X", b"a\rb"), [400]),
    ("nul in value", header(b"X", b"a\0b"), [400]),
    ("control byte in value", header(b"X", b"a\x07b"), [400]),
    ("control byte in name", header(b"X\x07", b"a"), [400]),
    ("non-ascii name", header(b"X\xc3\xa4", b"a"), [400]),
    ("non-ascii target", b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    ("nul in target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", [400]),
    ("long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", [414]),
    ("100 kB header", header(b"X", b"a" * 100000), [431]),
    ("10,000 headers", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10000 + b"\r\n", [431]),
    ("101 headers", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", [431]),
    ("not http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    ("chunked", chunked(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), [200, 200]),
    ("chunk extension", chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"), [200, 200]),
    ("trailer", chunked(b"2\r\n{}\r\n0\r\nX: y\r\n\r\n"), [200, 200]),
    ("huge chunk size", chunked(b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunk over the cap", chunked(b"FFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"), [413]),
    ("chunks over the cap", chunked(b"8000\r\n" + b"{" * 0x8000 + b"\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 8),
     [413]),
    ("signed chunk size", chunked(b"+2\r\n{}\r\n0\r\n\r\n"), [400]),
    ("hex prefix", chunked(b"0x2\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunk with bare lf", chunked(b"2\n{}\r\n0\r\n\r\n"), [400]),
    ("last chunk with bare lf", chunked(b"2\r\n{}\r\n0\r\n\n"), [400]),
    ("chunk too long", chunked(b"2\r\n{}x\r\n0\r\n\r\n"), [400]),
    ("64 kB of extension", chunked(b"2;" + b"a" * 65536 + b"\r\n{}\r\n0\r\n\r\n"), [400]),
    ("body and next", POST + b"Content-Length: 2\r\n\r\n{}" + HEALTH, [200, 200, 200]),
    ("get with a body", b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + HEALTH, [200, 200, 200]),
    ("application's 400 keeps on", POST + b"Content-Length: 1\r\n\r\n{", [400, 200]),
    ("404 before a short body", b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /" + HEALTH, [404, 200, 200]),
    ("404 before a long body", b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nGET /", [404]),
    ("404 before a chunked body", b"POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", [404]),
    ("405", b"DELETE /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n", [405, 200]),
    ("other expectation", POST + b"Content-Length: 2\r\nExpect: 200-ok\r\n\r\n{}", [417]),
    ("upgrade is ignored", header(b"Connection", b"Upgrade\r\nUpgrade: h2c"), [200, 200]),
]


@pytest.mark.parametrize("name,data,wanted", FRAMING, ids=[row[0] for row in FRAMING])
def test_framing(server, name, data, wanted):
    assert exchange(server, data) == wanted


@pytest.mark.parametrize("name,data,wanted", [row for row in FRAMING if len(row[1]) < 200],
                         ids=[row[0] for row in FRAMING if len(row[1]) < 200])
def test_framing_is_the_same_byte_by_byte(server, name, data, wanted):
    with server.connect() as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in data:
                sock.sendall(bytes([byte]))
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        expected = wanted[:-1] if wanted[-1] == 200 and len(wanted) > 1 else wanted
        assert statuses(read_answers(sock)) == expected


def test_pipelined_requests_split_at_every_byte_are_answered_in_order(server):
    data = HEALTH + POST + b"Content-Length: 3\r\n\r\n{1}" + chunked(b"4\r\n{12}\r\n0\r\n\r\n") + HEALTH
    wanted = [b'{"bytes":0}', b'{"bytes":3}', b'{"bytes":4}', b'{"bytes":0}']
    for at in range(1, len(data)):
        with server.connect() as sock:
            sock.sendall(data[:at])
            time.sleep(0.001)
            sock.sendall(data[at:])
            sock.shutdown(socket.SHUT_WR)
            assert [answer.body for answer in read_answers(sock)] == wanted, at


def test_a_disconnect_at_every_byte_leaves_nothing_behind(server):
    data = POST + b"Content-Length: 20\r\n\r\n{" + b"x" * 18 + b"}GET /slow?ms=5 HTTP/1.1\r\nHost: a\r\n\r\n"
    for is_reset in (False, True):
        for at in range(len(data) + 1):
            sock = server.connect()
            sock.sendall(data[:at])
            if is_reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
    server.wait_for(connections=1, gauge=1)  # the one that asks
    assert exchange(server, HEALTH) == [200, 200]


def test_slow_answers_keep_their_order(server):
    with server.connect() as sock:
        for ms in (60, 5, 30):
            sock.sendall(b"GET /slow?ms=%d HTTP/1.1\r\nHost: a\r\n\r\n" % ms)
        sock.sendall(header(b"Connection", b"close"))
        answers = read_answers(sock)
    assert [answer.body for answer in answers] == [b'{"slow":true}'] * 3 + [b'{"bytes":0}']


def test_a_half_closed_client_gets_its_answers(server):
    with server.connect() as sock:
        sock.sendall(b"GET /slow?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n" + HEALTH)
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_answers(sock)) == [200, 200]


@pytest.mark.parametrize("data", [HEALTH[:20], POST + b"Content-Length: 9\r\n\r\n{}"], ids=["head", "body"])
def test_a_request_cut_by_a_half_close_is_malformed(server, data):
    with server.connect() as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert statuses(read_answers(sock)) == [400]


def test_a_head_request_gets_the_headers_only(server):
    with server.connect() as sock:
        sock.sendall(b"HEAD /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        sock.shutdown(socket.SHUT_WR)
        answers = read_answers(sock, is_head=True)
    assert [answer.headers["content-length"] for answer in answers] == ["11", "11"]


def test_the_server_says_when_it_closes(server):
    for version, wish, said in ((b"1.1", b"close", "close"), (b"1.0", b"keep-alive", "keep-alive"), (b"1.1", b"x", None)):
        with server.connect() as sock:
            sock.sendall(b"GET /api/v1/health HTTP/" + version + b"\r\nHost: a\r\nConnection: " + wish + b"\r\n\r\n")
            assert read_one(sock).headers.get("connection") == said


class TestExpect:
    HEAD = b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"

    def test_the_go_ahead_comes_before_the_body(self, server):
        with server.connect() as sock:
            sock.sendall(POST + self.HEAD)
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(b"{}")
            assert read_one(sock).status == 200

    def test_it_is_left_out_when_the_body_is_there(self, server):
        assert exchange(server, POST + self.HEAD + b"{}") == [200, 200]

    def test_no_go_ahead_for_what_is_refused(self, server):
        with server.connect() as sock:
            sock.sendall(b"POST /nowhere HTTP/1.1\r\nHost: a\r\n" + self.HEAD)
            assert statuses(read_answers(sock)) == [404]

    def test_no_go_ahead_for_a_body_over_the_cap(self, server):
        with server.connect() as sock:
            sock.sendall(POST + b"Content-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
            assert statuses(read_answers(sock)) == [413]

    def test_http_1_0_knows_none(self, server):
        with server.connect() as sock:
            sock.sendall(b"POST /api/v1/classify HTTP/1.0\r\n" + self.HEAD)
            sock.settimeout(0.2)
            with pytest.raises(socket.timeout):
                sock.recv(1)


def test_a_refusal_is_read_even_by_a_client_that_goes_on_sending(server):
    with server.connect() as sock:
        sock.sendall(POST + b"Content-Length: 500000\r\n\r\n" + b"{" * 300000)
        time.sleep(0.1)
        sock.sendall(b"x" * 200000)  # a reset would end this, or the reading
        assert statuses(read_answers(sock)) == [413]


def memory_kb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1))


@pytest.mark.skipif(os.environ.get("ECHO_SANITIZER", "none") != "none", reason="a sanitizer's memory is its own")
def test_an_idle_connection_holds_no_buffer():
    with running() as server:
        before_kb = memory_kb(server)
        socks = [server.connect() for _ in range(2000)]
        for sock in socks:
            sock.sendall(HEALTH)
            assert read_one(sock).status == 200
        assert (memory_kb(server) - before_kb) * 1024 / len(socks) < 2048
        for sock in socks:
            sock.close()


def test_a_flood_of_pipelined_requests_is_held_back(server):
    request = b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\n\r\n"
    before_kb = memory_kb(server)
    with server.connect() as sock:
        sock.sendall(b"GET /slow?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline and sent < 64 << 20:
            try:
                sent += sock.send(request * 1000)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 32 << 20, "nothing held the client back"
        sock.settimeout(20)
        grown_kb = memory_kb(server) - before_kb
        data = b""
        while len(data) < 100000:  # and it goes on behind the slow answer
            data += sock.recv(65536)
    assert grown_kb < 8000
    server.wait_for(connections=1)


def test_a_large_answer_arrives_whole(server):
    with server.connect() as sock:
        sock.sendall(b"GET /large?bytes=20000000 HTTP/1.1\r\nHost: a\r\n\r\n" + header(b"Connection", b"close"))
        answers = read_answers(sock)
    assert [len(answer.body) for answer in answers] == [20000000, 11]


def test_a_reset_cancels_an_answer_under_way(server):
    before = server.stats()
    sock = server.connect()
    sock.sendall(b"GET /slow?ms=300 HTTP/1.1\r\nHost: a\r\n\r\n")
    server.wait_for(requests=before["requests"] + 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    server.wait_for(cancels=before["cancels"] + 1, answers=before["answers"])
    server.wait_for(answers=before["answers"] + 1, cancels=before["cancels"] + 1)


class TestDeadlines:
    """With deadlines of a fraction of a second."""

    @pytest.fixture(scope="class")
    def quick(self):
        with running("header_ms=300", "body_ms=4000", "idle_ms=500", "write_ms=600") as server:
            yield server

    @staticmethod
    def drip(sock, byte, pause):
        """Sends slowly until the server ends it."""
        sock.settimeout(pause)
        data = b""
        begin = time.monotonic()
        while time.monotonic() - begin < 8:
            try:
                part = sock.recv(65536)
                if not part:
                    break
                data += part
            except socket.timeout:
                with contextlib.suppress(OSError):
                    sock.sendall(byte)
        return statuses(parse_answers(data)), time.monotonic() - begin

    def test_slow_headers(self, quick):
        with quick.connect() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
            answers, spent = self.drip(sock, b"x", 0.05)
        assert answers == [408] and 0.25 < spent < 1.5

    def test_silence_in_a_head(self, quick):
        with quick.connect() as sock:
            sock.sendall(b"GET")
            assert statuses(read_answers(sock)) == [408]

    def test_a_body_below_the_minimum_rate(self, quick):
        with quick.connect() as sock:
            sock.sendall(POST + b"Content-Length: 100000\r\n\r\n")
            answers, spent = self.drip(sock, b"x" * 20, 0.1)  # 200 B/s, allowed for the first two seconds
        assert answers == [408] and 1.8 < spent < 3.8

    def test_a_body_over_its_deadline(self, quick):
        with quick.connect() as sock:
            sock.sendall(POST + b"Content-Length: 200000\r\n\r\n")
            answers, spent = self.drip(sock, b"x" * 400, 0.1)  # 4 kB/s
        assert answers == [408] and 3.8 < spent < 6

    def test_an_idle_connection_is_closed_in_silence(self, quick):
        for first in (b"", HEALTH):
            with quick.connect() as sock:
                begin = time.monotonic()
                sock.sendall(first)
                assert statuses(read_answers(sock)) == ([200] if first else [])
                assert 0.4 < time.monotonic() - begin < 1.5

    def test_a_slow_answer_is_no_idleness(self, quick):
        with quick.connect() as sock:
            sock.sendall(b"GET /slow?ms=1200 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_one(sock).status == 200

    def test_a_reader_that_stands_still_is_given_up(self, quick):
        with quick.connect(receive_buffer=4096) as sock:
            sock.sendall(b"GET /large?bytes=30000000 HTTP/1.1\r\nHost: a\r\n\r\n")
            quick.wait_for(connections=2)
            begin = time.monotonic()
            quick.wait_for(connections=1)
            assert time.monotonic() - begin < 3
            with contextlib.suppress(ConnectionResetError):
                assert len(read_all(sock)) < 30000000

    def test_a_slow_reader_with_progress_is_not(self, quick):
        with quick.connect(receive_buffer=65536) as sock:
            sock.sendall(b"GET /large?bytes=8000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            size, begin = 0, time.monotonic()
            while part := sock.recv(400000):
                size += len(part)
                if time.monotonic() - begin < 1.5:
                    time.sleep(0.02)
        assert size > 8000000


def test_a_thousand_slow_clients_keep_nobody_out():
    with running("header_ms=1500") as server:
        slow = [server.connect() for _ in range(1000)]
        for sock in slow:
            sock.sendall(b"POST /api/v1/classify HTTP/1.1\r\nX: ")
        begin = time.monotonic()
        assert exchange(server, HEALTH) == [200, 200]
        assert time.monotonic() - begin < 1
        for sock in slow:
            assert statuses(read_answers(sock)) == [408]
            sock.close()
        assert time.monotonic() - begin < 5
        server.wait_for(connections=1, gauge=1)


def test_over_the_connection_limit_there_is_a_503():
    with running("max_connections=2") as server:
        first, second = server.connect(), server.connect()
        for sock in (first, second):
            sock.sendall(HEALTH)
            assert read_one(sock).status == 200
        with server.connect() as third:
            assert statuses(read_answers(third)) == [503]
        first.close()
        deadline = time.monotonic() + 5
        while True:  # a place becomes free again
            with server.connect() as fourth:
                fourth.sendall(header(b"Connection", b"close"))
                if statuses(read_answers(fourth)) == [200]:
                    break
            assert time.monotonic() < deadline
        second.close()


def test_bodies_that_would_take_too_much_memory_together_are_refused():
    part = POST + b"Content-Length: 200000\r\n\r\n{" + b" " * 150000
    with running("max_buffered=300000") as server:
        first, second = server.connect(), server.connect()
        first.sendall(part)
        server.wait_for(heads=1)
        time.sleep(0.2)
        second.sendall(part)
        assert statuses(read_answers(second)) == [503]
        first.sendall(b" " * 49998 + b"}")
        assert read_one(first).status == 200
        with server.connect() as third:  # what was given back can be taken again
            third.sendall(part + b" " * 49998 + b"}")
            assert read_one(third).status == 200


def test_out_of_descriptors_it_waits_without_spinning():
    import resource
    with running() as server:
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 3, used + 3))
        socks = [server.connect() for _ in range(8)]
        time.sleep(0.3)
        begin = os.times()
        before = cpu_seconds(server.process.pid)
        time.sleep(1)
        assert cpu_seconds(server.process.pid) - before < 0.3, begin
        for sock in socks[:6]:
            sock.close()
        for sock in socks[6:]:
            sock.sendall(HEALTH)
            assert read_one(sock).status == 200
            sock.close()
        assert server.stats()["accept_failures"] >= 1


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_drain_finishes_what_is_under_way():
    with running() as server:
        idle, busy, body, fresh = (server.connect() for _ in range(4))
        idle.sendall(HEALTH)
        assert read_one(idle).status == 200
        busy.sendall(b"GET /slow?ms=600 HTTP/1.1\r\nHost: a\r\n\r\n")
        body.sendall(POST + b"Content-Length: 2\r\n\r\n{")
        server.wait_for(connections=5)
        server.process.stdin.write(b"drain\n")
        server.process.stdin.flush()
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        body.sendall(b"}")
        fresh.sendall(HEALTH)
        for sock in (body, fresh, busy):
            answers = read_answers(sock)
            assert statuses(answers) == [200]
            assert answers[0].headers["connection"] == "close"
        for sock in (idle, busy, body, fresh):
            sock.close()


def test_a_drain_serves_what_the_kernel_had_queued():
    with running() as server:
        os.kill(server.process.pid, 19)  # SIGSTOP: connections queue up
        socks = [server.connect() for _ in range(200)]  # more than are accepted in one turn
        for sock in socks:
            sock.sendall(HEALTH)
        server.process.stdin.write(b"drain\n")
        server.process.stdin.flush()
        os.kill(server.process.pid, 18)  # SIGCONT
        for sock in socks:
            assert statuses(read_answers(sock)) == [200]
            sock.close()


def test_closing_cancels_what_is_under_way():
    with running() as server:
        sock = server.connect()
        sock.sendall(b"GET /slow?ms=100 HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for(requests=1)
        server.process.stdin.close()
        assert read_all(sock) == b""
        sock.close()


def test_a_unix_socket_is_private_and_local(tmp_path):
    path = tmp_path / "control.sock"
    for _ in range(2):  # the second finds the first one's file
        with running(f"listen={path}"):
            assert path.stat().st_mode & 0o777 == 0o600
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(10)
                sock.connect(str(path))
                sock.sendall(header(b"Connection", b"close"))
                assert statuses(read_answers(sock)) == [200]


# What these probes want for an empty or foreign body, or a length over the cap, is not what our
# contract promises: a 400 of the application, a 413.
PROBES_THAT_WANT_OTHERWISE = {"COMP-POST-CL-ZERO", "COMP-POST-NO-CL-NO-TE", "COMP-CHUNKED-EMPTY", "COMP-RANGE-POST",
                              "MAL-POST-CL-HUGE-NO-BODY"}


def test_no_public_probe_of_a_must_fails(server, tmp_path):
    here = pathlib.Path(__file__).resolve().parents[2]
    shared = pathlib.Path(os.environ.get("TRIAGED_SHARED", here.parent / "shared"))
    probe = shared / "data/http/h11p_run.py"
    if not probe.exists():
        pytest.skip(f"no {probe}")
    out = tmp_path / "probes.json"
    subprocess.run([sys.executable, probe, "127.0.0.1", str(server.port), "--path", "/api/v1/health", "--post-path",
                    "/api/v1/classify", "--timeout", "0.5", "--json", out], stdout=subprocess.DEVNULL, timeout=300)
    results = json.loads(out.read_text())
    assert sum(result["scored"] for result in results) > 100
    failed = {result["id"] for result in results
              if result["verdict"] in ("Fail", "Error") and result["level"] == "Must" and result["scored"]
              and result["kind"] != "body"}
    assert failed <= PROBES_THAT_WANT_OTHERWISE
