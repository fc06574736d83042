# SPDX-License-Identifier: Apache-2.0
"""Spans at an OpenTelemetry collector: well-formed, in the caller's trace, without personal data; and a
collector that is not there costs spans, never answers."""
import http.server
import json
import re
import socket
import threading
import time

import pytest

from fake_llm import answer as llm_answer
from fake_llm import MODEL_SAYS, FakeLlm, status
from server import LLM_KEY, SLOW, classify_bytes, in_threads, tally, wait_until

QUESTION = "What are your opening hours?"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"
ATTRIBUTES = {"http.request.method", "http.route", "http.response.status_code", "triaged.category", "triaged.intent",
              "triaged.source", "error.type"}


class Collector:
    """A tiny one: keeps what was posted and answers with `statuses`, the last one for ever."""

    def __init__(self, statuses=(200,)):
        self.statuses = list(statuses)
        self.requests = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((self.requestline.split()[1], self.headers, body))  # .path merges slashes
                is_last = len(collector.statuses) == 1
                self.send_response(collector.statuses[0] if is_last else collector.statuses.pop(0))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.httpd.serve_forever, daemon=True)
        self.thread.start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.httpd.server_port}"

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join()

    def spans(self):
        spans = []
        for path, headers, body in self.requests:
            assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
            spans += spans_of(json.loads(body))
        return spans


def spans_of(request):
    assert list(request) == ["resourceSpans"] and len(request["resourceSpans"]) == 1
    part = request["resourceSpans"][0]
    assert value_of(part["resource"]["attributes"], "service.name") == "triaged"
    assert len(part["scopeSpans"]) == 1 and part["scopeSpans"][0]["scope"]["name"] == "triaged"
    return part["scopeSpans"][0]["spans"]


def value_of(attributes, key):
    values = [attribute["value"] for attribute in attributes if attribute["key"] == key]
    assert len(values) <= 1, f"{key} stands twice"
    return next(iter(values[0].values())) if values else None


def check_span(span):
    assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
    assert span["name"] == "POST /api/v1/classify" and span["kind"] == 2
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    assert 0 < end - start < 10e9 * SLOW
    assert abs(time.time_ns() - end) < 60e9 * SLOW
    assert {attribute["key"] for attribute in span["attributes"]} <= ATTRIBUTES
    assert value_of(span["attributes"], "http.request.method") == "POST"
    assert value_of(span["attributes"], "http.route") == "/api/v1/classify"


@pytest.fixture
def make_collector():
    collectors = []

    def make(*args):
        collectors.append(Collector(*args))
        return collectors[-1]

    yield make
    for collector in collectors:
        collector.close()


def start(make_server, collector, **otlp):
    return make_server(config={"otlp": {"endpoint": collector.endpoint, **otlp}}).start()


def test_a_span_joins_the_caller_s_trace(make_server, make_collector):
    collector = make_collector()
    server = start(make_server, collector)
    answer = server.classify(QUESTION, {"traceparent": SAMPLED})
    ours = answer.header("traceparent").split("-")
    server.stop()
    [span] = collector.spans()
    check_span(span)
    assert ours[2] != CALLER
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (TRACE, ours[2], CALLER)
    assert value_of(span["attributes"], "http.response.status_code") == "200"
    assert value_of(span["attributes"], "triaged.category") == answer.json["category"]
    assert value_of(span["attributes"], "triaged.intent") == answer.json["intent"]
    assert value_of(span["attributes"], "triaged.source") == answer.json["classifier"]["source"]
    assert span["status"] == {"code": 1}


