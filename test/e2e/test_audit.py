# SPDX-License-Identifier: Apache-2.0
"""The audit log: what is entered, and that nothing can be taken back unseen."""
import json
import os
import random
import shutil
import subprocess

import pytest

from server import ROOT, Server, wait_until

LONG = os.environ.get("E2E_LONG")
URGENT = "I have chest pain after taking your tablets."


class Audited(Server):
    def admin(self, *args):
        return self.cli(*args, "--data-dir", self.data_dir)

    def export(self):
        """The log, and beside it the checkpoints that a verifier had kept until then."""
        self.kept = self.checkpoints.read_bytes() if self.checkpoints.exists() else b""
        done = self.admin("audit", "export")
        assert done.returncode == 0, done
        return done.stdout

    def key(self):
        done = self.admin("audit", "key")
        assert done.returncode == 0, done
        return done.stdout.strip()


@pytest.fixture
def audited(tmp_path):
    server = Audited(tmp_path / "audited",
                     {"audit": {"checkpoint_file": str(tmp_path / "checkpoints"), "checkpoint_interval_s": 1}})
    server.checkpoints = tmp_path / "checkpoints"
    server.start()
    yield server
    try:
        server.stop()
    finally:
        server.discard()


def verify(server, tmp_path, text, key):
    """Both verifiers on one export; they must agree. True: nothing is wrong."""
    export = tmp_path / "export"
    export.write_bytes(text if isinstance(text, bytes) else text.encode())
    kept = tmp_path / "kept"
    kept.write_bytes(server.kept)
    ours = server.cli("audit", "verify", export, "--key", key, "--checkpoint", kept)
    other = subprocess.run(["/usr/bin/python3", ROOT / "tools/verify_audit.py", export, key, kept], capture_output=True,
                           text=True, timeout=60)
    assert ours.returncode in (0, 1) and (ours.returncode == 0) == (other.returncode == 0), (ours, other)
    assert "Traceback" not in other.stderr or ours.returncode == 1, other
    return ours.returncode == 0


def entries(text):
    return [json.loads(line) for line in text.splitlines()[:-1]]


def test_what_happens_is_entered_in_order(audited):
    message = audited.decide(URGENT)["message_id"]
    review = message.replace("msg_", "rev_")
    assert audited.get("/api/v1/reviews").status == 200
    assert audited.get("/api/v1/reviews/" + review).status == 200
    assert audited.get("/api/v1/compliance/" + message.replace("msg_", "cmp_")).status == 200
    assert audited.admin("review", "claim", review).returncode == 0
    assert audited.admin("key", "add", "--name", "shop", "--scope", "classify").returncode == 0
    assert audited.admin("key", "revoke", "shop").returncode == 0
    found = entries(audited.export())
    kinds = [entry["kind"] for entry in found]
    assert kinds[:3] == ["knowledge.changed", "policy.changed", "model.changed"]
    assert kinds[3:] == ["record.created", "records.listed", "record.read", "record.read", "review.changed", "key.added",
                         "key.revoked", "log.exported"]
    assert [entry["seq"] for entry in found] == list(range(len(found)))
    assert found[3]["record"] == message and len(found[3]["digest"]) == 64
    assert [entry["actor"] for entry in found[7:10]] == ["cli"] * 3
    assert found[3]["details"]["severity"] == "urgent" and found[8]["details"]["name"] == "shop"
    assert "chest" not in json.dumps(found)


def test_a_start_that_changes_nothing_is_no_change(audited):
    before = audited.export()
    audited.stop()
    audited.start()
    assert {entry["kind"] for entry in entries(audited.export())[len(entries(before)):]} == {"log.exported"}


def reads(server):
    return [(entry["kind"], entry.get("actor"), entry.get("record")) for entry in entries(server.export())
            if entry["kind"] in ("record.read", "records.listed")]


def test_who_reads_what_others_sent_is_entered(audited):
    agent, shop = ({"Authorization": "Bearer " + audited.add_key(name, scope)}
                   for name, scope in (("agent", "review"), ("shop", "classify")))
    answer = audited.decide("I need to open a ticket because my order never arrived.", headers=shop)
    message, ticket = answer["message_id"], answer["ticket"]["id"]
    for key in (shop, agent):
        assert audited.get("/api/v1/messages/" + message, key).status == 200
        assert audited.get("/api/v1/tickets/" + ticket, key).status == 200
    assert audited.get("/api/v1/tickets", agent).status == 200
    changed = audited.request("PATCH", "/api/v1/tickets/" + ticket, b'{"status":"pending"}',
                              {**agent, "Content-Type": "application/json", "If-Match": "*"})
    assert changed.status == 200
    by = {entry["kind"]: entry["actor"] for entry in entries(audited.export())}
    assert by["ticket.changed"] == "key:agent" and by["record.created"] == "key#2"
    assert audited.admin("ticket", "show", ticket).returncode == 0
    assert audited.admin("ticket", "list").returncode == 0
    by_agent = [("record.read", "key:agent", message)] * 2 + [("records.listed", "key:agent", None)]
    assert reads(audited) == by_agent + [("record.read", "cli", message), ("records.listed", "cli", None)]


