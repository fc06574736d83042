# SPDX-License-Identifier: Apache-2.0
"""Runs nginx and triaged beside each other and measures both. Started by script/bench."""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

from common import (HERE, Process, fail, free_port, mean, metrics_of, print_table, raise_descriptors, scratch_directory,
                    start_triaged, status_of, total, wait_for)

TARGETS = ("nginx return 200", "triaged health", "triaged classify")
NGINX = """
worker_processes {workers}; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port} reuseport; location / {{ default_type application/json; return 200 '{{"status":"ok"}}'; }} }}
}}
"""


def load(url, seconds, connections, has_body):
    env = {key: value for key, value in os.environ.items() if key != "BENCH_MESSAGES"}
    if has_body:
        env["BENCH_MESSAGES"] = str(HERE / "messages.jsonl")
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(HERE / "classify.lua"),
                           url], env=env, capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("BENCH ")), None)
    if not line:
        fail(f"wrk failed: {done.stdout}{done.stderr}")
    return json.loads(line[6:])


def measure(process, url, args, has_body):
    load(url, 2, args.connections, has_body)
    before = process.cpu_us()
    result = load(url, args.seconds, args.connections, has_body)
    cpu_us = process.cpu_us() - before
    if result["bad_status"] or result["broken"]:
        fail(f"{url}: {result['bad_status']} answers were no success, {result['broken']} were broken")
    return {
        "requests/s": result["requests"] / (result["duration_us"] / 1e6),
        "p50 ms": result["p50_us"] / 1000,
        "p99 ms": result["p99_us"] / 1000,
        "CPU us/request": cpu_us / result["requests"],
    }


def hold_idle(process, port, wanted):
    """KiB of anonymous memory that one idle keep-alive connection costs."""
    count = min(wanted, raise_descriptors() - 200)
    before = process.memory_kib("RssAnon")
    idle = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: bench\r\n\r\n")
        connection.recv(4096)
        idle.append(connection)
    after = process.memory_kib("RssAnon")
    answers = status_of(port, "/api/v1/health")
    for connection in idle:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    if answers != 200:
        fail(f"no answer beside {count} idle connections")
    return count, (after - before) / count


def batches(port):
    samples = metrics_of(port)
    count = total(samples, "triaged_store_batch_size_count")
    return total(samples, "triaged_store_batch_size_sum") / count if count else 0


def start_nginx(args, directory):
    port = free_port()
    os.chmod(directory, 0o755)
    (directory / "nginx.conf").write_text(NGINX.format(dir=directory, port=port, workers=args.workers))
    process = Process([shutil.which("nginx"), "-c", str(directory / "nginx.conf"), "-p", str(directory)])
    wait_for(port, "/", process.process)
    return process, port


def run(args, directory):
    settings = {"WORKERS": args.workers}
    triaged, triaged_port, first_ready_ms = start_triaged(args.binary, directory, settings)
    triaged.stop()
    triaged, triaged_port, ready_ms = start_triaged(args.binary, directory, settings)
    nginx, nginx_port = start_nginx(args, directory)
    try:
        time.sleep(1)
        idle_kib = triaged.memory_kib("RssAnon")
        plan = {
            TARGETS[0]: (nginx, f"http://127.0.0.1:{nginx_port}/", False),
            TARGETS[1]: (triaged, f"http://127.0.0.1:{triaged_port}/api/v1/health", False),
            TARGETS[2]: (triaged, f"http://127.0.0.1:{triaged_port}/api/v1/classify", True),
        }
        count, connection_kib = hold_idle(triaged, triaged_port, args.idle)
        rows = {target: [] for target in plan}
        for _ in range(args.rounds):
            for target, (process, url, has_body) in plan.items():
                rows[target].append(measure(process, url, args, has_body))
        results = {target: mean(values) for target, values in rows.items()}
        print(f"{args.rounds} rounds of {args.seconds} s, {args.connections} connections, {args.workers} workers,"
              f" {os.cpu_count()} CPUs, load generator on the same machine\n")
        print_table(results, results[TARGETS[0]])
        print(f"\nready after start         {ready_ms:8.0f} ms  (first start, with a new store: {first_ready_ms:.0f} ms)")
        print(f"RssAnon idle              {idle_kib / 1024:8.1f} MiB")
        print(f"RSS after the load        {triaged.memory_kib('VmRSS') / 1024:8.1f} MiB")
        print(f"{count} idle connections    {connection_kib:8.2f} KiB each")
        print(f"records a transaction     {batches(triaged_port):8.1f}")
    finally:
        nginx.stop()
        triaged.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--idle", type=int, default=10000)
    args = parser.parse_args()
    args.binary = str(pathlib.Path(args.binary).resolve())
    with scratch_directory() as directory:
        run(args, directory)


main()
