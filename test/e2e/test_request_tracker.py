# SPDX-License-Identifier: Apache-2.0
"""Tickets that reach Debian's Request Tracker 5 exactly once, though answers are lost and the server is killed.

Optional (script/test --rt): needs the packages request-tracker5, rt5-db-sqlite and rt5-standalone. RT runs on a fresh
SQLite database in a folder of the test and on a free loopback port; nothing of the machine's own RT is touched."""
import http.client
import http.server
import json
import os
import random
import socket
import subprocess
import threading
import urllib.request

import pytest

from server import free_port, wait_until

MESSAGES = 12
CONFIG = """Set($rtname, 'test');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{directory}/rt.db');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($MailCommand, 'testfile');
1;
"""
TOKEN = """use lib '/usr/share/request-tracker5/lib';
use RT -init;
my $root = RT::User->new(RT->SystemUser);
$root->Load('root');
my $token = RT::AuthToken->new(RT->SystemUser);
my ($ok, $text, $value) = $token->Create(Owner => $root->Id, Description => 'triaged');
die $text unless $ok;
print $value;
"""


class RequestTracker:
    def __init__(self, directory):
        self.port = free_port()
        directory.mkdir()
        (directory / "none.d").mkdir()
        (directory / "RT_SiteConfig.pm").write_text(CONFIG.format(directory=directory, port=self.port))
        self.environment = {**os.environ, "RT_SITE_CONFIG": str(directory / "RT_SiteConfig.pm"),
                            "RT_SITE_CONFIG_DIR": str(directory / "none.d")}
        subprocess.run(["rt-setup-database-5", "--action", "init", "--skip-create"], env=self.environment, check=True,
                       capture_output=True, timeout=300)
        self.token = subprocess.run(["perl", "-e", TOKEN], env=self.environment, check=True, capture_output=True, text=True,
                                    timeout=60).stdout.strip()
        with open(directory / "log", "wb") as log:
            self.process = subprocess.Popen(["/usr/share/request-tracker5/libexec/rt-server", "--port", str(self.port)],
                                            env=self.environment, stdout=log, stderr=log)
        wait_until(self.answers, timeout_s=90, what="Request Tracker")

    def answers(self):
        assert self.process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def get(self, path):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/REST/2.0/{path}",
                                         headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def subjects(self):
        page = self.get("tickets?per_page=100&fields=Subject&query=id%3E0")
        return [item["Subject"] for item in page["items"]]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Unreliable:
    """In front of RT: carries every request out, and loses every other answer to a POST."""

    def __init__(self, port):
        self.lost = self.seen = 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if self.headers[name]}
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if self.command == "POST":
                    proxy.seen += 1
                    if proxy.seen % 2:
                        proxy.lost += 1
                        self.close_connection = True
                        return
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    running = RequestTracker(tmp_path_factory.mktemp("rt") / "rt")
    yield running
    running.stop()


def test_each_ticket_is_there_once(tracker, make_server, policy, tmp_path):
    proxy = Unreliable(tracker.port)
    secret = tmp_path / "token"
    secret.write_text(tracker.token)
    secret.chmod(0o600)
    desk = {"kind": "rt", "url": proxy.url, "secret_file": str(secret), "options": {"queue": "General"}, "timeout_seconds": 30}
    (policy / "connectors.yaml").write_text(
        f"connectors: {json.dumps({'desk': desk})}\nevents: {{ticket.created: [desk]}}\nsystems: {{}}\n")
    server = make_server(config={"policy_dir": str(policy)}).start()
    rng = random.Random(7)
    for number in range(MESSAGES):
        assert server.decide(f"I want a refund for order ORD-{10000 + number}, please")["ticket"]
        if number % 4 == 3:
            wait_until(lambda seen=proxy.seen: proxy.seen > seen or not pending(server), timeout_s=20, what="a request")
            if rng.random() < 0.9:
                server.kill()
                server.start()
    wait_until(lambda: not pending(server), timeout_s=240, what="all deliveries")
    subjects = tracker.subjects()
    assert proxy.lost > 0
    assert len(subjects) == MESSAGES and len(set(subjects)) == MESSAGES, subjects
    print(f"{MESSAGES} tickets, {proxy.seen} creations sent, {proxy.lost} answers lost, each there once")


def pending(server):
    return server.rows("SELECT count(*) FROM outbox")[0][0]
