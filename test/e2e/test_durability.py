# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is there: kill -9 at random moments under load, then every acknowledged
answer is asked for again. E2E_LONG=1 makes it 200 rounds instead of 8."""
import json
import os
import random
import shutil
import sqlite3
import threading
import time

import pytest

from server import SLOW, classify_bytes, request_bytes

ROUNDS = 200 if os.environ.get("E2E_LONG") else 8
CLIENTS = 6
TEXTS = ["What are your opening hours?", "Where is my order ORD-{n}?", "Please cancel my order ORD-{n}.",
         "I got a rash from your cream, batch {n}.", "I want a refund of {n}.50 EUR.", "I am in the ER"]


class Client(threading.Thread):
    """Sends one message after the other until the connection dies; keeps every 200."""

    def __init__(self, server, number):
        super().__init__()
        self.server = server
        self.number = number
        self.acknowledged = []
        self.others = []

    def run(self):
        try:
            with self.server.wire() as wire:
                count = 0
                while True:
                    count += 1
                    text = TEXTS[count % len(TEXTS)].format(n=self.number * 100000 + count)
                    wire.send(classify_bytes(text, [("Idempotency-Key", f"{self.server.runs}-{self.number}-{count}")]))
                    answer = wire.receive()
                    if answer is None:
                        return
                    (self.acknowledged if answer.status == 200 else self.others).append(answer.body)
        except (OSError, AssertionError, ValueError):
            return  # killed in the middle of an answer: not acknowledged


def lost(server, acknowledged):
    """The acknowledged answers that the server no longer gives word for word."""
    missing = []
    with server.wire() as wire:
        for body in acknowledged:
            wire.send(request_bytes("GET", "/api/v1/messages/" + json.loads(body)["message_id"]))
            answer = wire.receive()
            if answer.status != 200 or answer.body != body:
                missing.append(body)
    return missing


def load_and_kill(server, delay_s):
    clients = [Client(server, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(delay_s)
    server.kill()
    for client in clients:
        client.join(30 * SLOW)
        assert not client.is_alive() and not client.others, client.others[:1]
    return [body for client in clients for body in client.acknowledged]


def check_restart(server):
    start = time.monotonic()
    server.start()
    assert time.monotonic() - start < 2 * SLOW, "ready within two seconds of a crash"


def test_kill_loses_nothing_that_was_acknowledged(make_server):
    server = make_server().start()
    everything = []
    for _ in range(ROUNDS):
        acknowledged = load_and_kill(server, random.uniform(0.05, 0.4) * SLOW)
        check_restart(server)
        assert lost(server, acknowledged) == []
        everything += acknowledged
    assert len(everything) > ROUNDS * CLIENTS, "there was load"
    assert lost(server, random.sample(everything, min(2000, len(everything)))) == [], "older rounds are still there"
    assert server.rows("PRAGMA integrity_check") == [("ok",)]


def test_records_of_one_message_come_and_go_together(make_server):
    """One transaction: no ticket, record, review or key without its message, and none missing."""
    server = make_server().start()
    for _ in range(3):
        load_and_kill(server, 0.3 * SLOW)
        check_restart(server)
    for table, column in (("ticket", "id"), ("compliance", "id"), ("review", "message_row"),
                          ("idempotency", "message_row")):
        assert server.count(table) > 0, f"the load leaves rows in {table}"
        assert server.rows(f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM message)") == [(0,)]
    assert server.rows("SELECT count(*) FROM message WHERE category = 'safety_compliance'"
                       " AND id NOT IN (SELECT id FROM compliance)") == [(0,)]
    assert server.rows("SELECT count(*) FROM message WHERE json_extract(answer, '$.ticket') IS NOT NULL"
                       " AND id NOT IN (SELECT id FROM ticket)") == [(0,)]
    assert server.count("message") == server.count("idempotency"), "every message of this load had a key"


def test_retry_after_the_crash_makes_no_second_record(make_server):
    server = make_server().start()
    acknowledged = load_and_kill(server, 0.2 * SLOW)
    check_restart(server)
    before = server.count("message")
    first_run = [(number, count) for number in range(CLIENTS) for count in range(1, 4)]
    replayed = 0
    with server.wire() as wire:
        for number, count in first_run:
            text = TEXTS[count % len(TEXTS)].format(n=number * 100000 + count)
            wire.send(classify_bytes(text, [("Idempotency-Key", f"1-{number}-{count}")]))
            answer = wire.receive()
            assert answer.status == 200
            replayed += answer.header("Idempotency-Replayed") == "true"
            assert answer.header("Idempotency-Replayed") == "true" or answer.body not in acknowledged
    assert replayed > 0
    assert server.count("message") == before + len(first_run) - replayed


@pytest.mark.parametrize("damage", [
    "DELETE FROM message WHERE id = ?1",
    # Of another message, which no longer has its own place.
    "UPDATE message SET (check_word, subject, answer) = (SELECT check_word, subject, answer FROM message WHERE id <> ?1)"
    " WHERE id = ?1",
])
def test_checker_reports_what_is_lost(make_server, damage):
    """The harness can fail: a store that has lost or changed one row is told apart."""
    server = make_server().start()
    acknowledged = load_and_kill(server, 0.2 * SLOW)
    victim = random.choice(acknowledged)
    copy = make_server()
    shutil.copytree(server.data_dir, copy.data_dir, ignore=shutil.ignore_patterns("control.sock"))
    (row,), = copy.rows("SELECT id FROM message WHERE json_extract(answer, '$.message_id') = ?",
                        json.loads(victim)["message_id"])
    database = sqlite3.connect(copy.database)
    with database:
        assert database.execute(damage, [row]).rowcount == 1
    database.close()
    copy.start()
    assert lost(copy, acknowledged) == [victim]


def test_ids_are_never_given_twice(make_server):
    server = make_server().start()
    seen = set()
    for _ in range(3):
        for body in load_and_kill(server, 0.15 * SLOW):
            message_id = json.loads(body)["message_id"]
            assert message_id not in seen
            seen.add(message_id)
        check_restart(server)
    assert seen
