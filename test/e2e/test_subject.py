# SPDX-License-Identifier: Apache-2.0
"""What is known of a customer is sealed, can be exported, and is erased from every place."""
import json
import sqlite3

import pytest

from server import Server, check_problem, yaml_of

WORDS = "zanzibarquilt"
CUSTOMER = "customer-purpleyak-77"


def subject(server, *args):
    return server.cli("subject", *args, "--data-dir", server.data_dir)


def say(server, text, **metadata):
    return server.decide(text, metadata=metadata)["message_id"]


def get(server, message_id):
    return server.get(f"/api/v1/messages/{message_id}")


def places_of(server, *needles):
    """Each file of the data directory, the output, the metrics, in which one of the needles stands."""
    found = []
    for path in sorted(path for path in server.data_dir.rglob("*") if path.is_file()):
        data = path.read_bytes()
        found += [f"{path.name}: {needle}" for needle in needles if needle.encode() in data]
    text = server.output() + server.get("/metrics").body.decode()
    return found + [f"output: {needle}" for needle in needles if needle in text]


def fill(server):
    """Two messages of the customer, one with a ticket, a comment and feedback; one of somebody else."""
    first = say(server, f"Where is my {WORDS} order? Change the address please.", customer_id=CUSTOMER, note=f"note {WORDS}")
    second = say(server, f"What are your opening hours for {WORDS}?", customer_id=CUSTOMER)
    body = json.dumps({"verdict": "wrong", "category": "informational", "comment": f"meant {WORDS}"})
    answer = server.request("POST", f"/api/v1/messages/{second}/feedback", body, {"Content-Type": "application/json"})
    assert answer.status == 200
    other = say(server, "What are your opening hours on Sunday?", customer_id="somebody-else")
    return first, second, other


def test_nothing_that_a_customer_wrote_can_be_read_in_the_files(make_server):
    server = make_server().start()
    first, _, _ = fill(server)
    assert places_of(server, WORDS, CUSTOMER) == []
    assert WORDS in server.rows("SELECT text FROM message WHERE id = 1")[0][0], "but with the master key it can"
    assert get(server, first).status == 200
    server.stop()
    assert all(WORDS.encode() not in path.read_bytes() for path in server.data_dir.iterdir() if path.is_file())


def test_an_export_holds_all_that_is_held(make_server):
    server = make_server().start()
    fill(server)
    assert "messages 2" in subject(server, "show", CUSTOMER).stdout
    lines = [json.loads(line) for line in subject(server, "export", CUSTOMER).stdout.splitlines()]
    assert len(lines) == 2
    assert WORDS in lines[0]["text"] and WORDS in json.dumps(lines[0]["metadata"]) and lines[0]["customer_id"] == CUSTOMER
    assert lines[1]["feedback"][0]["comment"] == f"meant {WORDS}"
    assert "Sunday" not in json.dumps(lines)


def test_an_erased_subject_is_gone_from_every_place_and_the_others_stay(make_server):
    server = make_server().start()
    first, second, other = fill(server)
    keys = [bytes(row[0]) for row in server.rows("SELECT key FROM subject WHERE id < 0 ORDER BY id DESC")]
    sealed = [bytes(row[0]) for row in server.rows("SELECT text FROM main.message ORDER BY id")]
    assert "messages 2" in subject(server, "erase", CUSTOMER).stdout
    files = b"".join(path.read_bytes() for path in server.data_dir.glob("triaged.db*"))
    assert keys[0] not in files and sealed[0] not in files and sealed[1] not in files
    assert keys[1] in files and sealed[2] in files, "the search can find"
    assert places_of(server, WORDS, CUSTOMER) == []
    for message_id in (first, second):
        check_problem(get(server, message_id), 410, "gone")
    assert get(server, other).status == 200
    assert subject(server, "show", CUSTOMER).returncode != 0
    assert "erased at" in subject(server, "show", first).stdout
    assert server.rows("SELECT count(*) FROM idempotency") == [(0,)]
    assert "subject.erased" in "".join(row[0] for row in server.rows("SELECT entry FROM audit"))
    assert server.rows("PRAGMA integrity_check") == [("ok",)]
    server.stop()
    server.start()
    check_problem(get(server, first), 410, "gone")
    later = say(server, f"A new {WORDS} question about delivery", customer_id=CUSTOMER)
    assert get(server, later).status == 200, "whoever comes back begins anew"
    assert "messages 1" in subject(server, "show", CUSTOMER).stdout


