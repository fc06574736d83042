# SPDX-License-Identifier: Apache-2.0
"""What stands between the service and an upstream: breaker, chain, budgets, cache, single flight."""
import time

import pytest

from fake_llm import FakeLlm, answer, delay, hang, status
from server import LLM_KEY, SLOW, classify_bytes, free_port, in_threads, wait_until
from test_llm import QUESTION, add_prompt, check_llm, check_local, total

CANCEL = "Please cancel my order ORD-12345."
COOL_DOWN_S = 5
NOW = [("Retry-After-ms", "1")]


def questions(server, count, first=0):
    return [server.decide(f"Question number {number}?") for number in range(first, first + count)]


def fallbacks(decisions):
    return [decision["classifier"]["fallback"] for decision in decisions]


def breaker_is(server, state):
    return total(server.metrics(), "triaged_llm_breaker_state", upstream="1", state=state) == 1


# ---- the breaker ----

def open_breaker(server, fake):
    """Five failures in a row, without retries."""
    fake.default = status(500)
    assert fallbacks(questions(server, 5)) == ["server_error"] * 5
    assert fake.calls == 5
    wait_until(lambda: breaker_is(server, "open"), 2, "the open breaker")


def test_open_breaker_keeps_calls_away_and_answers_flow(make_llm, fake):
    server = make_llm(retries=0)
    open_breaker(server, fake)
    for number in range(20):
        start = time.monotonic()
        check_local(server.decide(f"Other question {number}?"), "breaker_open")
        assert time.monotonic() - start < 0.05 * SLOW
    assert fake.calls == 5
    ready = server.get("/api/v1/ready")
    assert ready.status == 200 and ready.json["checks"]["llm"]["status"] == "degraded"
    assert server.decide("I have chest pain")["compliance"]["severity"] == "urgent"
    samples = server.metrics()
    assert total(samples, "triaged_llm_unanswered_total", status="breaker_open") == 20
    assert total(samples, "triaged_llm_breaker_transitions_total", upstream="1", state="open") == 1
    assert len(server.events("llm_breaker")) == 1, "one line for an incident"


def test_retries_of_one_message_stop_when_the_breaker_opens(make_llm, fake):
    fake.default = status(500, headers=NOW)
    server = make_llm(retries=2)
    assert fallbacks(questions(server, 3))[0] == "server_error"
    assert fake.calls == 5


# Waits for the cool-down: 4 to 6 s.
def test_breaker_lets_three_probes_pass_and_closes(make_llm, fake):
    server = make_llm(retries=0)
    open_breaker(server, fake)
    opened = time.monotonic()
    fake.default = delay(0.5 * SLOW, answer())
    number = iter(range(100000))
    wait_until(lambda: server.decide(f"Probe {next(number)}?")["classifier"]["source"] == "llm", 8, "the first probe")
    assert time.monotonic() - opened > COOL_DOWN_S * 0.8 - 0.3
    assert fake.calls == 6 and breaker_is(server, "half_open")
    decisions = in_threads([lambda n=n: server.decide(f"Crowd {n}?") for n in range(20)])
    assert fake.calls <= 9, "at most three probes at a time"
    assert {decision["classifier"]["source"] for decision in decisions} == {"llm", "local"}
    fake.default = answer()
    wait_until(lambda: server.decide(f"Last {next(number)}?")["classifier"]["source"] == "llm" and breaker_is(server, "closed"),
               5, "the closed breaker")
    assert server.get("/api/v1/ready").json["checks"]["llm"]["status"] == "ok"
    before = fake.calls
    for decision in questions(server, 10, 1000):
        check_llm(decision)
    assert fake.calls == before + 10
    assert len(server.events("llm_breaker")) == 3, "open, half open, closed"


# Waits for the cool-down: 4 to 6 s.
def test_half_open_does_not_stick_when_the_probes_clients_leave(make_llm, fake):
    server = make_llm(retries=0)
    open_breaker(server, fake)
    fake.default = hang()
    wires = []

    def probe():
        wires.append(server.wire())
        wires[-1].send(classify_bytes(f"Probe {len(wires)}?"))
        time.sleep(0.1)
        return fake.calls >= 8

    wait_until(probe, 9, "three probes")
    for wire in wires:
        wire.reset()
    wait_until(lambda: all(request.closed_at for request in fake.requests[5:]), 3, "the cancelled probes")
    fake.default = answer()
    check_llm(server.decide(QUESTION))