def test_what_cannot_be_entered_is_not_shown(audited):
    agent = {"Authorization": "Bearer " + audited.add_key("agent", "review")}
    shop = {"Authorization": "Bearer " + audited.add_key("shop", "classify")}
    message = audited.decide(URGENT, headers=shop)["message_id"]
    with audited.write_lock():
        for path in ("reviews", "messages/" + message, "reviews/" + message.replace("msg_", "rev_"),
                     "compliance/" + message.replace("msg_", "cmp_"), "tickets"):
            answer = audited.get("/api/v1/" + path, agent)
            assert answer.status == 503 and b"due_at" not in answer.body, path


def test_an_outsider_can_verify_it(audited, tmp_path):
    for number in range(20):
        audited.decide(f"{URGENT} {number}")
    last = audited.decide("What is your refund policy?")["message_id"]
    wait_until(lambda: any(event["size"] > 20 for event in audited.events("checkpoint_made")), what="a checkpoint")
    key, text = audited.key(), audited.export()
    assert verify(audited, tmp_path, text, key)
    (tmp_path / "proof").write_text(audited.admin("audit", "prove", last).stdout)
    done = audited.cli("audit", "verify", "--proof", tmp_path / "proof", "--key", key)
    assert done.returncode == 0 and "proven" in done.stdout, done
    size = audited.checkpoints.read_text().splitlines()[1]
    (tmp_path / "growth").write_text(audited.admin("audit", "prove", "--since", size).stdout)
    done = audited.cli("audit", "verify", "--proof", tmp_path / "growth", "--key", key, "--checkpoint", audited.checkpoints)
    assert done.returncode == 0, done
    proof = json.loads((tmp_path / "proof").read_text())
    proof["entry"] = proof["entry"].replace("informational", "safety_compliance")
    (tmp_path / "proof").write_text(json.dumps(proof))
    assert audited.cli("audit", "verify", "--proof", tmp_path / "proof", "--key", key).returncode == 1
    stranger = Audited(tmp_path / "stranger").key()
    done = audited.cli("audit", "verify", tmp_path / "export", "--key", stranger)
    assert done.returncode == 1 and "not signed by this key" in done.stderr, done


def flip(chance, text):
    at = chance.randrange(len(text))
    return text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1:]


def delete(chance, text):
    lines = text.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def swap(chance, text):
    lines = text.splitlines(keepends=True)
    one, other = chance.sample(range(len(lines) - 1), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def cut(chance, text):
    return text[:chance.randrange(len(text))]


def insert(chance, text):
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"".join(lines)


def renumber(chance, text):
    """What somebody would do who knows the format: without one entry, the others numbered anew."""
    lines = text.splitlines()
    del lines[chance.randrange(len(lines) - 1)]
    for number, line in enumerate(lines[:-1]):
        lines[number] = b'{"seq":%d' % number + line[line.index(b","):]
    return b"\n".join(lines) + b"\n"


def test_tampering_is_found(audited, tmp_path):
    chance = random.Random(9162)
    for number in range(30):
        audited.decide(f"{URGENT} {number}")
    key, text = audited.key(), audited.export().encode()
    assert verify(audited, tmp_path, text, key)
    for number in range(1000 if LONG else 36):
        change = (flip, delete, swap, cut, insert, renumber)[number % 6]
        changed = change(chance, text)
        assert changed == text or not verify(audited, tmp_path, changed, key), (change.__name__, number)


def test_an_old_copy_put_back_is_found(audited, tmp_path):
    """Somebody with the machine restores yesterday's database: its own checkpoints are sound, the kept ones tell."""
    audited.decide(URGENT)
    audited.stop()
    shutil.copytree(audited.data_dir, tmp_path / "yesterday")
    audited.start()
    for number in range(5):
        audited.decide(f"{URGENT} {number}")
    audited.stop()
    kept = audited.checkpoints.read_bytes()
    shutil.rmtree(audited.data_dir)
    shutil.move(tmp_path / "yesterday", audited.data_dir)
    audited.start()
    for number in range(20):
        audited.decide(f"What is your refund policy? {number}")
    audited.stop()
    key, text = audited.key(), audited.export()
    audited.kept = kept
    assert not verify(audited, tmp_path, text, key)
    audited.kept = b""
    assert verify(audited, tmp_path, text, key)
    audited.start()


def test_killed_at_any_time_it_goes_on(audited, tmp_path):
    for number in range(12 if LONG else 3):
        for _ in range(5):
            audited.decide(URGENT)
        audited.kill()
        audited.start()
    assert verify(audited, tmp_path, audited.export(), audited.key())


@pytest.mark.parametrize("args, why", [
    (["verify", "x"], "--key"), (["verify", "none", "--key", "nowhere"], "nowhere"), (["prove"], "number"),
    (["prove", "123456"], "entries"), (["prove", "msg_00000000000000000000000000"], "message"), (["prove", "--since", "x"], "size"),
    (["nothing"], "nothing")])
def test_misuse_is_explained(audited, args, why):
    done = audited.admin("audit", *args)
    assert done.returncode in (1, 2) and why in done.stderr, done