def test_a_message_without_a_customer_is_erased_alone_and_one_of_a_conversation_with_it(make_server):
    server = make_server().start()
    alone, beside = say(server, f"Where is {WORDS}?"), say(server, "Where is my parcel?")
    one, two = (say(server, f"Where is {WORDS} {n}?", conversation_id="talk-1") for n in (1, 2))
    assert "messages 1," in subject(server, "erase", alone).stdout
    assert "messages 2," in subject(server, "erase", two).stdout
    assert [get(server, message_id).status for message_id in (alone, beside, one, two)] == [410, 200, 410, 410]


def test_an_open_compliance_record_holds_its_subject(make_server):
    server = make_server().start()
    message_id = say(server, "The charger burned my hand and there was smoke", customer_id=CUSTOMER)
    refused = subject(server, "erase", CUSTOMER)
    assert refused.returncode != 0 and "compliance" in refused.stderr
    assert get(server, message_id).status == 200
    (review,) = server.rows("SELECT message_row FROM review")
    server.cli("review", "resolve", "rev_" + message_id.removeprefix("msg_"), "--outcome", "no_action",
               "--data-dir", server.data_dir)
    assert subject(server, "erase", CUSTOMER).returncode == 0
    assert get(server, message_id).status == 410 and review == (1,)


def test_a_store_without_its_master_key_or_with_another_is_refused(make_server):
    server = make_server().start()
    message_id = say(server, f"Where is {WORDS}?")
    server.stop()
    key = server.data_dir / "master.key"
    good = key.read_bytes()
    key.unlink()
    server.fail()
    assert "master.key" in server.output() and "restore" in server.output()
    assert not key.exists(), "no other key is made in its place"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    server.fail()
    assert "another master key" in server.output()
    key.write_bytes(good)
    server.start()
    assert get(server, message_id).status == 200


@pytest.mark.parametrize("damage", ["UPDATE message SET answer = randomblob(length(answer)) WHERE id = 1",
                                    "UPDATE message SET answer = x'00' WHERE id = 1",
                                    "UPDATE subject SET key = randomblob(60) WHERE id = 1",
                                    "UPDATE message SET answer = (SELECT answer FROM message WHERE id = 2) WHERE id = 1",
                                    "UPDATE message SET answer = text WHERE id = 1"])
def test_a_value_that_was_changed_or_moved_fails_alone(make_server, damage):
    server = make_server().start()
    one, two = say(server, "Where is my parcel?"), say(server, "Where is my refund?")
    server.stop()
    with sqlite3.connect(server.database) as database:
        assert database.execute(damage).rowcount == 1
    database.close()
    server.start()
    assert get(server, one).status == 503 and get(server, two).status == 200
    assert server.get("/health/ready").status in (200, 404)
    assert say(server, "Where is my third parcel?")


def test_a_customer_whose_key_is_lost_is_heard_all_the_same(make_server):
    server = make_server().start()
    danger = "The charger burned my hand and there was smoke"
    before = say(server, danger, customer_id=CUSTOMER)
    server.stop()
    with sqlite3.connect(server.database) as database:
        assert database.execute("UPDATE subject SET key = randomblob(60) WHERE id = -1").rowcount == 1
    database.close()
    server.start()
    again = say(server, danger, customer_id=CUSTOMER)
    assert get(server, again).status == 200 and get(server, before).status == 503
    assert server.rows("SELECT subject FROM main.message ORDER BY id") == [(-1,), (2,)], "the second has one of its own"
    assert server.count("compliance") == server.count("review") == 2
    assert [event["message_id"] for event in server.events("subject_key_lost")] == [again]
    assert server.metrics()["triaged_subject_keys_lost_total"] == 1


def test_a_backup_without_the_master_key_tells_nothing_and_forgets_with_the_key(make_server, tmp_path):
    server = make_server().start()
    fill(server)
    backup = tmp_path / "backup.db"
    source, target = sqlite3.connect(server.database), sqlite3.connect(backup)
    source.backup(target)
    source.close()
    target.close()
    assert WORDS.encode() not in backup.read_bytes() and CUSTOMER.encode() not in backup.read_bytes()



def test_the_master_key_may_lie_elsewhere(tmp_path):
    """encryption.key_file: never made by the server, needed by it, and by the command line."""
    key = tmp_path / "keys" / "master"
    server = Server(tmp_path / "elsewhere", {"encryption": {"key_file": str(key)}})
    server.config_path.write_text(yaml_of(server.config))
    done = server.cli("ticket", "list", "--config", server.config_path, "--data-dir", server.data_dir)
    assert done.returncode == 1 and "head -c 32 /dev/urandom" in done.stderr, done
    key.parent.mkdir()
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    server.start()
    message = server.decide("What is your refund policy?")
    assert server.get("/api/v1/messages/" + message["message_id"]).json == message
    server.stop()
    assert not (server.data_dir / "master.key").exists()
    key.write_bytes(bytes(32))
    assert server.cli("ticket", "list", "--config", server.config_path, "--data-dir", server.data_dir).returncode == 1
