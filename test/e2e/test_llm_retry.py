# SPDX-License-Identifier: Apache-2.0
"""An upstream that fails or lies: what is tried again, how soon, and what the customer gets in the end.

The rule is the official client's: the header x-should-retry decides; else connection errors, 408, 409,
429 and 5xx are tried again, after what Retry-After-ms or Retry-After wish, else after 0.5 s, doubled, less
up to a quarter. What came with status 200 is never asked for again."""
import datetime
import email.utils
import json
import time

import pytest

from fake_llm import (MODEL_SAYS, answer, body, close, completion, cut, delay, drip, hang, huge, raw, reset, status, text,
                      verdict_text)
from server import SLOW, check_problem, is_sanitized, wait_until
from test_llm import QUESTION, check_llm, check_local, total

FIRST_WAIT_S = 0.375
GOOD = json.dumps(completion(verdict_text())).encode()


def gaps(fake):
    times = [request.at for request in fake.requests]
    return [later - sooner for sooner, later in zip(times, times[1:])]


@pytest.mark.parametrize("code", [500, 502, 503, 504, 529])
def test_first_a_server_error_then_an_answer(make_llm, fake, code):
    fake.play(status(code), answer("service_action", "refund"))
    decision = check_llm(make_llm().decide("Please give my money back"))
    assert decision["intent"] == "refund"
    assert fake.calls == 2 and gaps(fake)[0] >= FIRST_WAIT_S


@pytest.mark.parametrize("failure", [
    status(408), status(409), status(429, "rate_limit_exceeded"), reset(), close(), cut(), cut(with_reset=True),
    raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), status(400, headers=[("x-should-retry", "true")]),
    status(404, headers=[("x-should-retry", "true")]),
], ids=["408", "409", "429", "reset", "close", "cut", "cut-reset", "half a head", "400 told", "404 told"])
def test_is_tried_again(make_llm, fake, failure):
    fake.play(failure)
    check_llm(make_llm().decide(QUESTION))
    assert fake.calls == 2 and gaps(fake)[0] >= FIRST_WAIT_S


@pytest.mark.parametrize("code, fallback, headers", [
    (400, "rejected", ()), (401, "unauthorized", ()), (403, "unauthorized", ()), (404, "rejected", ()), (413, "rejected", ()),
    (422, "rejected", ()), (301, "rejected", (("Location", "/elsewhere"),)),
    (500, "server_error", (("x-should-retry", "false"),)), (503, "server_error", (("x-should-retry", "false"),)),
    (429, "rate_limited", (("x-should-retry", "false"),)), (408, "timeout", (("x-should-retry", "false"),)),
])
def test_is_not_tried_again(make_llm, fake, code, fallback, headers):
    fake.default = status(code, headers=headers)
    check_local(make_llm().decide(QUESTION), fallback)
    assert fake.calls == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted", "project_spend_limit_exceeded",
                                  "organization_usage_limit_exceeded"])
def test_used_up_quota_is_told_and_not_tried_again(make_llm, fake, code):
    fake.default = status(429, code, message="You exceeded your current quota.")
    server = make_llm()
    check_local(server.decide(QUESTION), "quota")
    assert fake.calls == 1
    event = wait_until(lambda: server.events("llm_quota"), 3, "the log line")[0]
    assert event["level"] == "error"


@pytest.mark.parametrize("headers, least_s, most_s", [
    ([("Retry-After-ms", "900")], 0.9, 1.4), ([("Retry-After-ms", "20")], 0.02, 0.37), ([("Retry-After", "1")], 1.0, 1.6),
    ([("Retry-After", "5"), ("Retry-After-ms", "150")], 0.15, 0.37), ([("Retry-After", "121")], 0.375, 0.9),
    ([("Retry-After", "-1")], 0.375, 0.9), ([("Retry-After", "soon")], 0.375, 0.9), ([("Retry-After-ms", "1e99")], 0.375, 0.9),
    ([("Retry-After", "0")], 0.375, 0.9),
])
@pytest.mark.parametrize("code", [429, 503])
def test_wait_is_as_wished_or_the_usual_one(make_llm, fake, code, headers, least_s, most_s):
    fake.play(status(code, headers=headers))
    check_llm(make_llm().decide(QUESTION))
    assert fake.calls == 2
    waited, = gaps(fake)
    assert waited >= least_s - 0.002
    if not is_sanitized():
        assert waited < most_s + (SLOW - 1), waited


