# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one shared server for tests that change nothing, a factory for the others."""
import os
import shutil
import subprocess

import pytest

import fake_llm
import server as under_test

# Needs packages of its own: script/test --rt.
collect_ignore = [] if os.environ.get("E2E_RT") else ["test_request_tracker.py"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.has_failed = outcome.get_result().failed


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A server without limits or keys; tests may add messages but change nothing else."""
    server = under_test.Server(tmp_path_factory.mktemp("shared"))
    server.start()
    yield server
    try:
        server.stop()
    finally:
        server.discard()


@pytest.fixture
def make_server(request, tmp_path):
    """make_server(config={...}, env={...}, ...) gives a Server that is not started yet. At the end
    each is stopped and checked, or just ended when the test has failed."""
    servers = []

    def make(**options):
        servers.append(under_test.Server(tmp_path / f"server{len(servers)}", **options))
        return servers[-1]

    yield make
    try:
        if not getattr(request.node, "has_failed", False):
            for server in servers:
                server.stop()
    finally:
        for server in servers:
            server.discard()


@pytest.fixture
def fake():
    """A scripted LLM that answers `informational` until it is told otherwise."""
    with fake_llm.FakeLlm() as upstream:
        yield upstream


@pytest.fixture
def make_llm(make_server, fake):
    """make_llm(retries=0, ...) gives a running Server in mode llm before `fake`. The cache is off,
    unless a test puts it on, so that each message makes its own call."""
    def make(config=None, env=None, **llm):
        settings = {"base_url": fake.url, "model": "asked-model", "api_key": under_test.LLM_KEY, "cache_bytes": 0, **llm}
        return make_server(config={"mode": "llm", **(config or {}), "llm": settings}, env=env).start()

    return make


@pytest.fixture
def policy(tmp_path):
    """A copy of the policy to edit; name it as `policy_dir`."""
    copy = tmp_path / "policy"
    shutil.copytree(under_test.ROOT / "policy", copy)
    return copy


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A CA of our own; certificates for this machine, for another, and one that is out of date."""
    directory = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test CA", "-days", "2", "-addext", "keyUsage=critical,keyCertSign")
    for name, subject, days in (("here", "IP:127.0.0.1,DNS:localhost", "2"), ("elsewhere", "DNS:llm.example.org", "2"),
                                ("expired", "IP:127.0.0.1", "-1")):
        (directory / f"{name}.ext").write_text(f"subjectAltName={subject}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
                "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-out", f"{name}.pem", "-extfile", f"{name}.ext")
    return directory
