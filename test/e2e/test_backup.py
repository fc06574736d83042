# SPDX-License-Identifier: Apache-2.0
"""Backup, restore and check, as an operator goes through them."""
import json
import re
import shutil
import sqlite3
import subprocess
import threading

import pytest

from server import BINARY, ROOT, Server

URGENT = "I have chest pain after taking your tablets."


def admin(server, *args):
    return server.cli(*args, "--data-dir", server.data_dir)


def restored(tmp_path, name, backup, source):
    """A new server with what the backup holds; the keys are brought as the page says."""
    server = Server(tmp_path / name)
    server.data_dir.mkdir(mode=0o700)
    for key in source.data_dir.glob("*.key"):
        (server.data_dir / key.name).write_bytes(key.read_bytes())
        (server.data_dir / key.name).chmod(0o600)
    done = admin(server, "restore", backup)
    assert done.returncode == 0, done
    return server


def test_a_backup_under_load_holds_all_that_was_acknowledged_before(make_server, tmp_path):
    source = make_server().start()
    before = [source.decide(f"{URGENT} {number}") for number in range(20)]
    ends = threading.Event()

    def write():
        while not ends.is_set():
            source.decide(URGENT)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        done = admin(source, "backup", tmp_path / "backup")
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert done.returncode == 0 and "keys" in done.stdout, done
    assert sorted(path.name for path in tmp_path.glob("backup*")) == ["backup"]
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    checked = admin(source, "check", tmp_path / "backup")
    assert checked.returncode == 0 and "is sound" in checked.stdout, checked
    source.stop()
    server = restored(tmp_path, "restored", tmp_path / "backup", source)
    server.start()
    for answer in before:
        found = server.get("/api/v1/messages/" + answer["message_id"])
        assert found.status == 200 and found.json == answer
    assert server.decide(URGENT)["compliance"]["severity"] == "urgent"
    assert admin(server, "check").returncode == 0
    server.stop()


def test_learnt_models_come_along(make_server, tmp_path):
    source = make_server()
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps({"text": f"wozzle the gizmo {i}", "intent": "place_order"}) + "\n" for i in range(40)))
    assert source.cli("train", "--local", lines, "--out", tmp_path / "own.model").returncode == 0
    version = admin(source, "model", "add", tmp_path / "own.model").stdout.split()[-1]
    assert admin(source, "model", "activate", version).returncode == 0
    assert admin(source, "backup", tmp_path / "backup").returncode == 0
    server = restored(tmp_path, "restored", tmp_path / "backup", source)
    listed = admin(server, "model", "list").stdout
    assert f"* {version}" in listed, listed


def test_nothing_is_written_over(make_server, tmp_path):
    source = make_server().start()
    source.decide(URGENT)
    (tmp_path / "there").write_text("precious")
    done = admin(source, "backup", tmp_path / "there")
    assert done.returncode == 1 and "there already" in done.stderr and (tmp_path / "there").read_text() == "precious", done
    assert admin(source, "backup", tmp_path / "backup").returncode == 0
    done = admin(source, "restore", tmp_path / "backup")
    assert done.returncode == 1 and "in use by process" in done.stderr, done
    source.stop()
    done = admin(source, "restore", tmp_path / "backup")
    assert done.returncode == 1 and "there already" in done.stderr, done
    done = admin(source, "backup", tmp_path / "no" / "such" / "folder")
    assert done.returncode == 1 and "No such file" in done.stderr, done


@pytest.mark.parametrize("damage, why", [
    (lambda path: path.write_bytes(path.read_bytes()[:8192]), "damaged"),
    (lambda path: path.write_bytes(b"no database at all" * 100), "damaged"),
    (lambda path: path.write_bytes(b""), "backup"),
    (lambda path: sqlite3.connect(path).executescript("PRAGMA application_id=7"), "another program"),
    (lambda path: sqlite3.connect(path).executescript("PRAGMA user_version=999"), "newer program"),
    (lambda path: sqlite3.connect(path).executescript("DROP TABLE backup_file"), "none that `triaged backup` made"),
])
def test_what_is_no_backup_is_refused(make_server, tmp_path, damage, why):
    source = make_server()
    assert admin(source, "key", "list").returncode == 0
    assert admin(source, "backup", tmp_path / "backup").returncode == 0
    damage(tmp_path / "backup")
    server = Server(tmp_path / "target")
    done = admin(server, "restore", tmp_path / "backup")
    assert done.returncode == 1 and why in done.stderr, done
    assert not list(server.data_dir.glob("triaged.db*"))


@pytest.mark.parametrize("damage, why", [
    ("DELETE FROM message WHERE id = 1", "has no message"),
    ("DELETE FROM review", "has no review"),
    ("UPDATE audit SET entry = replace(entry, 'urgent', 'standard') WHERE seq = 100", "are not those that were hashed"),
    ("DELETE FROM audit WHERE seq = 255", "audit log"),
    ("DELETE FROM audit_tile", "audit log lacks"),
])
def test_check_finds_what_does_not_belong_together(make_server, damage, why):
    server = make_server().start()
    for _ in range(260):
        server.decide(URGENT)
    server.stop()
    assert "is sound" in admin(server, "check").stdout
    database = sqlite3.connect(server.data_dir / "triaged.db")
    database.executescript(damage)
    database.close()
    done = admin(server, "check")
    assert done.returncode == 1 and why in done.stderr and done.stdout == "", done


def test_the_page_can_be_followed(make_server, tmp_path):
    """doc/backup.md, block by block: back up beside a running server, lose everything, restore."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "doc/backup.md").read_text(), re.S)
    assert len(blocks) == 2
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/triaged").symlink_to(BINARY)
    server = make_server().start()
    env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "DATA": str(server.data_dir), "BACKUP": str(tmp_path / "backups"),
           "KEYS": str(tmp_path / "keys")}
    for folder in ("backups", "keys"):
        (tmp_path / folder).mkdir()

    def follow(block):
        done = subprocess.run(["bash", "-ec", block], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done

    answer = server.decide(URGENT)
    follow(blocks[0])
    server.stop()
    shutil.rmtree(server.data_dir)
    follow(blocks[1])
    server.start()
    assert server.get("/api/v1/messages/" + answer["message_id"]).json == answer
    server.stop()
