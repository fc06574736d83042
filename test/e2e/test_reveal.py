# SPDX-License-Identifier: Apache-2.0
"""What a customer wrote, as it came: for one scope alone, in the audit log before it is told, and nowhere in the clear."""
import json
import sqlite3

import pytest

from server import check_problem

PHONE = "+49 30 901820-771"
MAIL = "quagga.finch@example.org"
CUSTOMER = "quagga.finch.id@example.org"
DANGER = f"I have chest pain after taking your tablets. Call me: {PHONE} or {MAIL}"
METADATA = {"customer_id": CUSTOMER, "Contact-Email": MAIL, "phone": PHONE, "order_id": "ORD-quaggaorder"}


@pytest.fixture
def guarded(make_server):
    """A server with a key of each scope, and a message in review."""
    server = make_server().start()
    server.keys = {scope: {"X-API-Key": server.add_key(scope, scope)}
                   for scope in ("classify", "review", "admin", "reveal")}
    server.message_id = say(server, DANGER, **METADATA)
    return server


def say(server, text, **metadata):
    return server.decide(text, server.keys["classify"], metadata=metadata)["message_id"]


def reveal(server, message_id, scope="reveal"):
    return server.get(f"/api/v1/reviews/{message_id.replace('msg_', 'rev_')}/original", server.keys.get(scope))


def entries(server, kind="record.revealed"):
    return [entry for entry in (json.loads(row[0]) for row in server.rows("SELECT entry FROM audit ORDER BY seq"))
            if kind in entry.values()]


def test_only_the_scope_reveal_reveals_and_reveals_nothing_else(guarded):
    for scope in ("classify", "review", "admin"):
        check_problem(reveal(guarded, guarded.message_id, scope), 403, "forbidden")
    check_problem(reveal(guarded, guarded.message_id, None), 401, "unauthorized")
    check_problem(guarded.get("/api/v1/reviews", guarded.keys["reveal"]), 403, "forbidden")
    assert entries(guarded) == [], "who is refused reveals nothing"


def test_what_is_revealed_is_what_was_sent(guarded):
    answer = reveal(guarded, guarded.message_id)
    assert answer.status == 200 and answer.header("Cache-Control") == "no-store"
    (message,) = answer.json["messages"]
    assert message["message_id"] == guarded.message_id and answer.json["is_complete"] is True
    assert message["original"] == {"text": DANGER,
                                   "contact": {"customer_id": CUSTOMER, "Contact-Email": MAIL, "phone": PHONE}}
    (entry,) = entries(guarded)
    assert "reveal" in json.dumps(entry)
    review = guarded.get(f"/api/v1/reviews/{guarded.message_id.replace('msg_', 'rev_')}", guarded.keys["review"])
    assert review.status == 200 and MAIL not in review.body.decode() and PHONE not in review.body.decode()


def test_what_cannot_be_entered_in_the_audit_log_is_not_revealed(guarded):
    with guarded.write_lock():
        answer = reveal(guarded, guarded.message_id)
    assert answer.status == 503 and MAIL not in answer.body.decode()
    assert entries(guarded) == []


def test_a_message_of_the_same_conversation_is_revealed_with_it(guarded):
    first = say(guarded, f"I want to talk to a human agent, {MAIL}", conversation_id="talk-9")
    say(guarded, f"Where is my parcel? {PHONE}", conversation_id="talk-9", email=MAIL)
    messages = reveal(guarded, first).json["messages"]
    assert [message["original"] for message in messages] == [
        {"text": f"I want to talk to a human agent, {MAIL}", "contact": {}},
        {"text": f"Where is my parcel? {PHONE}", "contact": {"email": MAIL}}]
    assert messages[0]["message_id"] == first


def test_a_message_that_nobody_reviews_leaves_no_original(guarded):
    before = guarded.count("original")
    plain = say(guarded, f"Please cancel my order ORD-1, {MAIL}", customer_id="somebody")
    assert guarded.count("original") == before == 1
    check_problem(reveal(guarded, plain), 404, "not_found")
    check_problem(reveal(guarded, "msg_" + "0" * 26), 404, "not_found")
    check_problem(reveal(guarded, "msg_x"), 404, "not_found")


def test_nothing_of_it_is_in_a_file_or_a_line_of_the_log(guarded):
    assert reveal(guarded, guarded.message_id).status == 200
    guarded.stop()
    needles = [needle.encode() for needle in (PHONE, MAIL, CUSTOMER)]
    places = [(path.name, needle) for path in guarded.data_dir.rglob("*") if path.is_file()
              for needle in needles if needle in path.read_bytes()]
    assert places == [] and not [needle for needle in needles if needle.decode() in guarded.output()]
    assert b"ORD-quaggaorder" not in guarded.database.read_bytes()


def test_an_erased_customer_takes_the_original_along(guarded):
    (sealed,) = guarded.rows("SELECT sealed FROM original")
    review = guarded.message_id.replace("msg_", "rev_")
    guarded.cli("review", "resolve", review, "--outcome", "referred", "--data-dir", guarded.data_dir)
    assert reveal(guarded, guarded.message_id).status == 200, "also what is resolved"
    done = guarded.cli("subject", "erase", CUSTOMER, "--data-dir", guarded.data_dir)
    assert done.returncode == 0, done
    check_problem(reveal(guarded, guarded.message_id), 410, "gone")
    assert guarded.count("original") == 0
    assert all(bytes(sealed[0]) not in path.read_bytes() for path in guarded.data_dir.glob("triaged.db*"))


def test_the_command_line_reveals_and_is_audited_too(guarded):
    done = guarded.cli("review", "reveal", guarded.message_id.replace("msg_", "rev_"), "--data-dir", guarded.data_dir)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["originals"]["messages"][0]["original"]["text"] == DANGER
    (entry,) = entries(guarded)
    assert "cli" in json.dumps(entry)


def test_without_keys_nobody_reveals(make_server):
    server = make_server().start()
    server.keys = {"classify": None}
    message_id = say(server, DANGER)
    check_problem(reveal(server, message_id), 403, "forbidden")


def test_an_original_that_was_moved_or_changed_is_not_revealed(guarded):
    other = say(guarded, "My charger burned my hand and there was smoke", customer_id="other")
    guarded.stop()
    with sqlite3.connect(guarded.database) as database:
        assert database.execute("UPDATE original SET sealed = (SELECT sealed FROM original WHERE message_row = 1)"
                                " WHERE message_row = 2").rowcount == 1
    database.close()
    guarded.start()
    assert reveal(guarded, other).status == 503 and reveal(guarded, guarded.message_id).status == 200