# Waits for the cool-down: 4 to 6 s.
def test_failed_probe_opens_the_breaker_again(make_llm, fake):
    server = make_llm(retries=0)
    open_breaker(server, fake)
    number = iter(range(100000))

    def ask():
        server.decide(f"Probe {next(number)}?")
        time.sleep(0.02)
        return fake.calls > 5

    wait_until(ask, 8, "a probe")
    fake.default = answer()
    assert fallbacks(questions(server, 5, 5000)) == ["breaker_open"] * 5
    assert fake.calls == 6


def test_half_of_ten_failures_open_the_breaker(make_llm, fake):
    server = make_llm(retries=0)
    fake.play(*[answer(), status(500)] * 20)
    decisions = questions(server, 14)
    assert fake.calls == 10
    assert fallbacks(decisions) == [None, "server_error"] * 5 + ["breaker_open"] * 4


@pytest.mark.parametrize("step", [status(400), status(404), status(422), status(409, headers=NOW),
                                  status(429, "rate_limit_exceeded", NOW)], ids=["400", "404", "422", "409", "429"])
def test_what_is_our_own_fault_leaves_it_closed(make_llm, fake, step):
    server = make_llm(retries=0)
    fake.default = step
    for number in range(12):
        server.decide(f"Question number {number}?")
        time.sleep(0.005)
    assert fake.calls == 12 and breaker_is(server, "closed")
    fake.default = answer()
    check_llm(server.decide(QUESTION))


def test_refused_key_is_told_once_and_not_tried_with_every_message(make_llm, fake):
    server = make_llm()
    fake.default = status(401, "invalid_api_key")
    assert fallbacks(questions(server, 5)) == ["unauthorized"] + ["paused"] * 4
    assert fake.calls == 1 and breaker_is(server, "closed")
    assert [event["code"] for event in server.events("llm_unauthorized")] == ["invalid_api_key"]


def test_answer_that_says_nothing_useful_leaves_it_closed(make_llm, fake):
    server = make_llm()
    fake.default = answer("free_refund")
    assert fallbacks(questions(server, 12)) == ["invalid"] * 12
    assert fake.calls == 12 and breaker_is(server, "closed")


def test_upstream_that_asks_for_a_pause_gets_it(make_llm, fake):
    server = make_llm(retries=0)
    fake.play(*[status(429, "rate_limit_exceeded", [("Retry-After", "3")])] * 3)
    assert fallbacks(questions(server, 3)) == ["rate_limited"] * 3, "one refusal concerns its own message"
    start = time.monotonic()
    decisions = [server.decide(f"In the pause, {number}?") for number in range(5)]
    assert time.monotonic() - start > 2.5 or (fallbacks(decisions), fake.calls) == (["paused"] * 5, 3)
    time.sleep(max(0, 3.2 - (time.monotonic() - start)))
    check_llm(server.decide("After the pause?"))


def test_dead_upstream_costs_little(make_server):
    server = make_server(config={"mode": "llm", "llm": {"base_url": f"http://127.0.0.1:{free_port()}/v1", "model": "m",
                                                        "retries": 0}}).start()
    start = time.monotonic()
    decisions = questions(server, 30)
    assert time.monotonic() - start < 3 * SLOW
    assert set(fallbacks(decisions)) == {"connect", "breaker_open"}
    decision = server.decide("I have chest pain")
    assert decision["compliance"]["severity"] == "urgent" and server.count("compliance") == 1
    assert server.get("/api/v1/ready").status == 200


# ---- the chain ----

@pytest.fixture
def chain(make_server, fake):
    """A server with two upstreams: `fake`, then another."""
    with FakeLlm() as second:
        def make(first_url=None, **llm):
            upstreams = [{"name": "first", "base_url": first_url or fake.url, "model": "model-one", "api_key": "sk-of-the-first"},
                         {"name": "second", "base_url": second.url, "model": "model-two", "api_key": "sk-of-the-second"}]
            server = make_server(config={"mode": "llm", "llm": {"cache_bytes": 0, **llm, "upstreams": upstreams}}).start()
            return server, second
        yield make


def test_second_upstream_answers_for_a_dead_first(chain):
    server, second = chain(first_url=f"http://127.0.0.1:{free_port()}/v1", retries=0)
    check_llm(server.decide(QUESTION), model="model-two")
    assert second.calls == 1 and second.requests[0].json["model"] == "model-two"
    samples = server.metrics()
    assert total(samples, "triaged_llm_attempts_total", upstream="1", status="connect") >= 1
    assert total(samples, "triaged_llm_attempts_total", upstream="2", status="ok") == 1


