# SPDX-License-Identifier: Apache-2.0
"""POST /api/v1/messages/{id}/feedback: what people say about decisions, and what is learnt from it."""
import hashlib
import json
import os

import pytest

from server import check_problem, in_threads

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


def test_comments_of_many_at_a_time_are_their_own(make_server):
    server = make_server(config={"workers": 1}).start()
    messages = [server.decide("What is your refund policy?")["message_id"] for _ in range(24)]

    def say(index):
        comment = chr(97 + index) * 900
        assert give(server, messages[index], {"verdict": "right", "comment": comment}).json["comment"] == comment

    in_threads([lambda index=index: say(index) for index in range(24)])
    assert [row[5] for row in stored(server)] == [chr(97 + index) * 900 for index in range(24)]


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


# ---- Learning ----

def teach(server, count=40, right=None):
    """Feedback on invented words: requests, a safety matter and a question."""
    labels = right or {"fribble": "order_change", "grumple": "cancellation", "snarfle": "fraud"}
    for i in range(count):
        for word, intent in labels.items():
            message = server.decide(f"wozzle {i} is to {word} at once")["message_id"]
            assert give(server, message, {"verdict": "wrong", "intent": intent}).status == 200
        message = server.decide(f"how high is wozzle {i} in the end")["message_id"]
        assert give(server, message, {"verdict": "wrong", "intent": "faq"}).status == 200


def model(server, *args):
    return server.cli("model", *args, "--data-dir", server.data_dir)


def versions(server):
    """The versions that are listed, the active one first."""
    rows = [line for line in model(server, "list").stdout.splitlines()]
    return [line[2:].split()[0] for line in sorted(rows, key=lambda line: line[0] != "*")]


def who_decided(server, text="wozzle 99 is to fribble at once"):
    decision = server.decide(text)
    return decision["intent"], decision["classifier"]["model"]


def gauge(server, name):
    return next(float(line.split()[-1]) for line in server.get("/metrics").body.decode().splitlines() if line.startswith(name + " "))


def test_a_model_that_learnt_takes_over_in_the_running_server_and_can_be_taken_back(make_server):
    server = make_server().start()
    built_in = who_decided(server)[1]
    assert versions(server) == ["built-in"] and gauge(server, "triaged_model_labels") == 0
    assert gauge(server, "triaged_model_lines") > 1000 and 0 < gauge(server, "triaged_model_calibration_error") < 0.1
    teach(server)
    done = model(server, "train")
    assert done.returncode == 0 and "it is active now" in done.stdout and "on the safety matters among them" in done.stdout, done
    intent, learnt = who_decided(server)
    assert intent == "order_change" and learnt != built_in
    assert versions(server) == [learnt, "built-in"]
    assert 110 < gauge(server, "triaged_model_labels") < 150
    # Nothing new was said: the same model again.
    assert model(server, "train").returncode == 0 and versions(server) == [learnt, "built-in"]
    server.stop()
    server.start()
    assert who_decided(server) == ("order_change", learnt)
    done = model(server, "rollback")
    assert done.returncode == 0 and built_in in done.stdout, done
    assert who_decided(server)[1] == built_in
    assert model(server, "activate", learnt).returncode == 0
    assert who_decided(server)[1] == learnt
    assert model(server, "activate", "built-in").returncode == 0
    assert who_decided(server)[1] == built_in


def test_the_cascade_believes_a_model_that_was_right_on_labels_of_this_installation(make_llm, fake):
    server = make_llm(config={"mode": "cascade"})
    teach(server, 75)
    taught = [f"wozzle {i} is to fribble at once" for i in range(100, 110)]
    calls = fake.calls
    assert {server.decide(text)["classifier"]["source"] for text in taught} == {"llm"} and fake.calls == calls + 10
    assert "it is active now" in model(server, "train").stdout
    calls = fake.calls
    assert {server.decide(text)["classifier"]["source"] for text in taught} == {"local"} and fake.calls == calls
    assert server.decide("the blue one maybe, you know what I mean")["classifier"]["source"] == "llm"


