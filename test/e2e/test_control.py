# SPDX-License-Identifier: Apache-2.0
"""Administration beside a running server: it must neither end, nor delay, nor deceive it."""

import json
import sqlite3
import subprocess
import time

import pytest
from server import BINARY, in_threads, wait_until


def write_articles(path, count, body="Words about the thing, and more of them.", prefix="art"):
    with open(path, "w") as file:
        for i in range(count):
            article = {"id": f"{prefix}-{i}", "title": f"How does {prefix} number {i} work?", "body": f"{i} {body}"}
            file.write(json.dumps(article) + "\n")
    return path


def start_cli(server, *args):
    return subprocess.Popen([str(BINARY), *map(str, args), "--data-dir", str(server.data_dir)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=server.environment(), text=True)


def run_cli(server, *args):
    return server.cli(*args, "--data-dir", server.data_dir)


# ---- the end of the server ----

@pytest.mark.parametrize("delay_s", [0.05, 0.3])
def test_sigterm_during_an_import_ends_cleanly(make_server, tmp_path, delay_s):
    server = make_server(config={"shutdown": {"grace_ms": 100, "lame_duck_ms": 0}}).start()
    path = write_articles(tmp_path / "many.jsonl", 20000)
    client = start_cli(server, "kb", "import", path)
    wait_until(lambda: server.rows("SELECT 1 FROM article WHERE id = 'art-0'"), 10, "the first batch")
    time.sleep(delay_s)
    server.stop()
    client.communicate(timeout=30)


# ---- the rest of the server ----

def test_administration_that_waits_delays_no_look_up(make_server):
    server = make_server().start()
    server.decide("Where is my order?", {"Idempotency-Key": "k-1"})
    with server.write_lock():
        clients = [start_cli(server, "key", "revoke", f"nobody{i}") for i in range(8)]
        time.sleep(0.2)
        slowest = 0
        while any(client.poll() is None for client in clients):
            started = time.monotonic()
            answer = server.classify("Where is my order?", {"Idempotency-Key": "k-1"})
            slowest = max(slowest, time.monotonic() - started)
            assert answer.status == 200, answer
            time.sleep(0.01)
    assert slowest < 0.2, f"a stored answer took {slowest:.3f} s"
    for client in clients:
        client.communicate()


def test_operations_at_the_same_time_all_happen(make_server):
    server = make_server().start()
    results = in_threads([lambda i=i: run_cli(server, "key", "add", "--name", f"k{i}", "--scope", "classify")
                          for i in range(12)])
    assert [done.returncode for done in results] == [0] * 12
    assert server.count("api_key") == 12


# ---- the truth ----

def test_a_change_that_is_not_in_force_is_no_success(make_server):
    server = make_server().start()
    key = server.add_key("shop", "classify")
    connection = sqlite3.connect(server.database, timeout=5)
    connection.executemany("INSERT INTO api_key(name, hash, scopes, rate_per_minute, rate_burst, created_at, revoked_at)"
                           " VALUES(?, ?, 'classify', -1, 0, 1, 0)",
                           ((f"x{i}", i.to_bytes(32, "big")) for i in range(100001)))
    connection.commit()
    connection.close()
    done = run_cli(server, "key", "revoke", "shop")
    assert server.classify("Where is my order?", {"X-API-Key": key}).status == 200, "the old keys are in force"
    assert done.returncode == 1 and "not in force" in done.stderr, done
