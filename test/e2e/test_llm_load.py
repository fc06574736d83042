# SPDX-License-Identifier: Apache-2.0
"""Thousands of calls under way at a time, against the stub of the optional sibling folder ../shared/bench
(nginx with Lua; TRIAGED_BENCH_PEERS names another place)."""
import asyncio
import json
import os
import pathlib
import resource
import subprocess
import time

import pytest

from server import LLM_KEY, ROOT, SLOW, free_port, is_sanitized, request_bytes, wait_until
from test_llm import total

PEERS = pathlib.Path(os.environ.get("TRIAGED_BENCH_PEERS", ROOT.parent / "shared" / "bench"))
LUA = pathlib.Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
IS_LONG = bool(os.environ.get("E2E_LONG"))
FAULTS = ("err_5xx", "err_429", "hang", "truncate", "drip")


@pytest.fixture
def stub(tmp_path):
    """A function that starts the stub with settings; its base URL and a function for its statistics."""
    if not (PEERS / "llm_stub" / "start.sh").exists():
        pytest.skip(f"no stub in {PEERS}")
    if not LUA.exists():
        pytest.skip("no Lua in nginx: script/bootstrap test")
    started = []

    def start(**settings):
        port = free_port()
        env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin", "BENCH_RUN_DIR": str(tmp_path / "stub"),
               "STUB_PORT": str(port), "STUB_TLS_PORT": str(free_port()), "STUB_WORKERS": "1",
               **{"STUB_" + name.upper(): str(value) for name, value in settings.items()}}
        with open(tmp_path / "stub.log", "wb") as log:
            started.append(subprocess.Popen([str(PEERS / "llm_stub" / "start.sh")], env=env, stdout=log, stderr=log))

        def ask(path):
            return subprocess.run(["curl", "-s", "--noproxy", "*", "-m", "5", f"http://127.0.0.1:{port}/__stub/{path}"],
                                  capture_output=True, text=True).stdout

        wait_until(lambda: "true" in ask("health"), 15, f"the stub ({(tmp_path / 'stub.log').read_text()})")
        return f"http://127.0.0.1:{port}/v1", lambda: json.loads(ask("stats"))

    yield start
    for process in started:
        process.terminate()
        process.wait(15)


async def post(port, number, results):
    """One message on its own connection: its status, who decided and how long it took."""
    text = json.dumps({"message": f"Which of the two is it, number {number}?", "channel": "chat"}).encode()
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request_bytes("POST", "/api/v1/classify", text, [("Content-Type", "application/json"), ("Connection", "close")]))
        data = await reader.read()
        head, body = data.split(b"\r\n\r\n", 1)
        classifier = json.loads(body)["classifier"] if head[9:12] == b"200" else {}
        results.append((int(head[9:12]), classifier.get("source"), classifier.get("fallback"), time.monotonic() - begun))
    finally:
        writer.close()


async def crowd(port, count, a_second):
    results = []
    loop = asyncio.get_running_loop()
    begun = loop.time()
    tasks = []
    for number in range(count):
        late = begun + number / a_second - loop.time()
        if late > 0:
            await asyncio.sleep(late)
        tasks.append(asyncio.create_task(post(port, number, results)))
    await asyncio.gather(*tasks)
    return results


def run_crowd(server, count, a_second):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        return asyncio.run(crowd(server.port, count, a_second))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def start_server(make_server, url, count, **llm):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * count + 500:
        pytest.skip(f"{count} calls need {2 * count + 500} descriptors, {hard} are allowed")
    return make_server(config={
        "mode": "llm", "workers": 1, "deadline_ms": int(10000 * SLOW), "admission": {"max_in_flight": 2 * count},
        "llm": {"base_url": url, "model": "stub", "api_key": LLM_KEY, "cache_bytes": 0, "max_connections": count + 100,
                "max_in_flight": 2 * count, "timeout_ms": int(9000 * SLOW), **llm}}).start()


@pytest.mark.parametrize("count", [1000, pytest.param(8000, marks=pytest.mark.skipif(not IS_LONG, reason="E2E_LONG=1"))])
def test_thousands_of_calls_under_way_on_one_worker(make_server, stub, count):
    url, stats = stub(latency_ms=int(2000 * SLOW) if count <= 1000 else 4000, sigma=0)
    server = start_server(make_server, url, count)
    idle = server.metrics()["process_resident_memory_bytes"]
    results = run_crowd(server, count, 1500 if count <= 1000 else 2500)
    assert [result for result in results if result[:2] != (200, "llm")] == [] and len(results) == count
    assert stats()["ok"] == count
    samples = server.metrics()
    assert samples["triaged_in_flight"] == 0 and total(samples, "triaged_llm_attempts_total", status="ok") == count
    if not is_sanitized():
        grown = (samples["process_resident_memory_bytes"] - idle) / count
        assert grown < 40 * 1024, f"{grown:.0f} bytes a call are still held"


def test_every_message_is_answered_through_a_mix_of_faults(make_server, stub):
    count = 2000 if IS_LONG else 600
    url, stats = stub(latency_ms=100, sigma=0.25, hang_s=60, drip_ms=5, **{fault: 0.05 for fault in FAULTS})
    server = start_server(make_server, url, count, timeout_ms=int(1500 * SLOW))
    results = run_crowd(server, count, 150 if not is_sanitized() else 75)
    assert len(results) == count and {result[0] for result in results} == {200}
    assert max(result[3] for result in results) < 10 * SLOW
    sources = [result[1] for result in results]
    assert set(sources) <= {"llm", "local"} and sources.count("llm") > count // 4
    assert all(fallback for _, source, fallback, _ in results if source == "local")
    seen = stats()
    assert all(seen.get(fault, 0) > 0 for fault in FAULTS), seen
    assert server.count("message") == count


def test_upstream_that_fails_always_costs_a_tenth_in_retries(make_server, stub):
    count = 900
    url, stats = stub(err_5xx=1, latency_ms=5, sigma=0)
    server = start_server(make_server, url, count)
    results = run_crowd(server, count, 300 if not is_sanitized() else 100)
    assert {result[:2] for result in results} == {(200, "local")} and len(results) == count
    retries = total(server.metrics(), "triaged_llm_retries_total")
    assert retries <= count * 0.1 + 3 and stats()["err_5xx"] < count
    late = [took for _, _, fallback, took in results if fallback == "breaker_open"]
    assert len(late) > count // 2 and sorted(late)[len(late) // 2] < 0.05 * SLOW