def test_a_model_that_is_worse_on_what_was_held_back_stays_inactive(make_server, tmp_path):
    server = make_server().start()
    teach(server)
    assert "it is active now" in model(server, "train").stdout
    good = who_decided(server)[1]
    # The held-back labels keep their old word; all others now say the opposite.
    rows = server.rows("SELECT f.message_row, m.text FROM feedback f JOIN message m ON m.id = f.message_row")
    swap = {"fribble": "faq", "grumple": "faq", "snarfle": "fraud", "in the end": "order_change"}
    ids = {review: text for review, text in rows}
    changed = 0
    for row, text in ids.items():
        if hashlib.sha256(text.encode()).digest()[0] < 51:
            continue
        message = json.loads(server.rows("SELECT answer FROM message WHERE id = ?", row)[0][0])["message_id"]
        intent = next(new for word, new in swap.items() if word in text)
        assert give(server, message, {"verdict": "wrong", "intent": intent}).status == 200
        changed += 1
    assert changed > 80
    done = model(server, "train")
    assert done.returncode == 0 and "stays inactive" in done.stdout, done
    assert who_decided(server)[1] == good and len(versions(server)) == 3


def test_a_model_that_may_have_forgotten_safety_stays_inactive(make_server):
    server = make_server().start()
    built_in = who_decided(server)[1]
    teach(server, right={"fribble": "order_change", "grumple": "cancellation"})
    done = model(server, "train")
    assert done.returncode == 0 and "no safety matter was among them" in done.stdout, done
    assert "stays inactive until at least 5 safety matters" in done.stdout, done
    assert who_decided(server)[1] == built_in and len(versions(server)) == 2


def test_safety_among_what_was_held_back_is_measured(make_server):
    server = make_server().start()
    teach(server, right={"fribble": "fraud"})
    held_back = sum(hashlib.sha256(f"wozzle {i} is to fribble at once".encode()).digest()[0] < 51 for i in range(40))
    done = model(server, "train")
    assert done.returncode == 0 and f"safety matters among them, {held_back}: recall 1.000 (0.000)" in done.stdout, done


def test_too_few_labels_are_refused(make_server):
    server = make_server().start()
    teach(server, 5)
    done = model(server, "train")
    assert done.returncode == 1 and "at least 50" in done.stderr, done
    assert versions(server) == ["built-in"]


def test_files_are_added_the_last_five_are_kept_and_the_active_one(make_server, tmp_path):
    server = make_server().start()
    added = []
    for i in range(7):
        lines = tmp_path / "lines.jsonl"
        lines.write_text(json.dumps({"text": f"wozzle number {chr(97 + i)}", "intent": "faq"}) + "\n")
        assert server.cli("train", "--local", lines, "--out", tmp_path / "model.bin").returncode == 0
        done = model(server, "add", tmp_path / "model.bin")
        assert done.returncode == 0, done
        added.append(done.stdout.split()[-1])
        if i == 0:
            assert model(server, "activate", added[0]).returncode == 0
    assert set(versions(server)) == {"built-in", added[0], *added[-5:]} and versions(server)[0] == added[0]
    assert len(set(added)) == 7


def test_what_is_no_model_is_refused(make_server, tmp_path):
    server = make_server().start()
    (tmp_path / "short").write_bytes(b"TRIAGED")
    (tmp_path / "zeros").write_bytes(bytes(1574912))
    for path, why in ((tmp_path / "short", "not a model file"), (tmp_path / "zeros", "model"), (tmp_path, "directory"),
                      (tmp_path / "none", "No such file"), ("/dev/zero", "larger than")):
        done = model(server, "add", path)
        assert done.returncode == 1 and why in done.stderr, done
    assert versions(server) == ["built-in"]


def test_a_damaged_active_model_leaves_the_built_in_one(make_server, tmp_path):
    server = make_server().start()
    built_in = who_decided(server)[1]
    teach(server)
    assert "it is active now" in model(server, "train").stdout
    active = versions(server)[0]
    server.stop()
    path = server.data_dir / "models" / (active + ".model")
    path.write_bytes(path.read_bytes()[:-1])
    server.start()
    assert who_decided(server)[1] == built_in
    refused = server.events("model_refused")
    assert len(refused) == 1 and active in refused[0]["reason"]
    assert model(server, "activate", active).returncode == 1
    assert model(server, "rollback").returncode == 0


@pytest.mark.parametrize("args", [[], ["nonsense"], ["activate"], ["add"], ["train", "x"], ["list", "x"]])
def test_wrong_usage_exits_with_2(shared, args):
    done = model(shared, *args)
    assert done.returncode == 2 and done.stderr.strip() and done.stdout == "", done


@pytest.mark.parametrize("version", ["local-000000000000", "../x", "", "LOCAL"])
def test_unknown_versions_are_refused(shared, version):
    done = model(shared, "activate", version)
    assert done.returncode == 1 and done.stderr.strip(), done