def test_wait_until_a_date(make_llm, fake):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    fake.play(status(429, headers=[("Retry-After", email.utils.format_datetime(at, usegmt=True))]))
    check_llm(make_llm().decide(QUESTION))
    assert fake.calls == 2 and 1.0 < gaps(fake)[0] < 3.5 * SLOW


def test_wish_beyond_the_deadline_is_not_waited_for(make_llm, fake):
    fake.default = status(503, headers=[("Retry-After", "60")])
    start = time.monotonic()
    check_local(make_llm().decide(QUESTION), "server_error")
    assert fake.calls == 1 and time.monotonic() - start < 3 * SLOW


def test_waits_grow_and_attempts_end(make_llm, fake):
    fake.default = status(500)
    server = make_llm()
    check_local(server.decide(QUESTION), "server_error")
    assert fake.calls == 3
    first, second = gaps(fake)
    assert first >= 0.375 and second >= 0.75
    samples = server.metrics()
    assert total(samples, "triaged_llm_retries_total", upstream="1") == 2
    assert total(samples, "triaged_llm_attempts_total", upstream="1", status="server_error") == 3
    assert total(samples, "triaged_llm_unanswered_total", status="server_error") == 1


@pytest.mark.parametrize("retries, calls", [(0, 1), (1, 2)])
def test_number_of_retries_is_a_setting(make_llm, fake, retries, calls):
    fake.default = status(500, headers=[("Retry-After-ms", "1")])
    check_local(make_llm(retries=retries).decide(QUESTION), "server_error")
    assert fake.calls == calls


def test_retries_are_a_share_of_the_requests(make_llm, fake):
    fake.default = status(409, headers=[("Retry-After-ms", "1")])
    server = make_llm()
    for number in range(100):
        check_local(server.decide(f"Question number {number}?"), "conflict")
    retries = fake.calls - 100
    assert 5 <= retries <= 13, "10 % and a reserve of 3"
    assert total(server.metrics(), "triaged_llm_retries_total") == retries


# ---- an answer that is none ----

