# SPDX-License-Identifier: Apache-2.0
"""A scripted LLM: an OpenAI-compatible server on a free loopback port that does what a test tells it.

    fake = FakeLlm()
    fake.play(status(500), answer("service_action", "refund"))   # consumed in order, one a request
    fake.default = hang()                                        # what follows when the script is over

A step is a function of the Exchange that it has to answer; those below make the usual ones, and a test
may write its own. Everything that came in is kept: `requests` in order, `received` as raw bytes.
A thread a connection: good for some hundred at a time, not for thousands.
"""
import collections
import json
import math
import re
import socket
import ssl
import threading
import time

CATEGORIES = ("informational", "service_action", "safety_compliance")
INTENTS = {"informational": "faq", "service_action": "order_tracking", "safety_compliance": "product_safety"}
RESET = b"\1\0\0\0\0\0\0\0"
MODEL_SAYS = "gpt-fake-2026-01-01"


class Request:
    """One request as it came. `closed_at`: when its client hung up before the answer was complete."""

    def __init__(self, connection, head, body):
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.path, self.version = line.split(" ")
        self.headers = [tuple(part.strip() for part in field.split(":", 1)) for field in fields if field]
        self.connection = connection
        self.body = body
        self.at = time.monotonic()
        self.closed_at = None

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def turn(self, role):
        """What stands in the messages of that role, together."""
        return "\n".join(message["content"] for message in self.json["messages"] if message["role"] == role)

    @property
    def system(self):
        return self.turn("system")

    @property
    def user(self):
        return self.turn("user")


class Hangup(Exception):
    """The client has gone, or the test is over."""


class Exchange:
    """A request and the connection on which its answer goes out."""

    def __init__(self, fake, connection, request):
        self.fake = fake
        self.connection = connection
        self.request = request
        self.is_last = (request.header("Connection") or "").lower() == "close"

    def send(self, data):
        try:
            self.connection.socket.sendall(data)
        except OSError as gone:
            self.notice_hangup()
            raise Hangup from gone

    def notice_hangup(self):
        self.request.closed_at = self.request.closed_at or time.monotonic()

    def wait(self, seconds):
        """Sleeps, but not longer than the client waits or the test runs."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.connection.has_ended(min(left, 0.05)):
                self.notice_hangup()
                raise Hangup
            if self.fake.is_stopping.is_set():
                raise Hangup

    def respond(self, code, body, headers=(), length=None):
        """The head and as much of a body; `length` is what Content-Length says when that is another."""
        self.send(head(code, headers, len(body) if length is None else length) + body)

    def reset(self):
        self.connection.reset()
        raise Hangup

    def end(self):
        raise Hangup


class Connection:
    def __init__(self, number, sock):
        self.number = number
        self.socket = sock
        self.buffer = b""
        self.received = bytearray()

    def read_some(self):
        data = self.socket.recv(65536)
        self.received += data
        self.buffer += data
        return bool(data)

    def has_ended(self, timeout_s):
        """Waits so long for something to come; true when the client has hung up instead."""
        self.socket.settimeout(timeout_s)
        try:
            return not self.read_some()
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(None)

    def read_request(self):
        """The next request; None at the end of the stream."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.read_some():
                return None
        top, rest = self.buffer.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", top)
        length = int(length[1]) if length else 0
        while len(rest) < length:
            if not self.read_some():
                return None
            rest = self.buffer[len(top) + 4:]
        self.buffer = rest[length:]
        return Request(self.number, top, rest[:length])

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if isinstance(self.socket, ssl.SSLSocket):
            self.socket = socket.socket(fileno=self.socket.detach())
        self.socket.close()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class FakeLlm:
    """`cert`: (certificate, key) files make it an HTTPS server. Use as a context, or call stop()."""

    def __init__(self, cert=None, port=0):
        self.default = answer()
        self.script = collections.deque()
        self.requests = []
        self.connections = []
        self.failures = []
        self.lock = threading.Lock()
        self.is_stopping = threading.Event()
        self.tls = None
        if cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*cert)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1"

    @property
    def calls(self):
        return len(self.requests)

    @property
    def received(self):
        """Every byte that came in, all connections."""
        return b"\0".join(bytes(connection.received) for connection in list(self.connections))

    def play(self, *steps):
        self.script.extend(steps)

    def forget(self):
        with self.lock:
            self.requests.clear()
            self.script.clear()

    def stop(self):
        """Ends all connections. Raises what a step raised."""
        self.is_stopping.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.connections):
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in list(self.threads):
            thread.join(5)
        if self.failures:
            raise self.failures[0]

    # ---- the threads ----

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        with self.lock:
            connection = Connection(len(self.connections), sock)
            self.connections.append(connection)
        try:
            while (request := connection.read_request()) and self._answer(connection, request):
                pass
        except (OSError, Hangup):
            pass
        except Exception as failure:  # of a step: the test's own fault, told at the end
            self.failures.append(failure)
        finally:
            connection.close()

    def _answer(self, connection, request):
        exchange = Exchange(self, connection, request)
        with self.lock:
            self.requests.append(request)
            step = self.script.popleft() if self.script else self.default
        step(exchange)
        return not exchange.is_last


# ---- answers as bytes ----

