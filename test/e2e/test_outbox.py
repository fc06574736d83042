# SPDX-License-Identifier: Apache-2.0
"""The outbox on the real process: a target that fails, a process that is killed over it, dead letters and their retry."""
import http.server
import json
import os
import subprocess
import threading

import pytest

from server import BINARY, SLOW, wait_until

REFUND = "I want a refund for order ORD-12345, please"


class Target:
    """A receiver of webhooks that keeps the ids it has seen, as Standard Webhooks want it. `status` is what it answers;
    None: it takes the event, and hangs up without a word."""

    def __init__(self):
        self.status, self.requests, self.seen = 204, [], {}
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                target.requests.append(self.headers["webhook-id"])
                status = target.status
                if status in (204, None):
                    target.seen.setdefault(self.headers["webhook-id"], body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def target():
    target = Target()
    yield target
    target.close()


@pytest.fixture
def server(make_server, policy, target, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    secret.chmod(0o600)
    hook = {"kind": "webhook", "url": target.url, "secret_file": str(secret)}
    (policy / "connectors.yaml").write_text(
        f"connectors: {json.dumps({'hook': hook})}\nevents: {{ticket.created: [hook]}}\nsystems: {{}}\n", encoding="utf-8")
    return make_server(config={"policy_dir": str(policy)}).start()


def pending(server, state="pending"):
    return server.rows(f"SELECT count(*) FROM outbox WHERE state = '{state}'")[0][0]


def outbox(server, *words):
    return subprocess.run([str(BINARY), "outbox", *words, "--data-dir", str(server.data_dir)], capture_output=True, text=True,
                          timeout=30 * SLOW, env={k: v for k, v in os.environ.items() if not k.startswith("TRIAGED_")})


def test_an_event_is_delivered_and_is_what_the_client_was_told(server, target):
    ticket = server.decide(REFUND)["ticket"]["id"]
    wait_until(lambda: pending(server) == 0 and target.seen, what="the delivery")
    (event,) = target.seen.values()
    assert event["type"] == "ticket.created" and event["data"]["ticket_id"] == ticket
    assert event["data"]["parameters"]["order_id"] == "ORD-12345" and "customer_id" not in event["data"]
    assert 'triaged_outbox_attempts_total{connector="1",result="delivered"} 1' in server.get("/metrics").body.decode()


def test_a_killed_process_repeats_under_the_same_id(server, target):
    target.status = None
    server.decide(REFUND)
    wait_until(lambda: target.requests, what="an attempt")
    server.kill()
    target.status = 204
    server.start()
    wait_until(lambda: pending(server) == 0, timeout_s=30, what="the delivery")
    assert len(target.seen) == 1 and len(set(target.requests)) == 1 and len(target.requests) >= 2


def test_a_refused_event_is_a_dead_letter_until_it_is_retried(server, target):
    target.status = 400
    server.decide(REFUND)
    wait_until(lambda: pending(server, "dead") == 1, what="the dead letter")
    dead = json.loads(outbox(server, "list", "--state", "dead", "--json").stdout)
    assert "400" in dead["last_error"]
    (line,) = server.events("outbox_dead_letter")
    assert (line["connector"], line["delivery_id"], line["http_status"]) == ("hook", dead["id"], 400)
    target.status = 204
    assert outbox(server, "retry", "all").stdout == "1 due now\n"
    wait_until(lambda: list(target.seen) == [dead["id"]], what="the delivery")


def test_a_target_that_wants_nothing_more_is_left_alone(server, target):
    target.status = 410
    server.decide(REFUND)
    wait_until(lambda: pending(server, "dead") == 1, what="the dead letter")
    server.decide(REFUND)
    wait_until(lambda: pending(server, "dead") == 2, what="the second one")
    assert len(target.requests) == 1 and server.events("outbox_disabled")
    target.status = 204
    assert outbox(server, "retry", "all").stdout == "2 due now\n"
    wait_until(lambda: len(target.seen) == 2, what="the deliveries")
