# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: one record and one answer for a key, whatever the network does."""
import json
import time

import pytest

from server import check_problem, classify_bytes, in_threads, tally

TEXT = "Please refund my order ORD-4711."


def key(name):
    return {"Idempotency-Key": name}


def test_replay_gives_the_same_bytes_and_stores_nothing(make_server):
    server = make_server().start()
    first = server.classify(TEXT, key("a"))
    again = server.classify(TEXT, key("a"))
    assert first.status == again.status == 200
    assert first.body == again.body
    assert first.header("Idempotency-Replayed") is None
    assert again.header("Idempotency-Replayed") == "true"
    assert again.header("X-Request-ID") != first.header("X-Request-ID"), "tracing tells the two requests apart"
    assert [server.count(table) for table in ("message", "ticket", "idempotency")] == [1, 1, 1]


def test_without_a_key_every_request_is_one(make_server):
    server = make_server().start()
    ids = {server.decide(TEXT)["message_id"] for _ in range(3)}
    assert len(ids) == 3 == server.count("message")
    assert server.count("idempotency") == 0


@pytest.mark.parametrize("other", [{"message": TEXT + "!"}, {"message": TEXT, "channel": "mail"},
                                   {"message": TEXT, "metadata": {"a": "b"}}])
def test_other_body_is_a_mismatch(shared, other):
    headers = key("mismatch-" + json.dumps(other)[-30:])
    first = shared.classify(TEXT, headers)
    check_problem(shared.post(json.dumps(other).encode(), headers), 422, "idempotency_mismatch")
    assert shared.classify(TEXT, headers).body == first.body, "the key still answers its own request"


def test_keys_of_two_owners_are_two_keys(make_server):
    server = make_server().start()
    owners = [{"X-API-Key": server.add_key(name, "classify")} for name in ("one", "two")]
    answers = [server.classify(TEXT, {**owner, **key("same")}) for owner in owners]
    assert tally(answers) == {200: 2}
    assert answers[0].json["message_id"] != answers[1].json["message_id"]
    assert answers[1].header("Idempotency-Replayed") is None


def test_at_once_one_is_stored_and_the_others_wait_or_replay(make_server):
    server = make_server().start()
    for round_number in range(5):
        headers = key(f"race-{round_number}")
        answers = in_threads([lambda: server.classify(TEXT, headers) for _ in range(12)])
        assert set(tally(answers)) <= {200, 409}, tally(answers)
        bodies = {answer.body for answer in answers if answer.status == 200}
        assert len(bodies) == 1
        fresh = [a for a in answers if a.status == 200 and a.header("Idempotency-Replayed") is None]
        assert len(fresh) == 1
        assert server.count("message") == round_number + 1


def test_replay_survives_a_restart(make_server):
    server = make_server().start()
    first = server.classify(TEXT, key("restart"))
    server.stop()
    server.start()
    again = server.classify(TEXT, key("restart"))
    assert again.body == first.body and again.header("Idempotency-Replayed") == "true"
    server.kill()
    server.start()
    assert server.classify(TEXT, key("restart")).body == first.body
    assert server.count("message") == 1


def test_refusals_are_not_stored_under_the_key(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 600, "burst": 1}}).start()
    assert server.classify(TEXT).status == 200
    refused = server.classify(TEXT, key("later"))
    check_problem(refused, 429, "rate_limit_exceeded")
    check_problem(server.classify("a", key("later"), channel="fax"), 400, "validation_error")
    time.sleep(int(refused.header("Retry-After")))
    assert server.classify(TEXT, key("later")).status == 200


def test_expired_key_is_free_again(make_server):
    server = make_server(config={"idempotency": {"ttl_s": 1}}).start()
    first = server.decide(TEXT, key("old"))
    time.sleep(1.2)
    second = server.classify(TEXT, key("old"))
    assert second.status == 200 and second.header("Idempotency-Replayed") is None
    assert second.json["message_id"] != first["message_id"]


def test_a_retry_may_follow_the_answer_at_once(make_server):
    """On any worker: the claim is given back before the answer goes out."""
    server = make_server(config={"workers": 2, "rate_limit": {"per_minute": 0}}).start()
    for number in range(200):
        headers = key(f"at-once-{number}")
        with server.wire() as first, server.wire() as second:
            request = classify_bytes(TEXT, headers.items())
            first.send(request)
            body = first.receive().body
            second.send(request)
            again = second.receive()
        assert again.status == 200 and again.body == body


def test_two_large_bodies_are_two_requests(make_server):
    """The fingerprint is of the whole body, however large bodies may be."""
    server = make_server(config={"http": {"max_body_bytes": 8 << 20}}).start()
    padding = " " * (5 << 20)
    headers = key("large")
    first = server.post(json.dumps({"message": TEXT}).encode() + padding.encode(), headers)
    assert first.status == 200
    check_problem(server.post(json.dumps({"message": "I have chest pain"}).encode() + padding.encode(), headers), 422,
                  "idempotency_mismatch")


def test_danger_in_a_text_over_the_limit_is_recorded_once_for_a_key(make_server):
    server = make_server().start()
    text = "I have chest pain " + "and more " * 1000
    replies = [server.classify(text, key("long")) for _ in range(3)]
    assert [reply.header("Idempotency-Replayed") for reply in replies] == [None, "true", "true"]
    answers = [check_problem(reply, 400, "validation_error") for reply in replies]
    assert len({answer["safety"]["message_id"] for answer in answers}) == 1 == server.count("compliance")
    assert len({answer["safety"]["reply"] for answer in answers}) == 1
