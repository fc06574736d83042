# SPDX-License-Identifier: Apache-2.0
"""Start, reload, trouble and end of the process."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from server import BINARY, SLOW, check_problem, classify_bytes, request_bytes, wait_until

QUESTION = "What are your opening hours?"
EMERGENCY = "My father has chest pain and cannot breathe."
CANCEL = "Please cancel my order ORD-12345."


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


# ---- what an operator sees ----

def test_threads_have_names(make_server):
    server = make_server(config={"workers": 3}).start()
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
    names = {(task / "comm").read_text().strip() for task in tasks.iterdir()}
    assert {"triaged", "log", "worker-0", "worker-1", "worker-2"} <= names, names


# ---- the end ----

def test_sigterm_ends_with_0_and_says_so(make_server):
    server = make_server().start()
    port = server.port
    server.classify(QUESTION)
    server.stop()
    events = [line["event"] for line in server.log()]
    assert "stopping" in events and events[-1] == "stopped"
    assert refuses_connections(port)


def test_sigint_ends_like_sigterm(make_server):
    server = make_server().start()
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_request_in_flight_is_finished_before_the_end(make_server):
    server = make_server().start()
    for _ in range(10):
        with server.wire() as wire:
            with server.write_lock():
                wire.send(classify_bytes(QUESTION))
                time.sleep(0.05)
                server.signal(signal.SIGTERM)
                time.sleep(0.05)
            answer = wire.receive()
            assert answer is not None, "dropped"
            assert server.wait() == 0
        if answer.status == 200:
            break
        server.start()
    assert answer.status == 200, answer
    assert answer.header("Connection") == "close"
    assert server.rows("SELECT answer FROM message ORDER BY id DESC LIMIT 1") == [(answer.body.decode(),)]


def test_while_draining_not_ready_and_new_work_is_refused(make_server):
    """Behind SIGTERM a request that had begun is still heard out: an ordinary message gets 503, a
    safety matter its record and its answer."""
    server = make_server(config={"shutdown": {"grace_ms": 10000}}).start()
    ordinary, hit, ready = server.wire(), server.wire(), server.wire()
    parts = [(ordinary, classify_bytes(QUESTION)), (hit, classify_bytes(EMERGENCY)),
             (ready, request_bytes("GET", "/api/v1/ready"))]
    for wire, message in parts:
        wire.send(message[:-5])
    time.sleep(0.1 * SLOW)
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.events("stopping"), 5, "the drain")
    wait_until(lambda: refuses_connections(server.port), 5, "the listener's end")
    answers = []
    for wire, message in parts:
        wire.send(message[-5:])
        answers.append(wire.receive())
        wire.close()
    check_problem(answers[0], 503, "draining")
    assert int(answers[0].header("Retry-After")) >= 1
    assert answers[1].status == 200 and answers[1].json["compliance"]["severity"] == "urgent"
    assert answers[2].status == 503 and answers[2].json["status"] == "draining"
    assert server.wait() == 0
    assert server.count("message") == 1


def test_lame_duck_is_not_ready_but_still_listens(make_server):
    server = make_server(config={"shutdown": {"lame_duck_ms": int(1500 * SLOW)}}).start()
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.get("/api/v1/ready").status == 503, 1, "not ready")
    answer = server.get("/api/v1/ready")
    assert answer.json["status"] == "draining" and int(answer.header("Retry-After")) >= 1
    assert server.get("/api/v1/health").status == 200, "alive all the same"
    assert server.decide(EMERGENCY)["compliance"]["severity"] == "urgent"
    assert server.wait() == 0


def test_idle_connections_do_not_hold_up_the_end(make_server):
    server = make_server().start()
    wires = [server.wire() for _ in range(20)]
    for wire in wires[:10]:
        wire.send(request_bytes("GET", "/api/v1/health"))
        wire.receive()
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 2 * SLOW
    for wire in wires:
        assert wire.receive() is None


def test_stuck_client_is_left_behind_after_the_grace_time(make_server):
    server = make_server(config={"shutdown": {"grace_ms": 300}}).start()
    with server.wire() as wire:
        wire.send(classify_bytes(QUESTION)[:-1])
        time.sleep(0.05)
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        server.process.wait(10 * SLOW)
        assert time.monotonic() - start < 3 * SLOW
    server.process = None


# ---- the start ----

def test_start_is_quick_and_logged_once(make_server):
    server = make_server().start()
    started = server.events("started")
    assert len(started) == 1
    assert started[0]["listen"] == f"127.0.0.1:{server.port}"
    assert started[0]["start_ms"] < 1000 * SLOW
    assert started[0]["version"] and started[0]["policy_version"] and started[0]["model_version"]


def test_second_instance_on_the_same_directory_is_refused(make_server):
    first = make_server().start()
    second = make_server(data_dir=first.data_dir)
    assert second.fail() == 1
    assert str(first.data_dir) in second.output() and str(first.process.pid) in second.output()
    assert first.classify(QUESTION).status == 200


def test_directory_is_free_after_kill(make_server):
    server = make_server().start()
    server.kill()
    server.start()


def test_data_is_readable_by_nobody_else(make_server):
    server = make_server().start()
    server.classify(QUESTION)
    assert server.data_dir.stat().st_mode & 0o077 == 0
    for file in server.data_dir.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_public_address_without_a_key_is_refused(make_server, address):
    server = make_server(listen=address)
    server.fail()
    assert "key" in server.output() and "insecure" in server.output()


@pytest.mark.parametrize("mode", ["llm", "cascade"])
def test_mode_that_cannot_work_is_refused(make_server, mode):
    server = make_server(config={"mode": mode})
    server.fail()
    assert mode in server.output()


def own_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("TRIAGED_")}


def serve_fails(tmp_path, text, env=None, args=()):
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    done = subprocess.run([str(BINARY), "serve", "--config", str(config), "--listen", "127.0.0.1:0", "--data-dir",
                           str(tmp_path / "data"), *args], capture_output=True, text=True, timeout=10 * SLOW,
                          env={**own_environment(), **(env or {})})
    assert done.returncode > 0, done
    assert not (tmp_path / "data" / "triaged.db").exists(), "nothing is touched before the settings are right"
    return done.stdout + done.stderr


@pytest.mark.parametrize("text, line, word", [
    ("workers: 2\nworker: 3\n", 2, "worker"),
    ("workers: many\n", 1, "workers"),
    ("workers: 1000\n", 1, "workers"),
    ("workers: -1\n", 1, "workers"),
    ("http:\n  max_headers: 20\n  max_heads: 1\n", 3, "max_heads"),
    ("http: 5\n", 1, "http"),
    ("mode: fast\n", 1, "mode"),
    ("workers: 2\nworkers: 3\n", 2, "workers"),
    ("insecure_listen: perhaps\n", 1, "insecure_listen"),
    ("listen: [1, 2]\n", 1, "list"),
    ("workers: 2\n  mode: local\n", 1, ""),
    ("http:\n\tmax_headers: 3\n", 2, ""),
])
def test_bad_configuration_names_file_and_line(tmp_path, text, line, word):
    output = serve_fails(tmp_path, text)
    assert f"bad.yaml:{line}" in output and word in output, output


@pytest.mark.parametrize("name, value", [("TRIAGED_WORKERS", "x"), ("TRIAGED_MODE", "fast"), ("TRIAGED_WORKER", "1"),
                                         ("TRIAGED_RATE_LIMIT_BURST", "0")])
def test_bad_environment_names_the_variable(tmp_path, name, value):
    assert name in serve_fails(tmp_path, "workers: 1\n", {name: value})


def test_bad_flag_is_named(tmp_path):
    assert "--worker" in serve_fails(tmp_path, "", args=["--workerz", "1"])
    assert "workers" in serve_fails(tmp_path, "", args=["--workers", "x"])


def test_missing_configuration_file_is_named(tmp_path):
    done = subprocess.run([str(BINARY), "serve", "--config", str(tmp_path / "none.yaml"), "--data-dir",
                           str(tmp_path / "data")], capture_output=True, text=True, timeout=10 * SLOW, env=own_environment())
    assert done.returncode > 0 and "none.yaml" in done.stdout + done.stderr


def test_flag_beats_environment_beats_file(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 1}}, env={
        "TRIAGED_RATE_LIMIT_PER_MINUTE": "4", "TRIAGED_RATE_LIMIT_BURST": "2"}, flags=["--rate-limit-burst", "3"])
    server.start()
    answers = [server.classify(QUESTION) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429], "the flag's burst"
    assert 13 <= int(answers[3].header("Retry-After")) <= 15, "the environment's rate: one each 15 s"


def test_taken_port_is_a_clear_failure(make_server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = make_server(listen=f"127.0.0.1:{port}")
        server.fail()
        assert str(port) in server.output()


# ---- reload ----

def reload(server, event):
    before = len(server.events(event))
    server.signal(signal.SIGHUP)
    wait_until(lambda: len(server.events(event)) > before, 5, event)
    return server.events(event)[-1]


def test_sighup_puts_an_edited_policy_in_force(make_server, policy):
    server = make_server(config={"policy_dir": str(policy)}).start()
    replies = policy / "replies.yaml"
    old = server.decide(CANCEL)["reply"]
    assert old.startswith("We have your request to cancel")
    version = server.events("started")[0]["policy_version"]
    replies.write_text(replies.read_text().replace("We have your request to cancel", "Received: your wish to cancel"))
    assert server.decide(CANCEL)["reply"].startswith("We have your"), "not before it is asked to"
    assert reload(server, "policy_loaded")["policy_version"] != version
    assert server.decide(CANCEL)["reply"].startswith("Received: your wish to cancel")


@pytest.mark.parametrize("file, old, new", [
    ("replies.yaml", "\nreplies:", "\nreplies: ["),
    ("taxonomy.yaml", "priority: high", "priority: highest"),
    ("taxonomy.yaml", "action: initiate_refund", "action: initiate_refunds"),
    ("safety.yaml", None, "rules: 7\n"),
])
def test_broken_policy_leaves_the_old_one_in_force(make_server, policy, file, old, new):
    server = make_server(config={"policy_dir": str(policy)}).start()
    before = server.decide(CANCEL)["reply"][:40]
    text = (policy / file).read_text()
    (policy / file).write_text(text.replace(old, new, 1) if old else new)
    refused = reload(server, "policy_refused")
    assert re.search(re.escape(file) + r":\d+", refused["reason"]), refused
    assert server.decide(CANCEL)["reply"][:40] == before
    assert server.get("/api/v1/ready").status == 200
    (policy / file).write_text(text)
    reload(server, "policy_loaded")


def test_broken_policy_at_the_start_is_refused(make_server, policy):
    (policy / "taxonomy.yaml").write_text("version: 1\nnonsense: true\n")
    server = make_server(config={"policy_dir": str(policy)})
    server.fail()
    assert "taxonomy.yaml:" in server.output()


def test_reload_under_load_disturbs_nobody(make_server, policy):
    server = make_server(config={"policy_dir": str(policy)}).start()
    with server.wire() as wire:
        for count in range(60):
            if count % 10 == 5:
                server.signal(signal.SIGHUP)
            wire.send(classify_bytes(CANCEL))
            assert wire.receive().status == 200


# ---- the store in trouble ----

def check_refused(server, text=QUESTION):
    answer = server.classify(text)
    check_problem(answer, 503, "unavailable")
    assert int(answer.header("Retry-After")) >= 1


def test_locked_store_is_503_and_not_ready_until_it_is_free(make_server):
    server = make_server().start()
    with server.write_lock():
        check_refused(server)
        ready = server.get("/api/v1/ready")
        assert ready.status == 503 and ready.json["checks"]["store"]["status"] == "failed"
        assert server.get("/api/v1/health").status == 200
        wait_until(lambda: server.events("store_failed"), 2, "the log line")
    wait_until(lambda: server.get("/api/v1/ready").status == 200, 10, "recovery")
    wait_until(lambda: server.events("store_recovered"), 2, "the log line")
    assert server.classify(QUESTION).status == 200
    assert server.count("message") == 1, "what was refused is not there"


def test_below_the_floor_only_safety_is_taken(make_server, tmp_path):
    free = shutil.disk_usage(tmp_path).free
    server = make_server(config={"store": {"min_free_bytes": min(free * 2, 2 ** 40)}})
    if free * 2 > 2 ** 40:
        pytest.skip("more free space than the setting can name")
    server.launch()
    started = wait_until(lambda: server.events("started"), 10, "the start")[0]
    server.port = int(started["listen"].rsplit(":", 1)[1])
    wait_until(lambda: server.get("/api/v1/health").status == 200, 10, "life")
    check_refused(server)
    assert server.decide(EMERGENCY)["compliance"]["severity"] == "urgent"
    assert server.count("message") == 1


@contextlib.contextmanager
def small_disk(directory, size):
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def test_full_disk_is_503_and_recovers(make_server, tmp_path):
    with small_disk(tmp_path / "disk", 6 << 20) as disk:
        server = make_server(data_dir=disk / "data", config={"store": {"min_free_bytes": 0}}).start()
        acknowledged = [server.decide(QUESTION)["message_id"]]
        with open(disk / "filler", "wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * 4096)
        refused = None
        for _ in range(2000):
            answer = server.classify(QUESTION)
            if answer.status != 200:
                refused = answer
                break
            acknowledged.append(answer.json["message_id"])
        check_problem(refused, 503, "unavailable")
        assert int(refused.header("Retry-After")) >= 1
        wait_until(lambda: server.get("/api/v1/ready").status == 503, 3, "not ready")
        (disk / "filler").unlink()
        wait_until(lambda: server.get("/api/v1/ready").status == 200, 10, "recovery")
        acknowledged.append(server.decide(QUESTION)["message_id"])
        for message_id in acknowledged:
            assert server.get("/api/v1/messages/" + message_id).status == 200
        assert server.count("message") == len(acknowledged)
        server.stop()


def test_file_size_limit_loses_nothing(make_server):
    """Writing past the limit fails or ends the process; either way an acknowledged message stays."""
    server = make_server(wrapper=["/bin/sh", "-c", 'ulimit -f 2000; exec "$@"', "sh"]).start()
    acknowledged = []
    with contextlib.suppress(OSError, AssertionError):
        for _ in range(20000):
            answer = server.classify("Where is my order? " + "word " * 900)
            if answer.status != 200:
                assert answer.status == 503, answer
                break
            acknowledged.append(answer.json["message_id"])
    assert acknowledged
    server.kill()
    server.wrapper = []
    server.start()
    for message_id in acknowledged:
        assert server.get("/api/v1/messages/" + message_id).status == 200


@pytest.mark.parametrize("damage", ["not a database", "another program", "torn header", "later version"])
def test_damaged_store_is_refused_and_left_as_it_is(make_server, damage):
    server = make_server().start()
    for _ in range(5):
        server.classify(QUESTION)
    server.stop()
    for extra in ("-wal", "-shm"):
        pathlib.Path(f"{server.database}{extra}").unlink(missing_ok=True)
    if damage == "not a database":
        server.database.write_bytes(b"hello " * 4000)
    elif damage == "torn header":
        data = bytearray(server.database.read_bytes())
        data[100:4096] = bytes(3996)
        server.database.write_bytes(data)
    else:
        sql = "PRAGMA application_id = 7" if damage == "another program" else "PRAGMA user_version = 9999"
        subprocess.run(["sqlite3", str(server.database), sql], check=True, capture_output=True)
    before = server.database.read_bytes()
    server.fail()
    assert "triaged.db" in server.output()
    assert server.database.read_bytes() == before


def test_unreadable_directory_is_a_clear_failure(make_server, tmp_path):
    (tmp_path / "file").write_text("")
    server = make_server(data_dir=tmp_path / "file" / "data")
    server.fail()
    assert "file/data" in server.output()