@pytest.mark.parametrize("step", [status(500), status(401), status(404), status(429, "insufficient_quota"), answer("nonsense")],
                         ids=["500", "401", "404", "quota", "nonsense"])
def test_second_upstream_answers_for_a_failing_first(chain, fake, step):
    server, second = chain(retries=0)
    fake.default = step
    check_llm(server.decide(QUESTION), model="model-two")
    assert (fake.calls, second.calls) == (1, 1)


def test_first_is_asked_first_and_each_gets_its_own_key(chain, fake):
    server, second = chain(retries=0)
    check_llm(server.decide(QUESTION), model="model-one")
    assert (fake.calls, second.calls) == (1, 0)
    fake.default = status(503)
    check_llm(server.decide(CANCEL), model="model-two")
    assert fake.requests[0].header("Authorization") == "Bearer sk-of-the-first"
    assert second.requests[0].header("Authorization") == "Bearer sk-of-the-second"
    assert b"sk-of-the-first" not in second.received and b"sk-of-the-second" not in fake.received


def test_breaker_of_the_first_does_not_stop_the_second(chain, fake):
    server, second = chain(retries=0)
    fake.default = status(500)
    for decision in questions(server, 12):
        check_llm(decision, model="model-two")
    assert (fake.calls, second.calls) == (5, 12)
    second.default = status(500)
    decisions = questions(server, 8, 100)
    assert second.calls == 17 and fallbacks(decisions)[-1] == "breaker_open"


def test_hanging_first_leaves_time_for_the_second(chain, fake):
    server, second = chain(retries=0, timeout_ms=300)
    fake.default = hang()
    check_llm(server.decide(QUESTION), model="model-two")
    assert (fake.calls, second.calls) == (1, 1)


# ---- budgets ----

def test_requests_of_a_day_are_bounded(make_llm, fake):
    server = make_llm(max_requests_per_day=3)
    decisions = questions(server, 6)
    assert fallbacks(decisions) == [None] * 3 + ["budget"] * 3
    assert fake.calls == 3
    assert total(server.metrics(), "triaged_llm_unanswered_total", status="budget") == 3
    assert server.decide("I have chest pain")["compliance"]["severity"] == "urgent"


def test_tokens_of_a_day_are_bounded(make_llm, fake):
    fake.default = answer(usage=(400, 100))
    server = make_llm(max_tokens_per_day=1000)
    assert fallbacks(questions(server, 4)) == [None, None, "budget", "budget"]
    assert fake.calls == 2


def test_calls_at_a_time_are_bounded(make_llm, fake):
    fake.default = delay(0.5 * SLOW, answer())
    server = make_llm(max_in_flight=2)
    decisions = in_threads([lambda n=n: server.decide(f"Crowd {n}?") for n in range(10)])
    assert fake.calls == 2
    assert fallbacks(decisions).count(None) == 2 and fallbacks(decisions).count("full") == 8


# ---- the cache ----

def test_same_message_again_costs_no_call(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20)
    fake.default = answer("service_action", "cancellation", reasoning="A cancellation is asked for.")
    first, second = check_llm(server.decide(CANCEL)), check_llm(server.decide(CANCEL), cached=True)
    assert fake.calls == 1
    for member in ("category", "intent", "confidence", "decision_path"):
        assert first[member] == second[member], member
    assert first["message_id"] != second["message_id"] and first["ticket"]["id"] != second["ticket"]["id"]
    assert server.count("message") == 2 == server.count("ticket")
    assert total(server.metrics(), "triaged_llm_avoided_total", reason="cache") == 1


def test_cached_safety_is_recorded_each_time(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20)
    fake.default = answer("safety_compliance", "other")
    ids = {server.decide("It is about that thing from yesterday")["compliance"]["id"] for _ in range(3)}
    assert fake.calls == 1 and len(ids) == 3 == server.count("compliance")


def test_other_messages_do_not_share_an_answer(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20)
    for message, members in ((CANCEL, {}), (CANCEL + " Thanks", {}), (CANCEL.replace("5", "6"), {}), (CANCEL, {"channel": "voice"}),
                             (CANCEL, {"channel": "mail"})):
        check_llm(server.decide(message, **members))
    assert fake.calls == 5


