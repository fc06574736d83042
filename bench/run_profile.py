# SPDX-License-Identifier: Apache-2.0
"""What one LLM-classified message costs triaged: instructions, by module, and system calls, by kind. Counts,
unlike times, are the same on a busy machine. Started by script/bench --profile.

Needs valgrind and strace, and stub and load of ../shared/bench as run_llm.py does."""
import argparse
import collections
import contextlib
import pathlib
import re
import shutil
import subprocess

from common import fail, raise_descriptors, scratch_directory
from run_llm import CLASSIFY, Bench, what_is_missing

CONNECTIONS = 1000
CALLGRIND_RATE = 120  # a second: valgrind is some thirty times slower
STRACE_RATE = 800
LATENCY_MS = 200

# A module is what stands below one function; an indented one is part of the one above it.
MODULES = (
    ("server: read and parse", "consume_head"), ("request body", "classify_body_read"), ("safety net", "safety_net_scan"),
    ("redaction, all", "redact_find_in"), ("  redaction of the record", "redact"), ("  redaction, other", "redact_is_clean"),
    ("language", "language_guess"), ("model", "model_classify"), ("consult: ask, send", "consult_ask"),
    ("  key of the cache", "consult_key"), ("  request's body", "openai_write"), ("  client: send", "upstream_start"),
    ("client: receive", "upstream_connection_receive"), ("LLM's answer", "openai_read"), ("workflow", "workflow_run"),
    ("  knowledge base", "kb_search"), ("  entities", "entities_find"), ("answer's JSON", "answer_write"),
    ("store: rows", "rows_write"), ("store: commit", "rows_commit"), ("answer to the client", "call_answer"),
    ("log line", "log_event"), ("malloc and free", "malloc free realloc calloc"),
)


def name_of(names, text):
    """callgrind writes a name once, "(12) name", and then "(12)"."""
    number, _, name = text.partition(" ")
    if name:
        names[number] = name
    return names.get(number, text)


def read_callgrind(path):
    """Instructions in all, and each function's with all that it called."""
    names, inclusive, total = {}, collections.Counter(), 0
    function = callee = None
    for line in path.read_text().splitlines():
        if line.startswith("fn="):
            function = name_of(names, line[3:])
        elif line.startswith("cfn="):
            callee = name_of(names, line[4:])
        elif match := re.fullmatch(r"[+*-]?\d* (\d+)", line):
            cost = int(match[1])
            if callee is None:
                total += cost
            if callee != function:
                inclusive[function] += cost
            callee = None
    return total, inclusive


def load(bench, port, rate):
    result = bench.open(port, CLASSIFY, rate, CONNECTIONS, bench.args.seconds)
    if result["s2xx"] != result["requests"]:
        fail(f"not every request was answered with success: {result}")
    return result["requests"]


def profile_instructions(bench, binary):
    out = bench.directory / "callgrind.out"
    wrapper = bench.directory / "under_valgrind"
    wrapper.write_text(f"#!/bin/sh\nexec valgrind -q --tool=callgrind --instr-atstart=no --callgrind-out-file={out} {binary} \"$@\"\n")
    wrapper.chmod(0o755)
    bench.args.binary = str(wrapper)
    process, port = bench.start_triaged(1, SECURITY_SANDBOX="false")  # valgrind is steered through files and pipes
    load(bench, port, CALLGRIND_RATE)

    def switch(state):
        subprocess.run(["callgrind_control", "-i", state, str(process.process.pid)], check=True, capture_output=True)

    switch("on")
    requests = load(bench, port, CALLGRIND_RATE)
    switch("off")
    process.stop()
    total, inclusive = read_callgrind(out)
    print(f"\nInstructions a message ({requests} messages; a module with all that it calls)")
    for label, functions in MODULES:
        print(f"  {label:28}{sum(inclusive[name] for name in functions.split()) / requests:>10,.0f}")
    print(f"  {'in all':28}{total / requests:>10,.0f}")


def profile_calls(bench, binary):
    out = bench.directory / "strace.out"
    bench.args.binary = binary
    process, port = bench.start_triaged(1)
    load(bench, port, STRACE_RATE)
    trace = subprocess.Popen(["strace", "-c", "-f", "-o", str(out), "-p", str(process.process.pid)], stderr=subprocess.DEVNULL)
    requests = load(bench, port, STRACE_RATE)
    trace.terminate()
    trace.wait()
    process.stop()
    print(f"\nSystem calls a message ({requests} messages, {STRACE_RATE}/s)")
    for line in out.read_text().splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[3].isdigit() and int(fields[3]) >= requests / 50:
            print(f"  {fields[-1]:28}{int(fields[3]) / requests:>10.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    binary = str(pathlib.Path(args.binary).resolve())
    missing = what_is_missing() or next((tool for tool in ("valgrind", "strace") if not shutil.which(tool)), None)
    if missing:
        print(f"The profile is skipped, this is missing: {missing}")
        return
    args.binary = binary
    raise_descriptors()
    with scratch_directory() as directory, contextlib.ExitStack() as stack:
        bench = Bench(args, directory, stack)
        bench.make_bodies()
        bench.configure(latency_ms=LATENCY_MS, sigma=0)
        profile_instructions(bench, binary)
        profile_calls(bench, binary)


if __name__ == "__main__":
    main()
