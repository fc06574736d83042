# SPDX-License-Identifier: Apache-2.0
"""Measures triaged in mode llm beside nginx as a plain proxy, both before the same stub of an LLM. Started
by script/bench.

Stub, loads and peers are those of the optional sibling folder ../shared/bench (TRIAGED_BENCH_PEERS names
another place); without it nothing is measured and the missing part is named."""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

from common import (HERE, Process, body_of, fail, free_port, mean, metrics_of, print_table, raise_descriptors,
                    scratch_directory, start_triaged, total, wait_for)

PEERS = pathlib.Path(os.environ.get("TRIAGED_BENCH_PEERS", HERE.parent.parent / "shared" / "bench")).resolve()
LUA = pathlib.Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
FASTAPI_NEEDS = "import fastapi, uvicorn, uvloop, httptools, httpx, aiohttp, prometheus_client"
BODIES = 24000
RATE = 4000
FLAT = ((64, 16), (1000, 250), (8000, 2000))  # calls in flight at RATE, and the latency that makes them so
SETTLE_S = 30
CLIENT_WARM_UP_S = 4
HANDSHAKES_S = 300     # how many TLS handshakes a second are thought possible while that lasts
CHAT, CLASSIFY = "/v1/chat/completions", "/api/v1/classify"


def what_is_missing():
    """None when the part can run."""
    for file in ("llm_stub/start.sh", "peers/nginx_proxy.sh", "load/openload.c", "load/post.lua", "load/make_bodies.py"):
        if not (PEERS / file).exists():
            return f"{PEERS / file} (TRIAGED_BENCH_PEERS names the folder)"
    if not LUA.exists():
        return "nginx's Lua module (apt-get install libnginx-mod-http-lua, not together with luajit)"
    for tool in ("wrk", "nginx", "openssl", "cc"):
        if not shutil.which(tool):
            return tool
    return None


# ---- the servers ----

