# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/messages/{message_id}: the decision as it was stored, for those who may see it."""
import pytest

from server import check_problem

TEXT = "I got a rash from your cream, order ORD-4711."


def look_up(server, message_id, key=None):
    return server.get("/api/v1/messages/" + message_id, {"X-API-Key": key} if key else {})


@pytest.mark.parametrize("channel", ["chat", "voice", "mail", "api"])
def test_stored_decision_is_the_answer_word_for_word(shared, channel):
    answer = shared.classify(TEXT, channel=channel)
    stored = look_up(shared, answer.json["message_id"])
    assert stored.status == 200
    assert stored.body == answer.body
    assert stored.header("Content-Type") == "application/json"


def test_row_number_alone_opens_nothing(shared):
    """The name has a random check; changing any character of it finds nothing."""
    message_id = shared.decide(TEXT)["message_id"]
    for at in range(4, len(message_id)):
        other = "1" if message_id[at] != "1" else "2"
        check_problem(look_up(shared, message_id[:at] + other + message_id[at + 1:]), 404, "not_found")
    for wrong in (message_id + "0", message_id[:-1], message_id.replace("msg_", "cmp_"), message_id + "/x"):
        check_problem(look_up(shared, wrong), 404, "not_found")


def test_foreign_key_sees_no_row_but_reviewers_do(make_server):
    server = make_server().start()
    owner, other = server.add_key("owner", "classify"), server.add_key("other", "classify")
    reviewer, admin = server.add_key("reviewer", "review"), server.add_key("admin", "admin")
    message_id = server.decide(TEXT, {"X-API-Key": owner})["message_id"]
    for key in (owner, reviewer, admin):
        assert look_up(server, message_id, key).json["message_id"] == message_id
    check_problem(look_up(server, message_id, other), 404, "not_found")
    check_problem(look_up(server, message_id), 401, "unauthorized")


def test_decision_survives_a_restart(make_server):
    server = make_server().start()
    answer = server.classify(TEXT)
    server.stop()
    server.start()
    assert look_up(server, answer.json["message_id"]).body == answer.body


def test_ids_do_not_tell_how_many_messages_there_are(shared):
    ids = [shared.decide(TEXT)["message_id"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(len(message_id) == 30 for message_id in ids)
