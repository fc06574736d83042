# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/messages/{id}/feedback: what people say about decisions, and what is learnt from it."""
import json

import pytest

from server import check_problem

WRONG = {"verdict": "wrong", "category": "service_action", "intent": "refund"}


def bearer(key):
    return {"Authorization": "Bearer " + key}


def give(server, message_id, body, headers=None):
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    return server.request("POST", f"/api/v1/messages/{message_id}/feedback", body,
                          {"Content-Type": "application/json", **(headers or {})})


def stored(server):
    return server.rows("SELECT message_row, key_id, is_right, category, intent, comment FROM feedback ORDER BY 1, 2")


def test_feedback_is_stored_redacted_and_the_last_word_counts(make_server):
    server = make_server().start()
    message = server.decide("What is your refund policy?")["message_id"]
    answer = give(server, message, {**WRONG, "comment": "Ask ann@example.com about it."})
    assert answer.status == 200, answer
    assert answer.json == {"message_id": message, **WRONG, "comment": "Ask [EMAIL_REDACTED] about it."}
    assert stored(server) == [(1, 0, 0, "service_action", "refund", "Ask [EMAIL_REDACTED] about it.")]
    for _ in range(2):
        assert give(server, message, {"verdict": "right"}).json == {
            "message_id": message, "verdict": "right", "category": None, "intent": None, "comment": None}
    assert stored(server) == [(1, 0, 1, None, None, None)]
    assert 'triaged_requests_total{route="feedback",status="200"} 3' in server.get("/metrics").body.decode()


def test_an_intent_names_its_category(make_server):
    server = make_server().start()
    message = server.decide("What is your refund policy?")["message_id"]
    assert give(server, message, {"verdict": "wrong", "intent": "fraud"}).json["category"] == "safety_compliance"
    assert give(server, message, {"verdict": "wrong", "intent": "other"}).json["category"] is None


@pytest.mark.parametrize("body,field", [
    ({}, "/verdict"), ({"verdict": "maybe"}, "/verdict"), ({"verdict": 1}, "/verdict"), ({"verdict": None}, "/verdict"),
    ({"verdict": "wrong", "category": "music"}, "/category"), ({"verdict": "wrong", "intent": "dance"}, "/intent"),
    ({"verdict": "wrong", "category": "informational", "intent": "refund"}, "/intent"),
    ({"verdict": "right", "intent": "refund"}, "/verdict"), ({"verdict": "right", "comment": "x" * 2001}, "/comment"),
    ({"verdict": "right", "comment": 7}, "/comment"), ({"verdict": "right", "more": 1}, ""), ([], ""),
])
def test_every_bad_field_is_named_and_nothing_is_stored(shared, body, field):
    message = shared.decide("What is your refund policy?")["message_id"]
    before = shared.count("feedback")
    answer = give(shared, message, body)
    check_problem(answer, 400, "validation_error")
    assert field in [error["field"] for error in answer.json["errors"]], answer
    assert shared.count("feedback") == before


def test_what_is_no_feedback_is_refused(shared):
    message = shared.decide("What is your refund policy?")["message_id"]
    other = message[:-1] + ("0" if message[-1] != "0" else "1")
    check_problem(give(shared, message, "{"), 400, "validation_error")
    check_problem(give(shared, message, "verdict=right", {"Content-Type": "text/plain"}), 415, "unsupported_media_type")
    for unknown in (other, "msg_", "nothing", "msg_/x", message + "/feedback"):
        check_problem(give(shared, unknown, {"verdict": "right"}), 404, "not_found")
    answer = shared.get(f"/api/v1/messages/{message}/feedback")
    check_problem(answer, 405, "method_not_allowed")
    assert answer.header("Allow") == "POST"
    assert shared.get(f"/api/v1/messages/{message}").status == 200


def test_reviewers_have_one_word_each_and_clients_none(make_server):
    server = make_server().start()
    keys = {name: server.add_key(name, scope) for name, scope in
            (("shop", "classify"), ("ann", "review"), ("bob", "review"))}
    message = server.decide("What is your refund policy?", bearer(keys["shop"]))["message_id"]
    check_problem(give(server, message, {"verdict": "right"}), 401, "unauthorized")
    check_problem(give(server, message, {"verdict": "right"}, bearer(keys["shop"])), 403, "forbidden")
    assert stored(server) == []
    for name in ("ann", "bob", "ann"):
        assert give(server, message, WRONG, bearer(keys[name])).status == 200
    assert [(row, key) for row, key, *_ in stored(server)] == [(1, 2), (1, 3)]


def test_what_reviewers_said_trains_a_model_beside_the_server_and_alone(make_server, tmp_path):
    server = make_server().start()
    for i in range(12):
        for text, intent in ((f"please fribble the wozzle of floor {i}", "order_change"), (f"how high is a wozzle {i}", "faq")):
            assert give(server, server.decide(text)["message_id"], {"verdict": "wrong", "intent": intent}).status == 200
    ignored = server.decide("a message of which nobody knows what it is")["message_id"]
    assert give(server, ignored, {"verdict": "wrong"}).status == 200
    models = [tmp_path / "beside.bin", tmp_path / "alone.bin"]
    done = server.cli("train", "--feedback", "--out", models[0], "--data-dir", server.data_dir)
    assert done.returncode == 0 and "24 labels of the company's own" in done.stdout, done
    server.stop()
    done = server.cli("train", "--feedback", "--out", models[1], "--data-dir", server.data_dir)
    assert done.returncode == 0, done
    assert models[0].read_bytes() == models[1].read_bytes()


def test_without_feedback_there_is_nothing_to_train_on(make_server, tmp_path):
    server = make_server().start()
    done = server.cli("train", "--feedback", "--out", tmp_path / "model.bin", "--data-dir", server.data_dir)
    assert done.returncode == 1 and "nobody has given feedback" in done.stderr, done