class Bench:
    """The directory and the stub of a run; everything that is started here ends with it."""

    def __init__(self, args, directory, stack):
        self.args = args
        self.directory = directory
        self.stack = stack
        self.openload = directory / "openload"
        subprocess.run(["cc", "-O2", "-o", str(self.openload), str(PEERS / "load" / "openload.c"), "-lm"], check=True)
        self.stub_tls_port = free_port()
        self.stub, self.stub_port = self.start("stub", "llm_stub/start.sh", "STUB_PORT", "/__stub/health",
                                               STUB_TLS_PORT=self.stub_tls_port, STUB_SIGMA=0.25)

    def start(self, name, script, port_name, ready_path, **env):
        """A peer's start script on a free port."""
        port = free_port()
        env = {**os.environ, "BENCH_RUN_DIR": str(self.directory / name), port_name: str(port),
               **{key: str(value) for key, value in env.items()}}
        with open(self.directory / f"{name}.log", "wb") as log:
            process = Process([str(PEERS / script)], env, log)
        self.stack.callback(process.stop)
        wait_for(port, ready_path, process.process, 60)
        return process, port

    def start_triaged(self, workers, **settings):
        """In mode llm, without what would spare calls, with room for all of them."""
        directory = pathlib.Path(self.directory / f"triaged{time.monotonic_ns()}")
        directory.mkdir()
        base = {"MODE": "llm", "LLM_BASE_URL": f"http://127.0.0.1:{self.stub_port}/v1", "LLM_MODEL": "stub",
                "LLM_API_KEY": "sk-bench", "LLM_CACHE_BYTES": 0, "LLM_MAX_CONNECTIONS": 10000, "LLM_MAX_IN_FLIGHT": 20000,
                "ADMISSION_MAX_IN_FLIGHT": 20000, "WORKERS": workers}
        process, port, _ = start_triaged(self.args.binary, directory, {**base, **settings})
        self.stack.callback(process.stop)
        return process, port

    def configure(self, **settings):
        answer = body_of(self.stub_port, "/__stub/config?" + "&".join(f"{key}={value}" for key, value in settings.items()))
        if '"answer"' not in answer:
            fail(f"the stub refused {settings}: {answer}")

    # ---- the load ----

    def closed(self, port, path, connections, seconds):
        env = {**os.environ, "BODIES": str(self.bodies[path]), "HEADERS": "authorization: Bearer sk-bench" if path == CHAT else ""}
        return result_of(["wrk", "-s", str(PEERS / "load" / "post.lua"), "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout",
                          "30s", f"http://127.0.0.1:{port}{path}"], env)

    def open(self, port, path, rate, connections, seconds):
        headers = ["-H", "authorization: Bearer sk-bench"] if path == CHAT else []
        return result_of([str(self.openload), "-r", str(rate), "-d", str(seconds), "-w", "0", "-c", str(connections), "-t", "5",
                          "-b", str(self.bodies[path]), *headers, str(port), path])

    def make_bodies(self):
        """Messages that are sent to an LLM at all, each with a number of its own: else those that are under
        way at the same time would share a call."""
        subprocess.run([str(PEERS / "load" / "make_bodies.py"), str(self.directory)], check=True, stdout=subprocess.DEVNULL)
        messages, chats = ([json.loads(line) for line in (self.directory / name).read_text("utf-8").splitlines()]
                           for name in ("messages.jsonl", "chat.txt"))
        process, port = self.start_triaged(1)
        pairs = [(message, chat) for message, chat in zip(messages, chats) if is_sent(port, message)]
        process.stop()
        if len(pairs) < 50:
            fail(f"only {len(pairs)} of {len(messages)} messages are sent to the LLM; see {self.directory}")
        self.bodies = {CLASSIFY: self.directory / "classify.lines", CHAT: self.directory / "chat.lines"}
        with open(self.bodies[CLASSIFY], "w") as classify, open(self.bodies[CHAT], "w") as chat_file:
            for number in range(BODIES):
                message, chat = pairs[number % len(pairs)]
                classify.write(classify_body(message, number) + "\n")
                system, user = chat["messages"]
                numbered = {**chat, "messages": [system, {**user, "content": f"{user['content']} ({number})"}]}
                chat_file.write(json.dumps(numbered, ensure_ascii=False, separators=(",", ":")) + "\n")
        return len(pairs), len(messages)


def classify_body(message, number):
    return json.dumps({"message": f"{message['message']} ({number})", "channel": message["channel"]}, ensure_ascii=False,
                      separators=(",", ":"))


def is_sent(port, message):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("POST", CLASSIFY, classify_body(message, 0).encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        return answer.status == 200 and body["classifier"]["source"] == "llm"
    finally:
        connection.close()


def result_of(command, env=None):
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("JSON ")), None)
    if not line:
        fail(f"{command[0]} gave no result: {done.stdout}{done.stderr}")
    return json.loads(line[5:])


def check_clean(name, result):
    """A few lost requests are told; more than one in a hundred make the figures worthless."""
    bad = {key: value for key, value in result.items() if re.match(r"err_|s4xx|s5xx|s429", key) and value}
    if sum(bad.values()) > result["requests"] / 100:
        fail(f"{name}: not every request was answered with success: {bad}")
    if bad:
        print(f"  ! {name}: of {result['requests']} requests not all were answered with success: {bad}")


# ---- what is told from our own metrics ----

def calls(samples):
    return total(samples, "triaged_llm_attempts_total")


def check_calls(name, before, after, requests):
    """Each message made its own call, and the LLM decided it."""
    made = calls(after) - calls(before)
    spared = total(after, "triaged_llm_avoided_total") - total(before, "triaged_llm_avoided_total")
    by_llm = total(after, "triaged_decisions_total", 'source="llm"') - total(before, "triaged_decisions_total", 'source="llm"')
    if made < 0.99 * requests or by_llm < 0.99 * requests:
        print(f"  ! {name}: {requests} messages, {made:.0f} calls, {by_llm:.0f} decided by the LLM, {spared:.0f} calls spared:"
              " the figures are not those of an LLM path")