def test_each_attempt_at_an_llm_has_a_span(make_server, make_collector):
    collector = make_collector()
    with FakeLlm() as fake:
        fake.play(status(500), llm_answer("service_action", "refund"))
        server = make_server(config={"otlp": {"endpoint": collector.endpoint}, "mode": "llm", "llm": {
            "base_url": fake.url, "model": "asked-model", "api_key": LLM_KEY}}).start()
        assert server.classify(QUESTION, {"traceparent": SAMPLED}).json["classifier"]["source"] == "llm"
        server.stop()
        sent = [request.header("traceparent").split("-") for request in fake.requests]
    spans = collector.spans()
    [message] = [span for span in spans if span["kind"] == 2]
    first, second = sorted((span for span in spans if span["kind"] == 3), key=lambda span: int(span["startTimeUnixNano"]))
    for span, (_, trace, parent, flags) in zip((first, second), sent):
        attributes = {attribute["key"]: next(iter(attribute["value"].values())) for attribute in span["attributes"]}
        assert (span["traceId"], span["spanId"], flags) == (TRACE, parent, "01") and trace == TRACE
        assert span["parentSpanId"] == message["spanId"] and span["name"] == "chat"
        expected = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "asked-model",
                    "server.address": "127.0.0.1", "server.port": str(fake.port)}
        if span is first:
            expected["error.type"] = "server_error"
        else:
            expected |= {"gen_ai.response.model": MODEL_SAYS, "gen_ai.usage.input_tokens": "212", "gen_ai.usage.output_tokens": "38"}
        assert attributes == expected
    assert (first["status"], second["status"]) == ({"code": 2}, {"code": 1})


def test_a_trace_begins_here_without_one(make_server, make_collector):
    collector = make_collector()
    server = make_server(config={"otlp": {"endpoint": collector.endpoint + "/"}}).start()
    version, trace, own, flags = server.classify(QUESTION).header("traceparent").split("-")
    server.get("/api/v1/health")
    server.stop()
    [span] = collector.spans()
    check_span(span)
    assert (span["traceId"], span["spanId"]) == (trace, own)
    assert (version, flags) == ("00", "01")
    assert "parentSpanId" not in span


def test_refusals_have_spans_too(make_server, make_collector):
    collector = make_collector()
    server = start(make_server, collector)
    assert server.post(b"{}", {"traceparent": SAMPLED}).status == 400
    server.stop()
    [span] = collector.spans()
    check_span(span)
    assert value_of(span["attributes"], "http.response.status_code") == "400"
    assert value_of(span["attributes"], "error.type") == "validation_error"
    assert value_of(span["attributes"], "triaged.category") is None
    assert span["status"] == {"code": 1}, "the client's mistake is no failure of ours"


def test_a_client_that_goes_away_leaves_a_span(make_server, make_collector):
    collector = make_collector()
    server = start(make_server, collector)
    with server.write_lock():
        wire = server.wire()
        wire.send(classify_bytes(QUESTION, [("traceparent", SAMPLED)]))
        wait_until(lambda: server.metrics()["triaged_in_flight"] == 1, what="the message to be worked on")
        wire.reset()
        wait_until(lambda: server.metrics()["triaged_in_flight"] == 0, what="the client to be missed")
    server.stop()
    [span] = collector.spans()
    check_span(span)
    assert value_of(span["attributes"], "http.response.status_code") is None
    assert value_of(span["attributes"], "error.type") == "cancelled"
    assert span["status"] == {"code": 2}


@pytest.mark.parametrize("percent, sent, is_exported", [
    (0, None, False),
    (0, SAMPLED, True),
    (100, NOT_SAMPLED, False),
    (100, "00-nonsense", True),
])
def test_who_decides_about_sampling(make_server, make_collector, percent, sent, is_exported):
    collector = make_collector()
    server = start(make_server, collector, sample_percent=percent)
    server.classify(QUESTION, {"traceparent": sent} if sent else None)
    server.stop()
    assert len(collector.spans()) == is_exported


