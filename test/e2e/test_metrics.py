# SPDX-License-Identifier: Apache-2.0
"""GET /metrics: valid exposition, counters that move, nothing of what customers write."""
import collections
import re

import pytest

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r'\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*")*\}'
SAMPLE = re.compile(rf"({NAME})({LABELS})? (-?[0-9.eE+-]+|\+Inf|NaN)")
QUESTION = "What are your opening hours?"


def exposition(server):
    answer = server.get("/metrics")
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain; version=0.0.4")
    return answer.body.decode()


def test_exposition_parses(shared):
    shared.classify(QUESTION)
    types, helps, series = {}, set(), []
    text = exposition(shared)
    assert text.endswith("\n")
    for line in text.splitlines():
        if match := re.fullmatch(rf"# HELP ({NAME}) .+", line):
            assert match[1] not in helps, "one HELP a metric"
            helps.add(match[1])
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            types[match[1]] = match[2]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            family = re.sub(r"_(bucket|sum|count)$", "", sample[1])
            assert sample[1] in types or types.get(family) == "histogram", line
            series.append((sample[1], sample[2]))
    assert len(series) == len(set(series)), "no series twice"
    assert set(types) == helps
    for name, kind in types.items():
        assert (kind == "counter") == name.endswith("_total"), name


def test_histograms_are_cumulative(shared):
    shared.classify(QUESTION)
    buckets = collections.defaultdict(list)
    samples = shared.metrics()
    for name, value in samples.items():
        if match := re.fullmatch(r'(\w+)_bucket\{(.*?),?le="([^"]+)"\}', name):
            buckets[match[1], match[2]].append((float(match[3]), value))
    assert buckets
    for (name, labels), values in buckets.items():
        assert [bound for bound, _ in values] == sorted(bound for bound, _ in values)
        assert [count for _, count in values] == sorted(count for _, count in values)
        assert values[-1][0] == float("inf")
        assert values[-1][1] == samples[f"{name}_count" + (f"{{{labels}}}" if labels else "")]


@pytest.mark.parametrize("text, sample", [
    (QUESTION, 'triaged_messages_total{category="informational"}'),
    ("Cancel my order ORD-1.", 'triaged_messages_total{category="service_action"}'),
    ("I have chest pain.", 'triaged_messages_total{category="safety_compliance"}'),
    ("I have chest pain.", 'triaged_safety_total{severity="urgent"}'),
    ("I have chest pain.", 'triaged_decisions_total{source="safety_net"}'),
    (QUESTION, 'triaged_decisions_total{source="local"}'),
    (QUESTION, 'triaged_messages_by_channel_total{channel="voice"}'),
    (QUESTION, 'triaged_requests_total{route="classify",status="200"}'),
    (QUESTION, "triaged_confidence_count"),
    (QUESTION, "triaged_store_commit_duration_seconds_count"),
    (QUESTION, "triaged_store_batch_size_sum"),
    (QUESTION, 'triaged_request_duration_seconds_count{route="classify"}'),
])
def test_a_message_moves_its_counters_by_one(shared, text, sample):
    before = shared.metrics().get(sample, 0)
    assert shared.classify(text, channel="voice").status == 200
    assert shared.metrics()[sample] == before + 1


def test_refusals_are_counted(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 1}}).start()
    server.classify(QUESTION)
    server.classify(QUESTION)
    server.post(b"{")
    server.get("/nowhere")
    samples = server.metrics()
    assert samples["triaged_rate_limited_total"] == 1
    assert samples['triaged_requests_total{route="classify",status="429"}'] == 1
    assert samples['triaged_requests_total{route="classify",status="400"}'] == 1
    assert samples['triaged_requests_total{route="other",status="404"}'] == 1


def test_replay_is_not_a_second_message(shared):
    headers = {"Idempotency-Key": "metrics-replay"}
    shared.classify(QUESTION, headers)
    before = shared.metrics()['triaged_messages_total{category="informational"}']
    shared.classify(QUESTION, headers)
    assert shared.metrics()['triaged_messages_total{category="informational"}'] == before


def test_gauges_tell_the_state(shared):
    samples = shared.metrics()
    assert samples["triaged_ready"] == 1
    assert samples["triaged_in_flight"] == 0
    assert samples["process_resident_memory_bytes"] > 1e6
    assert samples["process_open_fds"] > 5
    assert samples['triaged_llm_in_flight{upstream="1"}'] == 0


def test_log_has_a_line_for_each_message(make_server):
    server = make_server().start()
    server.classify(QUESTION, {"X-Request-ID": "log-1"}, channel="mail")
    server.stop()
    line, = [line for line in server.events("request") if line["request_id"] == "log-1"]
    assert line["route"] == "classify" and line["method"] == "POST" and line["status"] == 200
    assert line["category"] == "informational" and line["source"] == "local" and line["channel"] == "mail"
    assert line["duration_us"] > 0