def quantile(before, after, name, share):
    """Of a histogram between two scrapes, in ms, straight within its bucket; and the bucket's upper end."""
    counts = {}
    for sample in after:
        if match := re.fullmatch(rf'{name}_bucket\{{(?:.*,)?le="([^"]+)"\}}', sample):
            counts[float(match[1])] = counts.get(float(match[1]), 0) + after[sample] - before.get(sample, 0)
    if not counts or max(counts.values()) == 0:
        return float("nan"), float("nan")
    wanted = share * max(counts.values())
    low, below = 0.0, 0.0
    for bound in sorted(counts):
        if counts[bound] >= wanted:
            if bound == float("inf"):
                return float("inf"), bound
            return 1000 * (low + (bound - low) * (wanted - below) / max(counts[bound] - below, 1e-9)), 1000 * bound
        low, below = bound, counts[bound]
    return float("inf"), float("inf")


def verdict(value, limit):
    return "met" if value <= limit else "MISSED"


# ---- the parts ----

def run_closed(bench, targets):
    """1,000 connections, 200 ms: CPU a request."""
    bench.configure(latency_ms=200, sigma=0.25)
    rows = {name: [] for name in targets}
    for _ in range(bench.args.rounds):
        for name, (process, port, path) in targets.items():
            bench.closed(port, path, 1000, 4)
            before, cpu = metrics_of(port) if name == "triaged" else None, process.cpu_us()
            result = bench.closed(port, path, 1000, bench.args.seconds)
            cpu = process.cpu_us() - cpu
            check_clean(name, result)
            if name == "triaged":
                check_calls(name, before, metrics_of(port), result["requests"])
            rows[name].append({"requests/s": result["rps"], "p50 ms": result["p50_us"] / 1000, "p99 ms": result["p99_us"] / 1000,
                               "CPU us/request": cpu / result["requests"]})
    results = {name: mean(values) for name, values in rows.items()}
    print("\nClosed loop, 1,000 connections, upstream 200 ms (lognormal, sigma 0.25)")
    print_table(results, results["nginx proxy"])
    ratio = results["triaged"]["CPU us/request"] / results["nginx proxy"]["CPU us/request"]
    print(f"  CPU of triaged to nginx {ratio:.2f}x, target <= 1.00x: {verdict(ratio, 1.0)}")


def run_open(bench, targets):
    """300 requests a second, evenly spaced, 200 ms fixed: what is added."""
    bench.configure(latency_ms=200, sigma=0)
    rows = {name: [] for name in targets}
    ours = []
    for _ in range(bench.args.rounds):
        for name, (_, port, path) in targets.items():
            bench.open(port, path, 300, 512, 3)
            before = metrics_of(port) if name == "triaged" else None
            result = bench.open(port, path, 300, 512, bench.args.seconds)
            check_clean(name, result)
            rows[name].append({"p50 ms": result["p50_us"] / 1000, "p99 ms": result["p99_us"] / 1000})
            if before is not None:
                after = metrics_of(port)
                check_calls(name, before, after, result["requests"])
                ours.append(quantile(before, after, "triaged_added_duration_seconds", 0.99))
    results = {name: mean(values) for name, values in rows.items()}
    print("\nOpen loop, 300 requests/s, upstream 200 ms fixed")
    print(f"{'':22}{'p50 ms':>12}{'p99 ms':>12}{'added p50':>12}{'added p99':>12}")
    for name, row in results.items():
        added = [row[column] - results["stub alone"][column] for column in ("p50 ms", "p99 ms")]
        print(f"{name:22}{row['p50 ms']:12.2f}{row['p99 ms']:12.2f}{added[0]:12.2f}{added[1]:12.2f}")
    added = results["triaged"]["p50 ms"] - results["stub alone"]["p50 ms"]
    print(f"  added by triaged, p50 {added:.2f} ms, target <= 0.40 ms: {verdict(added, 0.4)}")
    p99, bound = (sum(values) / len(values) for values in zip(*ours))
    print(f"  triaged_added_duration_seconds, p99 {p99:.2f} ms (bucket up to {bound:.2f}), target <= 1.00 ms: {verdict(p99, 1.0)}")


