# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: servers as processes, what they use, what they say."""
import contextlib
import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")


def fail(message):
    sys.exit(f"bench: {message}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def wait_for(port, path, process, timeout_s=20):
    end = time.monotonic() + timeout_s
    while status_of(port, path) != 200:
        if process.poll() is not None or time.monotonic() > end:
            fail(f"{process.args[0]} did not come up")
        time.sleep(0.001)


class Process:
    """A server process with its children."""

    def __init__(self, command, env=None, log=None):
        self.process = subprocess.Popen(command, env=env, stdout=log or subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pids(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_us(self):
        """User and system time of the process and its children, all threads."""
        total = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total * 1_000_000 // TICKS

    def memory_kib(self, name):
        """VmRSS or RssAnon."""
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(re.search(rf"{name}:\s+(\d+)", text)[1]) for text in texts)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def mean(rows):
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def print_table(results, baseline):
    names = list(next(iter(results.values())))
    print(f"{'':22}" + "".join(f"{name:>16}" for name in names) + f"{'CPU ratio':>12}")
    for target, row in results.items():
        ratio = row["CPU us/request"] / baseline["CPU us/request"]
        print(f"{target:22}" + "".join(f"{row[name]:>16,.2f}" for name in names) + f"{ratio:>11.2f}x")


def raise_descriptors():
    """As many as are allowed, for us and for what we start; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def body_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def metrics_of(port):
    """Samples as {'name{labels}': value}."""
    lines = body_of(port, "/metrics").splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}


def total(samples, name, *labels):
    """The sum of a metric's samples that have these labels, written as in the exposition."""
    return sum(value for sample, value in samples.items()
               if sample.split("{")[0] == name and all(label in sample for label in labels))


def start_triaged(binary, directory, settings):
    """A server on a free port; settings as environment variables without their prefix."""
    port = free_port()
    env = {key: value for key, value in os.environ.items() if not key.startswith("TRIAGED_")}
    env.update({f"TRIAGED_{name}": str(value) for name, value in settings.items()},
               TRIAGED_RATE_LIMIT_PER_MINUTE="0", TRIAGED_DATA_DIR=str(directory / "data"), TRIAGED_LISTEN=f"127.0.0.1:{port}")
    start = time.monotonic()
    with open(directory / "triaged.log", "ab") as log:
        process = Process([binary, "serve"], env, log)
    wait_for(port, "/api/v1/ready", process.process)
    return process, port, (time.monotonic() - start) * 1000


@contextlib.contextmanager
def scratch_directory():
    """Not in /tmp, which may be memory: the commits have to reach a real disk."""
    scratch = HERE.parent / "build-bench"
    scratch.mkdir(exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
