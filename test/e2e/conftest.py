# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one shared server for tests that change nothing, a factory for the others."""
import pytest

import server as under_test


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