class Watch:
    """The highest RssAnon and count of messages in flight while it is on."""

    def __init__(self, process, port):
        self.process, self.port = process, port
        self.peak_kib = self.in_flight = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.is_over.wait(0.25):
            self.peak_kib = max(self.peak_kib, self.process.memory_kib("RssAnon"))
            self.in_flight = max(self.in_flight, metrics_of(self.port).get("triaged_in_flight", 0))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def run_flat(bench):
    """The same rate with more and more in flight, on one worker: CPU and memory a call."""
    process, port = bench.start_triaged(1)
    time.sleep(1)
    idle_kib = process.memory_kib("RssAnon")
    costs, watch = {}, None
    for in_flight, latency_ms in FLAT:
        bench.configure(latency_ms=latency_ms, sigma=0)
        connections = in_flight + in_flight // 8 + 64
        bench.open(port, CLASSIFY, RATE, connections, 2 + latency_ms / 1000)
        before, cpu = metrics_of(port), process.cpu_us()
        with Watch(process, port) as watch:
            result = bench.open(port, CLASSIFY, RATE, connections, bench.args.seconds)
        costs[in_flight] = (process.cpu_us() - cpu) / result["requests"]
        check_clean(f"{in_flight} in flight", result)
        check_calls(f"{in_flight} in flight", before, metrics_of(port), result["requests"])
    a_call_kib = (watch.peak_kib - idle_kib) / max(watch.in_flight, 1)
    time.sleep(SETTLE_S)
    after_kib = process.memory_kib("RssAnon")
    process.stop()
    print(f"\nOne worker, open loop at a constant {RATE:,}/s, latency scaled")
    for in_flight, cost in costs.items():
        print(f"{in_flight:>8,} in flight       {cost:8.1f} us CPU a call")
    flat = max(costs.values()) / min(costs.values())
    print(f"  dearest to cheapest {flat:.2f}x, target <= 1.30x: {verdict(flat, 1.3)}")
    print(f"  memory with {watch.in_flight:,.0f} in flight {a_call_kib:.1f} KiB a call (RssAnon {idle_kib / 1024:.1f} ->"
          f" {watch.peak_kib / 1024:.1f} MiB), target <= 25 KiB: {verdict(a_call_kib, 25)}")
    left_mib = (after_kib - idle_kib) / 1024
    print(f"  RssAnon {SETTLE_S} s after the load {after_kib / 1024:.1f} MiB, idle before {idle_kib / 1024:.1f} MiB;"
          f" target: within 8 MiB of it: {verdict(left_mib, 8)}")


def run_client(bench):
    """The HTTP client alone, one thread, without the rest of triaged: CPU a call, by protocol."""
    program = pathlib.Path(bench.args.binary).parent / "bench" / "bench_upstream"
    if not program.exists():
        print(f"\n(the HTTP client alone is left out: no {program})")
        return
    plain, tls = f"http://127.0.0.1:{bench.stub_port}/v1", f"https://localhost:{bench.stub_tls_port}/v1"
    protocols = {"HTTP/1.1": (plain, 0), "HTTP/1.1 over TLS": (tls, 0), "HTTP/2 over TLS": (tls, 1)}
    print(f"\nThe HTTP client alone, a constant {RATE:,}/s, latency scaled: us CPU a call (connections)")
    print(f"{'in flight':22}" + "".join(f"{in_flight:>16,}" for in_flight, _ in FLAT) + "  dearest to cheapest")
    for name, (url, is_http2) in protocols.items():
        costs, cells = [], ""
        for in_flight, latency_ms in FLAT:
            bench.configure(latency_ms=latency_ms, sigma=0)
            warm_up_s = CLIENT_WARM_UP_S + 2 * latency_ms // 1000 + (in_flight // HANDSHAKES_S if url == tls and not is_http2 else 0)
            result = result_of([str(program), url, str(bench.directory / "stub" / "tls" / "ca.crt"), str(is_http2), str(RATE),
                                str(warm_up_s), str(bench.args.seconds)])
            if result["failed"]:
                print(f"  ! {name}, {in_flight} in flight: {result['failed']} calls failed")
            costs.append(result["cpu_us"])
            cells += f"{result['cpu_us']:>9.1f} ({result['connections']:>4})"
        flat = max(costs) / min(costs)
        print(f"{name:22}{cells}  {flat:.2f}x, target <= 1.30x: {verdict(flat, 1.3)}")


