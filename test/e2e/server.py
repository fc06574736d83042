# SPDX-License-Identifier: Apache-2.0
"""The real process under test: started on a free loopback port, spoken to over real sockets.

A Server owns its process and its directory's config file. stop() checks what must hold for every
run: exit status 0 after SIGTERM, only JSON in the log, no report of a sanitizer.
"""
import collections
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import vault

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TRIAGED_BIN", ROOT / "build" / "triaged")).resolve()
SLOW = float(os.environ.get("E2E_SLOW_FACTOR", "1"))
REPORT = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer|runtime error:|Assertion .* failed)")
PR_SET_PDEATHSIG = 1
LLM_KEY = "sk-test-Zq7mWv3KxT9bRp2LdYh5Nc8"
libc = ctypes.CDLL(None, use_errno=True)


def is_sanitized():
    """Whether the binary brings a sanitizer's runtime: then it is slower and larger."""
    data = BINARY.read_bytes() if BINARY.exists() else b""
    return b"__asan_init" in data or b"__tsan_init" in data


def wait_until(condition, timeout_s=10.0, what="the condition"):
    """Polls until `condition` returns something true, and returns that."""
    end = time.monotonic() + timeout_s * SLOW
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"timed out waiting for {what}"
        time.sleep(0.01)


def free_port():
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def yaml_of(config):
    """Settings as YAML: {"http": {"max_body_bytes": 1024}, "mode": "local"}."""
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name}: {json.dumps(item)}" for name, item in value.items()]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


