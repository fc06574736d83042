# SPDX-License-Identifier: Apache-2.0
"""Connectors on the real process, against targets that answer in the shapes that each system documents."""
import base64
import hashlib
import hmac
import http.server
import json
import subprocess
import threading
import time
import urllib.parse

import pytest

from server import BINARY, SLOW, wait_until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(range(64, 96))).decode()
REFUND = "I want a refund for order ORD-12345, please"


class Target:
    """Another system: records requests; `answer(method, path, body)` gives (status, JSON or None, headers), and None
    as a whole hangs up without an answer."""

    def __init__(self, answer):
        self.requests = []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target.requests.append((self.command, self.path, dict(self.headers.items()), body))
                reply = answer(self.command, self.path, body)
                if reply is None:
                    self.close_connection = True
                    return
                status, content, headers = reply
                text = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def make_target():
    targets = []

    def make(answer):
        targets.append(Target(answer))
        return targets[-1]

    yield make
    for target in targets:
        target.close()


def set_up(policy, connectors, events="{}"):
    (policy / "connectors.yaml").write_text(
        f"connectors: {json.dumps(connectors)}\nevents: {events}\nsystems: {{}}\n", encoding="utf-8")


def run(policy, *arguments, secret="s3cret"):
    return subprocess.run([BINARY, "connector", *arguments, "--policy-dir", policy], capture_output=True, text=True,
                          timeout=60 * SLOW, env={"PATH": "/usr/bin:/bin", "THE_SECRET": secret})


# kind: options, (method, path) of creation, answer to it, id there, start of the search's path, its answer, where the id
# of the delivery stands in what is sent, the header of the key.
CONTRACTS = {
    "rt": ({"queue": "General"}, "/REST/2.0/ticket", {"id": "20", "type": "ticket", "_url": "x"}, "20",
           "/REST/2.0/tickets?", {"count": 1, "items": [{"id": "20", "type": "ticket"}]}, {"count": 0, "items": []},
           lambda sent: sent["Subject"], "token s3cret"),
    "zammad": ({"group": "Users", "customer": "guess:a@b.example"}, "/api/v1/tickets", {"id": 7, "number": "10007"}, "7",
               "/api/v1/tickets/search?", [{"id": 7, "title": "x"}], [], lambda sent: sent["title"], "Token token=s3cret"),
    "jira": ({"project": "DESK"}, "/rest/api/2/issue", {"id": "10000", "key": "DESK-24"}, "DESK-24",
             "/rest/api/2/search/jql?", {"issues": [{"key": "DESK-24"}]}, {"issues": []},
             lambda sent: sent["fields"]["labels"][0], "Bearer s3cret"),
    "jira_service_management": ({"service_desk": "1", "request_type": "2"}, "/rest/servicedeskapi/request",
                                {"issueId": "1", "issueKey": "HELP-1"}, "HELP-1", "/rest/api/2/search/jql?",
                                {"issues": [{"key": "HELP-1"}]}, {"issues": []},
                                lambda sent: sent["requestFieldValues"]["summary"], "Bearer s3cret"),
    "zendesk": ({}, "/api/v2/tickets.json", {"ticket": {"id": 35436}}, "35436", "/api/v2/tickets.json?",
                {"tickets": [{"id": 35436}]}, {"tickets": []}, lambda sent: sent["ticket"]["external_id"], "Bearer s3cret"),
}


@pytest.mark.parametrize("kind", CONTRACTS)
def test_each_system_gets_its_request_and_is_searched_before_it_gets_another(kind, policy, make_target):
    options, path, created, there, search_path, found, nothing, marked, authorization = CONTRACTS[kind]
    answers = {"search": nothing}
    target = make_target(lambda method, _path, _body: (201, created, {}) if method == "POST" else (200, answers["search"], {}))
    set_up(policy, {"desk": {"kind": kind, "url": target.url + "/", "secret_variable": "THE_SECRET", "options": options,
                             "settle_seconds": 0}})
    sent = run(policy, "test", "desk", "--id", "evt_1.a-b")
    assert sent.returncode == 0 and f"id there: {there}" in sent.stdout, sent
    search, create = target.requests
    assert search[0] == "GET" and search[1].startswith(search_path)
    assert "evt_1.a-b" in urllib.parse.unquote(search[1].partition("?")[2])
    assert create[:2] == ("POST", path)
    assert create[2]["Authorization"] == search[2]["Authorization"] == authorization
    body = json.loads(create[3])
    assert "evt_1.a-b" in marked(body)
    assert 'Characters that need care: "quotes", <tags>, é, 日本.' in json.dumps(body, ensure_ascii=False).replace('\\"', '"')
    answers["search"] = found
    again = run(policy, "test", "desk", "--id", "evt_1.a-b")
    assert again.returncode == 0 and f"id there: {there}" in again.stdout
    assert [request[0] for request in target.requests] == ["GET", "POST", "GET"]


def test_a_user_makes_it_basic_and_zendesk_knows_a_repeated_key(policy, make_target):
    target = make_target(lambda *_: (201, {"ticket": {"id": 1}}, {}))
    set_up(policy, {"desk": {"kind": "zendesk", "url": target.url, "user": "a@b.example/token",
                             "secret_variable": "THE_SECRET"}})
    assert run(policy, "test", "desk").returncode == 0
    headers = target.requests[0][2]
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"a@b.example/token:s3cret"
    assert headers["Idempotency-Key"].startswith("test_")


