# SPDX-License-Identifier: Apache-2.0
"""What has been kept long enough goes, from every place, by itself; what is open or has to be kept stays."""
import json
import sqlite3
import time

import pytest

from server import check_problem, wait_until

WORDS = "zanzibarquilt"
DAY_MS = 24 * 3600 * 1000
PURGED = "triaged_retention_purged_total"


def get(server, message_id):
    return server.get(f"/api/v1/messages/{message_id}")


def change(server, sql):
    """While the server does not run."""
    with sqlite3.connect(server.database) as database:
        database.executescript(sql)
    database.close()


def age(server, days):
    change(server, f"UPDATE message SET received_at = received_at - {days * DAY_MS};"
                   f"UPDATE compliance SET received_at = received_at - {days * DAY_MS};"
                   f"UPDATE ticket SET updated_at = updated_at - {days * DAY_MS};"
                   f"UPDATE review_resolved SET resolved_at = resolved_at - {days * DAY_MS};"
                   f"UPDATE idempotency SET expires_at = expires_at - {days * DAY_MS};")


def purged(server):
    return wait_until(lambda: server.events("retention_purged"), what="the purge")[-1]


def check(server):
    done = server.cli("check", "--data-dir", server.data_dir)
    assert done.returncode == 0, done.stdout + done.stderr


def send(server, method, path, body):
    answer = server.request(method, path, json.dumps(body), {"Content-Type": "application/json", "If-Match": "*"})
    assert answer.status in (200, 201), answer


def fill(server):
    """A message with feedback, one with a ticket that is closed, one with a ticket that is open, one of safety."""
    plain = server.decide(f"What are your opening hours for {WORDS}?", {"Idempotency-Key": "key-1"},
                          metadata={"customer_id": "customer-1"})
    send(server, "POST", f"/api/v1/messages/{plain['message_id']}/feedback", {"verdict": "wrong", "comment": f"meant {WORDS}"})
    closed, still_open = (server.decide(f"Please change the delivery address of order {n}, {WORDS}") for n in (7001, 7002))
    ticket = f"/api/v1/tickets/tkt_{closed['message_id'].removeprefix('msg_')}"
    send(server, "POST", ticket + "/comments", {"text": f"called about {WORDS}"})
    send(server, "PATCH", ticket, {"status": "resolved"})
    danger = server.decide("The charger burned my hand and there was smoke")
    return [answer["message_id"] for answer in (plain, closed, still_open, danger)]


@pytest.fixture
def server(make_server):
    return make_server(config={"retention": {"message_days": 2, "compliance_days": 5}}).start()


def test_what_is_old_is_gone_from_every_place_and_what_is_open_stays(server):
    plain, closed, still_open, danger = fill(server)
    sealed = [bytes(row[0]) for row in server.rows("SELECT text FROM main.message ORDER BY id")]
    keys = [bytes(row[0]) for row in server.rows("SELECT s.key FROM main.message m JOIN subject s ON s.id = m.subject ORDER BY m.id")]
    assert WORDS.encode() in b"".join(path.read_bytes() for path in server.data_dir.glob("triaged.db*")), "a comment has it"
    server.stop()
    age(server, 3)
    server.start()
    event = purged(server)
    assert (event["messages"], event["tickets"], event["feedback"], event["subjects"]) == (2, 1, 1, 2)
    files = b"".join(path.read_bytes() for path in server.data_dir.glob("triaged.db*"))
    assert WORDS.encode() not in files
    assert all(value not in files for value in sealed[:2] + keys[:2])
    assert all(value in files for value in sealed[2:] + keys[2:]), "the search can find"
    for message_id in (plain, closed):
        check_problem(get(server, message_id), 404, "not_found")
    assert [get(server, message_id).status for message_id in (still_open, danger)] == [200, 200]
    (entry,) = [json.loads(row[0]) for row in server.rows("SELECT entry FROM audit WHERE entry LIKE '%retention.purged%'")]
    assert entry["actor"] == "server" and entry["details"]["messages"] == 2
    metrics = server.metrics()
    assert metrics[PURGED + '{kind="message"}'] == 2 and metrics[PURGED + '{kind="ticket"}'] == 1
    oldest = metrics["triaged_retention_oldest_message_timestamp_seconds"]
    assert abs(time.time() - 3 * 86400 - oldest) < 600
    check(server)
    server.decide("Where is my parcel?", {"Idempotency-Key": "key-1"})


def test_a_compliance_record_keeps_its_message_for_longer(server):
    danger = fill(server)[3]
    review = "rev_" + danger.removeprefix("msg_")
    assert server.cli("review", "resolve", review, "--outcome", "no_action", "--data-dir", server.data_dir).returncode == 0
    for days, status in ((3, 200), (3, 404)):
        server.stop()
        age(server, days)
        server.start()
        wait_until(lambda: server.metrics()["triaged_retention_oldest_message_timestamp_seconds"] > 0, what="a look")
        assert get(server, danger).status == status
    assert server.count("compliance") == 0 and server.count("review_resolved") == 0
    check(server)


def test_nothing_goes_where_messages_are_kept_for_ever(make_server):
    server = make_server(config={"retention": {"message_days": 0}}).start()
    message_id = server.decide("What are your opening hours?")["message_id"]
    server.stop()
    age(server, 3000)
    server.start()
    wait_until(lambda: server.metrics()["triaged_retention_oldest_message_timestamp_seconds"] > 0, what="a look")
    assert get(server, message_id).status == 200 and not server.events("retention_purged")


def test_a_kill_during_the_purge_leaves_no_half_of_a_message(server):
    """Copies do not open, but nobody opens them."""
    fill(server)
    server.stop()
    age(server, 3)
    columns = [row[1] for row in server.rows("PRAGMA main.table_info(message)")]
    rest = ", ".join(column for column in columns if column not in ("id", "subject"))
    many = "WITH RECURSIVE n(i) AS (VALUES(1000) UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
    change(server, f"BEGIN; {many} INSERT INTO message(id, subject, {rest}) SELECT i, i, {rest} FROM n, message WHERE id = 1;"
                   f"{many} INSERT INTO subject(id, key, created_at) SELECT i, randomblob(60), 1 FROM n;"
                   f"{many} INSERT INTO feedback(message_row, key_id, created_at, is_right) SELECT i, 1, 1, 1 FROM n;"
                   f"{many} INSERT INTO ticket_event SELECT i, 2, 'status', 1, NULL, 'open', 'closed' FROM n;"
                   f"{many} INSERT INTO ticket(id, status, priority, queue, intent, created_at)"
                   " SELECT i, 'closed', 'low', 'q', 'other', 1 FROM n; COMMIT;")
    for lost in (300, 2000):
        server.start()
        wait_until(lambda: server.metrics()[PURGED + '{kind="message"}'] > lost, what="some of the purge")
        server.kill()
        check(server)
        assert server.count("message") > 2
    server.start()
    purged(server)
    assert server.count("main.message") == 2 == server.count("subject")
    check(server)
    server.decide("And now?")
    assert server.rows("SELECT max(id) FROM message") == [(6001,)], "no row is given twice"