class Answer:
    """One HTTP answer. Header names are looked up without case."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Wire:
    """A raw connection: bytes out, answers in."""

    def __init__(self, port, timeout_s=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s * SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def reset(self):
        """Ends with RST, as a machine does that lost its power or its patience."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, is_head=False):
        """The next answer, or None at the end of the stream."""
        line = self.file.readline()
        if not line:
            return None
        assert re.fullmatch(rb"HTTP/1\.1 \d{3} [ -~]*\r\n", line), line
        headers = []
        while (field := self.file.readline()) != b"\r\n":
            assert field.endswith(b"\r\n") and b":" in field, field
            name, value = field[:-2].decode("latin-1").split(":", 1)
            headers.append((name, value.strip()))
        answer = Answer(int(line[9:12]), headers, b"")
        if answer.status == 100:
            return answer
        length = int(answer.header("Content-Length") or 0)
        if not is_head:
            answer.body = self.file.read(length)
            assert len(answer.body) == length, "the body was cut"
        return answer

    def is_closed_by_peer(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def request_bytes(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def classify_bytes(text, headers=(), **members):
    body = json.dumps({"message": text, **members}).encode()
    return request_bytes("POST", "/api/v1/classify", body, [("Content-Type", "application/json"), *headers])


class Server:
    def __init__(self, directory, config=None, env=None, flags=(), wrapper=(), listen="127.0.0.1:0", data_dir=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.listen = listen
        self.data_dir = pathlib.Path(data_dir or self.directory / "data")
        self.config_path = self.directory / "config.yaml"
        self.config = {"rate_limit": {"per_minute": 0}, "workers": 2, **(config or {})}
        self.env = env or {}
        self.flags = list(flags)
        self.wrapper = list(wrapper)
        self.process = None
        self.port = None
        self.runs = 0

    # ---- the process ----

    def environment(self):
        env = {key: value for key, value in os.environ.items() if not key.startswith("TRIAGED_")}
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=98")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=98")
        env.setdefault("TSAN_OPTIONS", f"exitcode=97:suppressions={ROOT / 'test' / 'e2e' / 'tsan.supp'}")
        return {**env, **self.env}

    def command(self):
        return [*self.wrapper, str(BINARY), "serve", "--config", str(self.config_path), "--listen", self.listen,
                "--data-dir", str(self.data_dir), *self.flags]

    def launch(self):
        """Starts the process and does not wait for anything."""
        assert self.process is None, "runs already"
        assert BINARY.exists(), f"{BINARY} is missing: build it, or name another with TRIAGED_BIN"
        self.config_path.write_text(yaml_of(self.config))
        self.runs += 1
        self.out_path = self.directory / f"run{self.runs}.out"
        self.err_path = self.directory / f"run{self.runs}.err"
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=self.environment(), preexec_fn=die_with_parent)

    def start(self, timeout_s=10.0):
        self.launch()
        started = wait_until(self._started, timeout_s, "the log line `started`")
        self.port = int(started["listen"].rsplit(":", 1)[1])
        wait_until(lambda: self.get("/api/v1/ready").status == 200, timeout_s, "ready")
        return self

    def _started(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.output()}"
        return next((line for line in self.log() if line.get("event") == "started"), None)

    def wait(self, timeout_s=15.0):
        """Waits for the process to end by itself; its exit status."""
        status = self.process.wait(timeout_s * SLOW)
        self.process = None
        self.check_output()
        return status

    def stop(self, timeout_s=15.0):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.wait(timeout_s)
        assert status == 0, f"exit status {status} after SIGTERM: {self.output()[-3000:]}"

    def fail(self, timeout_s=15.0):
        """Starts a process that must not come up; its exit status."""
        self.launch()
        status = self.process.wait(timeout_s * SLOW)
        self.process = None
        assert not REPORT.search(self.output()), self.output()
        assert status > 0 and not self.events("started"), (status, self.output())
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def discard(self):
        """For a test that has failed already: end it, check nothing."""
        if self.process is not None:
            self.kill()

    def signal(self, number):
        self.process.send_signal(number)

    # ---- what it says ----

    def output(self):
        return self.out_path.read_text(errors="replace") + self.err_path.read_text(errors="replace")

    def log(self):
        """The complete log lines so far, parsed."""
        lines = []
        for path in (self.out_path, self.err_path):
            text = path.read_text(errors="replace")
            for line in text[:text.rfind("\n") + 1].splitlines():
                with contextlib.suppress(json.JSONDecodeError):
                    lines.append(json.loads(line))
        return lines

    def events(self, name):
        return [line for line in self.log() if line["event"] == name]

    def check_output(self):
        text = self.output()
        assert not REPORT.search(text), text[-6000:]
        for line in text.splitlines():
            parsed = json.loads(line) if line.startswith("{") else None
            assert isinstance(parsed, dict) and "event" in parsed, f"not a log line: {line!r}"

    # ---- HTTP ----

    def wire(self, timeout_s=10.0):
        return Wire(self.port, timeout_s)

    def request(self, method, path, body=None, headers=None, timeout_s=10.0):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s * SLOW)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def post(self, body, headers=None):
        """POST /api/v1/classify with these bytes."""
        return self.request("POST", "/api/v1/classify", body, {"Content-Type": "application/json", **(headers or {})})

    def classify(self, text, headers=None, **members):
        return self.post(json.dumps({"message": text, **members}).encode(), headers)

    def decide(self, text, headers=None, **members):
        """The decision; fails unless it was a 200."""
        answer = self.classify(text, headers, **members)
        assert answer.status == 200, answer
        return answer.json

    def metrics(self):
        """Samples as {'name{labels}': value}."""
        samples = {}
        for line in self.get("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    # ---- the store ----

    @property
    def database(self):
        return self.data_dir / "triaged.db"

    def rows(self, sql, *values):
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)
        try:
            vault.open_views(connection, (self.data_dir / "master.key").read_bytes())
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def count(self, table):
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]

    @contextlib.contextmanager
    def write_lock(self):
        """Holds the database's write lock, as a backup program might. Commits wait for about
        250 ms and then fail, so that what is held up is in flight for as long."""
        connection = sqlite3.connect(self.database, isolation_level=None, timeout=5)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    # ---- the command line ----

    def cli(self, *args, stdin=None, env=None, timeout_s=30.0):
        """Runs `triaged ARGS`; the completed process, its output as text."""
        return subprocess.run([str(BINARY), *map(str, args)], input=stdin, capture_output=True, text=True,
                              cwd=self.directory, env={**self.environment(), **(env or {})}, timeout=timeout_s * SLOW)

    def add_key(self, name, scope, *more):
        done = self.cli("key", "add", "--name", name, "--scope", scope, "--data-dir", self.data_dir, *more)
        assert done.returncode == 0, done
        keys = re.findall(r"\btk_[A-Za-z0-9_-]{43}", done.stdout)
        assert len(keys) == 1, done.stdout
        return keys[0]


def in_threads(jobs):
    """Runs the callables at the same time; their results in order. Raises what the first one raised."""
    results = [None] * len(jobs)
    failures = []

    def run(index):
        try:
            results[index] = jobs[index]()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def tally(answers):
    return collections.Counter(answer.status for answer in answers)


def check_problem(answer, status, code):
    """Every error is a problem+json with the standard members and the older ones."""
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json", answer.headers
    body = answer.json
    assert body["error"] == code, body
    assert body["status"] == status
    for member in ("type", "title", "detail", "error", "message", "request_id"):
        assert isinstance(body[member], str) and body[member], (member, body)
    if answer.header("X-Request-ID"):
        assert answer.header("X-Request-ID") == body["request_id"]
    return body