def test_a_webhook_is_signed_with_each_secret(policy, make_target):
    target = make_target(lambda *_: (204, None, {}))
    set_up(policy, {"hook": {"kind": "webhook", "url": target.url + "/in", "secret_variable": "THE_SECRET"}})
    assert run(policy, "test", "hook", secret=f"{SECRET},{OLD_SECRET}").returncode == 0
    _, path, headers, body = target.requests[0]
    assert path == "/in" and json.loads(body)["type"] == "ticket.created"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60 * SLOW
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = ["v1," + base64.b64encode(hmac.digest(base64.b64decode(secret[6:]), signed, hashlib.sha256)).decode()
                for secret in (SECRET, OLD_SECRET)]
    assert headers["webhook-signature"].split(" ") == expected


# status or None (hangs up), and what is said about it.
RESULTS = [(200, "delivered"), (302, "refused"), (400, "refused"), (401, "not done"), (404, "refused"), (408, "not done"),
           (410, "wants nothing more"), (409, "unknown"), (429, "not done"), (500, "unknown"), (502, "unknown"),
           (503, "not done"), (504, "unknown"), (None, "unknown")]


@pytest.mark.parametrize("status,result", RESULTS)
def test_what_an_answer_means(status, result, policy, make_target):
    headers = {"Retry-After": "7", "Location": "/elsewhere"}
    target = make_target(lambda *_: None if status is None else (status, {}, headers))
    set_up(policy, {"hook": {"kind": "http", "url": target.url, "body": '"{payload}"'}})
    done = run(policy, "test", "hook")
    assert done.stdout.startswith(result) or result in done.stdout.splitlines()[0]
    assert len(target.requests) == 1
    assert status is None or ("7000 ms" in done.stdout and f"HTTP status: {status}" in done.stdout)


def test_a_slow_target_is_unknown_and_a_missing_one_not_done(policy, make_target):
    release = threading.Event()
    target = make_target(lambda *_: release.wait(20) and None)
    connector = {"kind": "http", "url": target.url, "body": '"{payload}"', "timeout_seconds": 1}
    set_up(policy, {"hook": connector, "gone": {**connector, "url": "http://127.0.0.1:1"}})
    assert run(policy, "test", "hook").stdout.startswith("unknown")
    release.set()
    assert run(policy, "test", "gone").stdout.startswith("not done")


def test_without_its_secret_nothing_is_sent_and_the_remedy_is_said(policy, make_target, tmp_path):
    target = make_target(lambda *_: (200, {}, {}))
    secret_file = tmp_path / "secret"
    secret_file.write_text("abc\n")
    secret_file.chmod(0o644)
    set_up(policy, {"one": {"kind": "rt", "url": target.url, "secret_variable": "NOT_THERE", "options": {"queue": "a"}},
                    "two": {"kind": "rt", "url": target.url, "secret_file": str(secret_file), "options": {"queue": "a"}}})
    listed = run(policy, "list")
    assert listed.returncode == 1
    assert "the environment variable NOT_THERE is not set" in listed.stdout and f"chmod 600 {secret_file}" in listed.stdout
    assert run(policy, "test", "one").stdout.startswith("not done") and not target.requests


def test_the_server_delivers_through_the_outbox_once_though_the_answer_was_lost(make_server, policy, make_target, tmp_path):
    tickets = {}
    lost = []

    def answer(method, path, body):
        if method == "GET":
            wanted = urllib.parse.unquote(path).split("'")[1]
            found = [number for number, subject in tickets.items() if wanted in subject]
            return 200, {"items": [{"id": number} for number in found]}, {}
        number = str(len(tickets) + 1)
        tickets[number] = json.loads(body)["Subject"]
        if not lost:
            lost.append(number)
            return None
        return 201, {"id": number}, {}

    target = make_target(answer)
    secret_file = tmp_path / "secret"
    secret_file.write_text("1-2-abc\n")
    secret_file.chmod(0o600)
    set_up(policy, {"desk": {"kind": "rt", "url": target.url, "secret_file": str(secret_file), "options": {"queue": "General"}}},
           events="{ticket.created: [desk]}")
    server = make_server(config={"policy_dir": str(policy)}).start()
    server.decide(REFUND)
    wait_until(lambda: server.rows("SELECT count(*) FROM outbox")[0][0] == 0, timeout_s=40, what="the delivery")
    assert len(tickets) == 1
    assert [request[0] for request in target.requests] == ["POST", "GET"]


VERIFY = """
const [library, secret, payload, headers] = process.argv.slice(1);
const { Webhook } = require(library);
new Webhook(secret).verify(payload, JSON.parse(headers));
try {
    new Webhook(secret).verify(payload + ' ', JSON.parse(headers));
} catch (error) {
    console.log('verified');
}
"""


@pytest.fixture(scope="session")
def verifiers(tmp_path_factory):
    """The folder of the reference verifiers, as npm gives them."""
    directory = tmp_path_factory.mktemp("npm")
    try:
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "standardwebhooks@1.1.1", "svix@1.99.1"],
                       cwd=directory, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as why:
        pytest.skip(f"npm cannot bring standardwebhooks and svix: {why}")
    return directory


@pytest.mark.parametrize("library", ["standardwebhooks", "svix"])
def test_the_reference_verifiers_accept_our_signature(library, verifiers, policy, make_target):
    target = make_target(lambda *_: (204, None, {}))
    set_up(policy, {"hook": {"kind": "webhook", "url": target.url, "secret_variable": "THE_SECRET"}})
    assert run(policy, "test", "hook", secret=SECRET).returncode == 0
    _, _, headers, body = target.requests[0]
    signed = json.dumps({name: headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")})
    done = subprocess.run(["node", "-e", VERIFY, library, SECRET, body.decode(), signed], cwd=verifiers,
                          capture_output=True, text=True, timeout=60)
    assert done.stdout == "verified\n", done