LIES = {
    "no JSON": (body(b"<html>it works</html>"), "malformed"),
    "nothing": (body(b""), "malformed"),
    "no chat completion": (body({"hello": "world"}), "malformed"),
    "a list": (body([1, 2, 3]), "malformed"),
    "no choice": (body({**completion("x"), "choices": []}), "malformed"),
    "half of it": (body(GOOD[:len(GOOD) // 2]), "malformed"),
    "invalid UTF-8": (body(GOOD.replace(b"question", b"quest\xff\xfe")), "malformed"),
    "nested too deep": (body(b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}"), "malformed"),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), None),
    "an error": (body({"error": {"message": "overloaded", "type": "server_error", "code": "x"}}), "error_body"),
    "words": (text("Sure! It is informational."), "invalid"),
    "no content": (text(None), None),
    "another category": (text(verdict_text("free_refund")), "invalid"),
    "category in capitals": (text(verdict_text("INFORMATIONAL ")), "invalid"),
    "category twice": (text(verdict_text().replace("{", '{"category":"service_action",', 1)), "invalid"),
    "no category": (text('{"intent":"faq","confidence":1,"reasoning":"x"}'), "invalid"),
    "category is a list": (text('{"category":["informational"],"intent":"faq","confidence":1,"reasoning":"x"}'), "invalid"),
    "NaN": (text(verdict_text().replace("0.95", "NaN")), "invalid"),
    "Infinity": (text(verdict_text().replace("0.95", "1e999")), "invalid"),
    "confidence over 1": (text(verdict_text(confidence=95)), "invalid"),
    "confidence below 0": (text(verdict_text(confidence=-0.1)), "invalid"),
    "confidence in words": (text(verdict_text(confidence="high")), "invalid"),
    "refusal": (text(None, refusal="I cannot help with that."), "refusal"),
    "cut short": (text(verdict_text()[:30], finish="length"), "length"),
    "cut short in time": (text(verdict_text(), finish="length"), "length"),
    "filtered": (text("", finish="content_filter"), "content_filter"),
    "10 MiB": (huge(10 << 20), "too_large"),
    "10 MiB of body": (body(b" " * (10 << 20)), "too_large"),
}


@pytest.mark.parametrize("name", LIES)
def test_lie_is_not_asked_for_again_and_the_model_answers(make_llm, fake, name):
    lie, fallback = LIES[name]
    fake.default = lie
    server = make_llm(retries=0 if name == "not HTTP" else 2)
    decision = server.decide("Please cancel my order ORD-12345.")
    assert (decision["category"], decision["intent"]) == ("service_action", "cancellation")
    assert decision["classifier"]["source"] == "local" and decision["classifier"]["fallback"]
    if fallback:
        check_local(decision, fallback)
    assert fake.calls == 1
    fake.default = answer()
    check_llm(server.decide(QUESTION))
    assert server.count("message") == 2


def test_logprobs_of_any_kind_are_survived(make_llm, fake):
    server = make_llm()
    odd = [[], {}, {"content": None}, {"content": [{}]}, {"content": [{"token": 7, "logprob": "x", "top_logprobs": None}]},
           {"content": [{"token": "informational", "logprob": 5.0, "top_logprobs": [{"token": "informational", "logprob": 1e308}]}]},
           {"content": [{"token": "informational", "logprob": -9999.0, "top_logprobs": []}]}, {"content": [[]]}, "x", 3]
    fake.play(*(text(verdict_text(), logprobs=value) for value in odd))
    for number, value in enumerate(odd):
        decision = server.decide(f"Question number {number}?")
        assert 0 <= decision["confidence"] <= 1, value
        if decision["classifier"]["source"] == "llm":
            assert decision["classifier"]["confidence_from"] in ("stated", "logprobs")
    assert fake.calls == len(odd)


def test_a_flood_takes_no_memory(make_llm, fake):
    server = make_llm(config={"workers": 1})
    server.decide(QUESTION)
    before = server.metrics()["process_resident_memory_bytes"]
    fake.default = huge(32 << 20)
    for number in range(4):
        check_local(server.decide(f"Question number {number}?"), "too_large")
    if not is_sanitized():
        assert server.metrics()["process_resident_memory_bytes"] - before < 8 << 20


def test_byte_by_byte_is_slow_but_an_answer(make_llm, fake):
    fake.default = drip(0.0005)
    check_llm(make_llm().decide(QUESTION))
    assert MODEL_SAYS.encode() in GOOD and fake.calls == 1


# ---- the deadline ----

def check_in_time(server, limit_s, fallback, **members):
    start = time.monotonic()
    decision = check_local(server.decide(QUESTION, **members), fallback)
    took = time.monotonic() - start
    assert took < limit_s + 0.15 * SLOW, took
    return decision, took


@pytest.mark.parametrize("step", [hang(), drip(0.05), delay(0.02, status(500, headers=[("Retry-After-ms", "400")]))],
                         ids=["hang", "drip", "errors"])
def test_answer_comes_within_the_deadline(make_llm, fake, step):
    fake.default = step
    server = make_llm(config={"deadline_ms": 1000, "voice_deadline_ms": 500}, retries=2, retry_reserve=100)
    for limit_s, members in ((1.0, {}), (0.5, {"channel": "voice"})):
        start = time.monotonic()
        decision = server.decide(QUESTION, **members)
        assert decision["classifier"]["source"] == "local" and decision["classifier"]["fallback"]
        assert time.monotonic() - start < limit_s + 0.15 * SLOW


def test_upstream_that_was_given_up_is_hung_up_on(make_llm, fake):
    fake.default = hang()
    _, took = check_in_time(make_llm(config={"deadline_ms": 600}), 0.6, "timeout")
    assert took > 0.3, "it was given its time"
    wait_until(lambda: fake.requests[0].closed_at, 2, "the call's end")
    assert fake.calls == 1


def test_each_attempt_has_its_own_time(make_llm, fake):
    fake.play(hang(), hang())
    start = time.monotonic()
    check_llm(make_llm(timeout_ms=200).decide(QUESTION))
    assert fake.calls == 3 and time.monotonic() - start < 4 * SLOW
    assert min(gaps(fake)) >= 0.2 + FIRST_WAIT_S - 0.01


def test_safety_does_not_wait_for_a_hanging_upstream(make_llm, fake):
    fake.default = hang()
    server = make_llm()
    start = time.monotonic()
    decision = server.decide("I have chest pain")
    assert decision["compliance"]["severity"] == "urgent" and time.monotonic() - start < 0.5 * SLOW
    assert server.count("compliance") == 1 and fake.calls == 0


def test_without_the_local_fallback_it_is_a_503(make_llm, fake):
    fake.default = status(500, headers=[("Retry-After-ms", "1")])
    server = make_llm(local_fallback=False)
    answer_ = server.classify(QUESTION)
    check_problem(answer_, 503, "classification_failed")
    assert int(answer_.header("Retry-After")) >= 1
    assert server.count("message") == 0
    decision = server.decide("My father has chest pain.")
    assert decision["compliance"]["severity"] == "urgent" and server.count("compliance") == 1
    fake.default = answer()
    check_llm(server.decide(QUESTION + " Thanks"))
