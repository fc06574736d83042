# SPDX-License-Identifier: Apache-2.0
"""Administration beside a running server: it must neither end, nor delay, nor deceive it."""

import json
import shutil
import socket
import sqlite3
import subprocess
import time

import pytest
from server import BINARY, in_threads, request_bytes, wait_until


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

def insert_keys(server, count):
    connection = sqlite3.connect(server.database, timeout=5)
    connection.executemany("INSERT INTO api_key(name, hash, scopes, rate_per_minute, rate_burst, created_at, revoked_at)"
                           " VALUES(?, ?, 'classify', -1, 0, 1, 0)",
                           ((f"x{i}", i.to_bytes(32, "big")) for i in range(count)))
    connection.commit()
    connection.close()


def test_a_change_that_is_not_in_force_is_no_success(make_server):
    server = make_server().start()
    key = server.add_key("shop", "classify")
    insert_keys(server, 100001)
    done = run_cli(server, "key", "revoke", "shop")
    assert server.classify("Where is my order?", {"X-API-Key": key}).status == 200, "the old keys are in force"
    assert done.returncode == 1 and "not in force" in done.stderr, done


def test_more_keys_than_a_server_loads_are_refused(make_server):
    server = make_server().start()
    insert_keys(server, 99999)
    assert run_cli(server, "key", "add", "--name", "last", "--scope", "classify").returncode == 0
    done = run_cli(server, "key", "add", "--name", "over", "--scope", "classify")
    assert done.returncode == 1 and "100000" in done.stderr, done
    server.stop()
    server.launch()
    wait_until(lambda: server.events("started"), 30, "the start with all keys")
    server.stop()


# ---- articles ----

def control(server, operation, arguments):
    """One operation over the control socket itself, past the command line's own checks."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(30)
        wire.connect(str(server.data_dir / "control.sock"))
        body = json.dumps(arguments).encode()
        wire.sendall(request_bytes("POST", f"/control/{operation}", body, [("Connection", "close")]))
        data = b""
        while part := wire.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head[9:12]), json.loads(body)


GOOD = {"id": "ok", "title": "What is a narwhal?", "body": "A whale with a tooth."}


@pytest.mark.parametrize("bad", [
    {"body": "x" * 65537}, {"title": "x" * 1025}, {"aliases": ["x"] * 65}, {"aliases": ["x" * 1025]}, {"tags": ["x"] * 65},
    {"tags": ["x" * 1025]}, {"tags": [1]}, {"url": "x" * 2049}, {"locale": "x" * 1025}, {"title": ""},
], ids=lambda bad: "-".join(bad))
def test_article_that_no_index_takes_is_refused_by_name(make_server, bad):
    server = make_server().start()
    before = server.count("article")
    status, body = control(server, "kb.import", {"articles": [GOOD, {**GOOD, "id": "the-bad-one", **bad}]})
    assert 400 <= status < 500 and "the-bad-one" in body["detail"], body
    assert server.count("article") == before, "all or nothing"


def insert_articles(server, articles):
    connection = sqlite3.connect(server.database, timeout=5)
    connection.executemany("INSERT INTO article(id, title, body, updated_at) VALUES(?, ?, ?, 1)", articles)
    connection.commit()
    connection.close()


def test_more_articles_than_the_index_takes_are_refused(make_server):
    server = make_server(config={"kb": {"seed_starter": False}}).start()
    insert_articles(server, ((f"a{i}", f"Title {i}", "b") for i in range(99999)))
    status, body = control(server, "kb.import", {"articles": [GOOD, {**GOOD, "id": "one-too-many"}]})
    assert status == 400 and "100000" in body["detail"], body
    assert server.count("article") == 99999
    status, body = control(server, "kb.import", {"articles": [GOOD]})
    assert status == 200 and body["added"] == 1, body
    server.stop()
    server.start(30)


def test_bad_article_in_the_store_is_left_out_at_the_start(make_server):
    server = make_server().start()
    server.stop()
    insert_articles(server, [("bad-one", "What is a narwhal?", "x" * 70000),
                             ("good-one", "What is your zeppelin policy?", "Zeppelins may moor at the mast.")])
    server.start()
    assert [line for line in server.events("article_skipped") if "bad-one" in line["reason"]], server.output()
    assert "mast" in server.decide("What is your zeppelin policy?")["reply"]


def test_import_of_many_articles_builds_one_index(make_server, tmp_path):
    server = make_server().start()
    before = len(server.events("knowledge_loaded"))
    done = run_cli(server, "kb", "import", write_articles(tmp_path / "many.jsonl", 2600))
    assert done.returncode == 0, done
    assert server.decide("How does art number 2599 work?")["article"], "in force as soon as the import returns"
    wait_until(lambda: len(server.events("knowledge_loaded")) > before, 5, "the log line")
    assert len(server.events("knowledge_loaded")) == before + 1
    assert done.stderr == "", "progress is for terminals"


def test_import_counts_each_file_by_itself(make_server, tmp_path):
    server = make_server().start()
    done = run_cli(server, "kb", "import", write_articles(tmp_path / "a.jsonl", 3, prefix="first"),
                   write_articles(tmp_path / "b.jsonl", 2, prefix="second"))
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert "a.jsonl: 3 added, 0 updated" in lines[0] and "b.jsonl: 2 added, 0 updated" in lines[1], lines


def test_parts_before_a_failure_are_in_force(make_server, tmp_path):
    server = make_server().start()
    bad = tmp_path / "b.csv"
    bad.write_text("nonsense\n1\n")
    done = run_cli(server, "kb", "import", write_articles(tmp_path / "a.jsonl", 3, prefix="zeppelin"), bad)
    assert done.returncode == 1, done
    assert server.decide("How does zeppelin number 2 work?")["article"]


def test_import_without_a_server_keeps_the_floor_too(make_server, tmp_path):
    free = shutil.disk_usage(tmp_path).free
    if free * 2 > 2 ** 40:
        pytest.skip("more free space than the setting can name")
    alone = make_server()
    env = {"TRIAGED_STORE_MIN_FREE_BYTES": str(free * 2)}
    done = alone.cli("kb", "import", write_articles(tmp_path / "a.jsonl", 1), "--data-dir", alone.data_dir, env=env)
    assert done.returncode == 1 and "floor" in done.stderr, done
    assert alone.count("article") == 0