def run_failing(bench):
    """An upstream that always answers 5xx."""
    bench.configure(latency_ms=20, sigma=0, err_5xx=1)
    process, port = bench.start_triaged(bench.args.workers)
    before = metrics_of(port)
    first = bench.open(port, CLASSIFY, 300, 1024, 4)
    later = bench.open(port, CLASSIFY, 300, 1024, bench.args.seconds)
    after = metrics_of(port)
    bench.configure(err_5xx=0)
    process.stop()
    for result in (first, later):
        check_clean("upstream that fails", result)
    requests = first["requests"] + later["requests"]
    retries = total(after, "triaged_llm_retries_total")
    made = calls(after) - calls(before)
    print("\nUpstream that always fails (5xx), 300 requests/s")
    print(f"  {requests} requests, all 200; {made:.0f} calls, {retries:.0f} of them retries, target <= {requests * 0.1 + 3:.0f}:"
          f" {verdict(retries, requests * 0.1 + 3)}")
    print(f"  answers once the breaker is open: p50 {later['p50_us'] / 1000:.2f} ms, p99 {later['p99_us'] / 1000:.2f} ms,"
          f" target <= 50 ms: {verdict(later['p99_us'], 50000)}")


def start_fastapi(bench):
    if subprocess.run(["/usr/bin/python3", "-c", FASTAPI_NEEDS], capture_output=True).returncode != 0:
        print("(FastAPI is left out: its Debian packages are missing; see install.sh of the peers)")
        return {}
    process, port = bench.start("fastapi", "fastapi_reference/start.sh", "FASTAPI_PORT", "/api/v1/health", LLM_HTTP="aiohttp",
                                OPENAI_BASE_URL=f"http://127.0.0.1:{bench.stub_port}/v1", RATE_LIMIT_PER_MIN=0)
    return {"FastAPI (aiohttp)": (process, port, CLASSIFY)}


def run(args, directory, stack):
    bench = Bench(args, directory, stack)
    kept, all_of_them = bench.make_bodies()
    print(f"{args.rounds} rounds of {args.seconds} s, {args.workers} workers, {os.cpu_count()} CPUs; load and stub on the same"
          f" machine.\nEvery message makes its own call: the cache is off (llm.cache_bytes 0) and each of the {BODIES:,} bodies\n"
          f"has a number of its own, so that none share one. {kept} of the {all_of_them} messages are used: the rest are\n"
          "safety hits, which are not sent to an LLM. triaged commits each message durably; nginx forwards bytes.")
    proxy, proxy_port = bench.start("nginx", "peers/nginx_proxy.sh", "PEER_PORT", "/__stub/health", STUB_PORT=bench.stub_port,
                                    PEER_WORKERS=args.workers)
    triaged, port = bench.start_triaged(args.workers)
    targets = {"nginx proxy": (proxy, proxy_port, CHAT), "triaged": (triaged, port, CLASSIFY)}
    if args.peers:
        targets.update(start_fastapi(bench))
    run_closed(bench, targets)
    run_open(bench, {"stub alone": (bench.stub, bench.stub_port, CHAT), **targets})
    triaged.stop()
    run_client(bench)
    run_flat(bench)
    run_failing(bench)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    args.binary = str(pathlib.Path(args.binary).resolve())
    missing = what_is_missing()
    if missing:
        print(f"The LLM part is skipped, this is missing: {missing}")
        return
    raise_descriptors()
    with scratch_directory() as directory, contextlib.ExitStack() as stack:
        run(args, directory, stack)


if __name__ == "__main__":
    main()