def test_other_prompt_does_not_share_an_answer(make_llm, fake, policy):
    add_prompt(policy, "9.9.0", 100, "ZEBRA")
    server = make_llm(config={"policy_dir": str(policy)}, cache_bytes=1 << 20)
    versions = {server.decide(CANCEL, metadata={"customer_id": f"C-{n}"})["classifier"]["prompt_version"] for n in range(40)}
    assert len(versions) == 2 == fake.calls
    assert {"ZEBRA" in request.system for request in fake.requests} == {True, False}


def test_failures_are_not_cached(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20, retries=0)
    fake.play(status(500), answer("free_refund"))
    check_local(server.decide(CANCEL), "server_error")
    check_local(server.decide(CANCEL), "invalid")
    check_llm(server.decide(CANCEL))
    assert fake.calls == 3


def test_cached_answer_grows_old(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20, cache_ttl_s=1)
    check_llm(server.decide(CANCEL))
    time.sleep(1.1)
    check_llm(server.decide(CANCEL))
    assert fake.calls == 2


def test_cache_answers_while_the_breaker_is_open(make_llm, fake):
    server = make_llm(cache_bytes=1 << 20, retries=0)
    check_llm(server.decide(CANCEL))
    fake.default = status(500)
    questions(server, 6)
    check_llm(server.decide(CANCEL), cached=True)


# ---- single flight ----

def test_same_message_at_the_same_time_is_one_call(make_llm, fake):
    server = make_llm(config={"workers": 1})
    fake.default = delay(1.0 * SLOW, answer("service_action", "cancellation"))
    decisions = in_threads([lambda: server.decide(CANCEL) for _ in range(20)])
    assert fake.calls == 1
    assert {decision["classifier"]["source"] for decision in decisions} == {"llm"}
    assert len({decision["message_id"] for decision in decisions}) == 20 == server.count("message") == server.count("ticket")
    assert total(server.metrics(), "triaged_llm_avoided_total", reason="single_flight") == 19


def test_workers_call_once_each_at_the_most(make_llm, fake):
    server = make_llm(config={"workers": 2})
    fake.default = delay(1.0 * SLOW, answer("service_action", "cancellation"))
    decisions = in_threads([lambda: server.decide(CANCEL) for _ in range(20)])
    assert 1 <= fake.calls <= 2 and {decision["classifier"]["source"] for decision in decisions} == {"llm"}


def test_channels_do_not_share_a_call(make_llm, fake):
    server = make_llm(config={"workers": 1})
    fake.default = delay(0.5 * SLOW, answer())
    in_threads([lambda c=c: server.decide(CANCEL, channel=c) for c in ("chat", "voice", "mail", "api") * 3])
    assert fake.calls == 4


def test_followers_of_a_failed_call_get_their_answers(make_llm, fake):
    server = make_llm(config={"workers": 1}, retries=0)
    fake.default = delay(0.5 * SLOW, status(400))
    decisions = in_threads([lambda: server.decide(CANCEL) for _ in range(10)])
    assert fake.calls == 1 and set(fallbacks(decisions)) == {"rejected"}


def test_leader_that_leaves_hands_over(make_llm, fake):
    server = make_llm(config={"workers": 1})
    fake.default = delay(1.0 * SLOW, answer())
    with server.wire() as follower:
        leader = server.wire()
        leader.send(classify_bytes(CANCEL))
        wait_until(lambda: fake.calls == 1, 3, "the leader's call")
        follower.send(classify_bytes(CANCEL))
        time.sleep(0.1)
        leader.reset()
        check_llm(follower.receive().json)
    assert fake.calls <= 2


def test_follower_keeps_its_own_deadline(make_llm, fake):
    server = make_llm(config={"workers": 1, "deadline_ms": 3000, "voice_deadline_ms": 3000})
    fake.default = hang()
    with server.wire() as leader, server.wire() as follower:
        begun = time.monotonic()
        leader.send(classify_bytes(CANCEL))
        time.sleep(1)
        follower.send(classify_bytes(CANCEL))
        check_local(leader.receive().json, "deadline")
        assert time.monotonic() - begun < 3.2 * SLOW
        assert follower.receive().json["classifier"]["source"] == "local"
        assert time.monotonic() - begun < 4.2 * SLOW


def test_key_is_in_no_fallback_answer(make_llm, fake):
    fake.default = status(401, message=f"Incorrect API key provided: {LLM_KEY}")
    answer_ = make_llm().classify(QUESTION)
    assert answer_.status == 200 and LLM_KEY.encode() not in answer_.body