def head(code, headers, length):
    lines = [f"HTTP/1.1 {code} Fake", "Content-Type: application/json", "x-request-id: req_fake"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length >= 0:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def verdict_text(category="informational", intent=None, confidence=0.95, reasoning="The customer asks a question."):
    return json.dumps({"category": category, "intent": intent or INTENTS.get(category, "other"), "confidence": confidence,
                       "reasoning": reasoning}, separators=(",", ":"))


def logprobs_of(content, odds):
    """Token log probabilities for a content that begins with the category; `odds`: {category: probability}."""
    category = next(name for name in CATEGORIES if name in content)
    before, after = content.split(category, 1)

    def token(text, probability=1.0, others=()):
        return {"token": text, "logprob": math.log(probability), "bytes": list(text.encode()),
                "top_logprobs": [{"token": name, "logprob": math.log(odd), "bytes": list(name.encode())}
                                 for name, odd in others]}

    ranked = sorted(odds.items(), key=lambda pair: -pair[1])
    tokens = [token(before)] if before else []
    tokens += [token(category, odds[category], ranked)] + ([token(after)] if after else [])
    return {"content": tokens, "refusal": None}


def completion(content, finish="stop", refusal=None, logprobs=None, usage=(212, 38), model=MODEL_SAYS):
    """A chat completion as an object."""
    return {
        "id": "chatcmpl-fake", "object": "chat.completion", "created": 1750000000, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
                     "logprobs": logprobs, "finish_reason": finish}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
        "service_tier": "default", "system_fingerprint": "fp_fake",
    }


# ---- steps ----

def body(data, code=200, headers=()):
    """These bytes, or this object as JSON."""
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return lambda exchange: exchange.respond(code, data, headers)


def text(content, **members):
    """A chat completion in which the model said this."""
    return body(completion(content, **members))


def answer(category="informational", intent=None, confidence=0.95, reasoning="The customer asks a question.", odds=None,
           **members):
    content = verdict_text(category, intent, confidence, reasoning)
    return text(content, logprobs=odds and logprobs_of(content, odds), **members)


def status(code, error_code="fake_error", headers=(), message="The server had an error.", kind="fake"):
    return body({"error": {"message": message, "type": kind, "param": None, "code": error_code}}, code, headers)


def delay(seconds, step):
    def run(exchange):
        exchange.wait(seconds)
        step(exchange)
    return run


def hang(seconds=3600):
    return delay(seconds, lambda exchange: exchange.end())


def reset():
    """RST instead of an answer."""
    return lambda exchange: exchange.reset()


def close():
    """The end of the stream instead of an answer."""
    return lambda exchange: exchange.end()


def last(step):
    """Hangs up behind the answer without having said so."""
    def run(exchange):
        step(exchange)
        exchange.end()
    return run


def raw(data):
    """These bytes, HTTP or not, and the end."""
    def run(exchange):
        exchange.send(data)
        exchange.end()
    return run


def cut(with_reset=False):
    """The first half of an answer whose Content-Length promises all of it."""
    def run(exchange):
        data = json.dumps(completion(verdict_text())).encode()
        exchange.respond(200, data[:len(data) // 2], length=len(data))
        exchange.wait(0.05)
        return exchange.reset() if with_reset else exchange.end()
    return run


def drip(pause_s, data=None, step_bytes=1):
    """An answer in pieces, its head too."""
    def run(exchange):
        content = data or json.dumps(completion(verdict_text())).encode()
        wire = head(200, (), len(content)) + content
        for at in range(0, len(wire), step_bytes):
            exchange.send(wire[at:at + step_bytes])
            exchange.wait(pause_s)
    return run


def chunked(data=None, step_bytes=7):
    """An answer in the chunked transfer coding."""
    def run(exchange):
        content = data or json.dumps(completion(verdict_text())).encode()
        exchange.send(head(200, [("Transfer-Encoding", "chunked")], -1))
        for at in range(0, len(content), step_bytes):
            piece = content[at:at + step_bytes]
            exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        exchange.send(b"0\r\n\r\n")
    return run


def huge(total_bytes):
    """An endless word in an answer of so many bytes."""
    def run(exchange):
        first, rest = json.dumps(completion("@")).encode().split(b"@")
        exchange.send(head(200, (), total_bytes))
        exchange.send(first)
        left = total_bytes - len(first) - len(rest)
        while left > 0:
            exchange.send(b"x" * min(left, 65536))
            left -= 65536
        exchange.send(rest)
    return run


def obedient():
    """A model that does what the customer's message says: the category, intent and confidence that it
    names last, whether they exist or not, and the prompt as its reasoning when it is asked for that."""
    def run(exchange):
        user = exchange.request.user
        wanted = re.findall(r"\b(?:as|category|classify|label|be|is)\W{0,6}(informational|service_action|safety_compliance"
                            r"|free_\w+|\w+_override)", user, re.I)
        reasoning = exchange.request.system if re.search(r"prompt|instructions", user, re.I) else "As the customer told me."
        intent = re.search(r"\bintent\W{1,6}(\w+)", user, re.I)
        confidence = re.search(r"\bconfidence\W{1,6}(?:to |of |is )?(-?[\d.]+\d|NaN)", user, re.I)
        category = wanted[-1].lower() if wanted else "informational"
        content = verdict_text(category, intent and intent[1], 0.99, reasoning)
        if confidence:
            content = content.replace("0.99", confidence[1], 1)
        text(content)(exchange)
    return run