def test_nothing_personal_leaves(make_server, make_collector):
    collector = make_collector()
    server = start(make_server, collector)
    text = "Cancel ORD-12345, I am zelda.canary@mail.example.org and my card is 4111 1111 1111 1111."
    key = {"traceparent": SAMPLED, "X-Request-ID": "zelda.canary@mail.example.org", "Idempotency-Key": "4111111111111111"}
    assert server.classify(text, key).status == 200
    assert server.classify(text, key).status == 200, "the replay"
    assert server.classify("My arm hurts since I used it. zelda.canary@mail.example.org").status == 200
    assert server.request("POST", "/api/v1/classify?mail=zelda.canary@mail.example.org", b"x").status >= 400
    server.stop()
    assert len(collector.spans()) == 4
    for _, headers, body in collector.requests:
        whole = (str(headers) + body.decode()).lower()
        for piece in ("zelda", "canary", "4111", "12345", "arm hurts"):
            assert piece not in whole, piece


def test_spans_leave_by_themselves_and_in_batches(make_server, make_collector):
    collector = make_collector()
    server = start(make_server, collector)
    answers = in_threads([lambda: [server.classify(QUESTION) for _ in range(150)] for _ in range(4)])
    assert all(answer.status == 200 for row in answers for answer in row)
    wait_until(lambda: len(collector.spans()) == 600, 15, "all spans")
    assert len(collector.requests) <= 3
    assert len({span["spanId"] for span in collector.spans()}) == 600
    metrics = wait_until(lambda: (found := server.metrics())["triaged_spans_exported_total"] == 600 and found)
    assert metrics["triaged_spans_dropped_total"] == 0


def test_a_dead_collector_costs_spans_only(make_server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = make_server(config={"otlp": {"endpoint": f"http://127.0.0.1:{unused.getsockname()[1]}"}}).start()
        assert tally([server.classify(QUESTION) for _ in range(20)]) == {200: 20}
        wait_until(lambda: server.metrics()["triaged_spans_dropped_total"] == 20, 15, "the spans to be dropped")
        assert server.metrics()["triaged_spans_exported_total"] == 0
        assert server.decide(QUESTION)["category"] == "informational"
        assert len(server.events("spans_failed")) == 1
        server.stop()
    assert len(server.events("spans_failed")) == 1, "told once"


def test_a_second_try_helps_and_there_is_no_third(make_server, make_collector):
    collector = make_collector([503, 200])
    server = start(make_server, collector)
    server.classify(QUESTION)
    wait_until(lambda: server.metrics()["triaged_spans_exported_total"] == 1, 15, "the second try")
    assert len(collector.requests) == 2 and collector.requests[0][2] == collector.requests[1][2]
    assert server.events("spans_failed") == []
    collector.statuses = [429]
    server.classify(QUESTION)
    wait_until(lambda: server.metrics()["triaged_spans_dropped_total"] == 1, 15, "the drop")
    assert len(collector.requests) == 4
    collector.statuses = [400]
    server.classify(QUESTION)
    wait_until(lambda: server.metrics()["triaged_spans_dropped_total"] == 2, 15, "the refused batch")
    assert len(collector.requests) == 5, "a refusal is final"
    assert [line["reason"] for line in server.events("spans_failed")] == ["the collector answered 429"]
    collector.statuses = [200]
    server.classify(QUESTION)
    server.stop()
    assert len(server.events("spans_recovered")) == 1


def test_a_hanging_collector_does_not_hold_up_the_end(make_server):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        server = make_server(config={"otlp": {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}/"}}).start()
        server.classify(QUESTION)
        before = time.monotonic()
        server.stop()
        assert time.monotonic() - before < 5 * SLOW


def test_the_proxy_of_the_environment_is_not_used(make_server, make_collector):
    collector = make_collector()
    env = {name: "http://127.0.0.1:9" for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}
    server = make_server(config={"otlp": {"endpoint": collector.endpoint}}, env=env).start()
    server.classify(QUESTION)
    server.stop()
    assert len(collector.spans()) == 1


def test_off_by_default(shared):
    assert shared.classify(QUESTION).header("traceparent").endswith("-00")
    assert shared.metrics()["triaged_spans_exported_total"] == 0
    assert shared.metrics()["triaged_spans_dropped_total"] == 0
