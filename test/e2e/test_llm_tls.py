# SPDX-License-Identifier: Apache-2.0
"""LLMs over TLS: who is trusted, and the same before a real server, in HTTP/1.1 and HTTP/2."""
import pytest

from fake_llm import FakeLlm
from server import LLM_KEY, wait_until
from test_llm import QUESTION, check_llm, check_local


@pytest.fixture
def make_tls(make_server, certificates):
    upstreams = []

    def make(name="here", host="127.0.0.1", **llm):
        upstream = FakeLlm(cert=(certificates / f"{name}.pem", certificates / f"{name}.key"))
        upstreams.append(upstream)
        settings = {"base_url": f"https://{host}:{upstream.port}/v1", "model": "asked-model", "api_key": LLM_KEY, "retries": 0,
                    "cache_bytes": 0, **llm}
        return make_server(config={"mode": "llm", "workers": 1, "llm": settings}).start(), upstream

    yield make
    for upstream in upstreams:
        upstream.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_trusted_upstream_over_tls(make_tls, certificates, host):
    server, upstream = make_tls(host=host, ca_file=str(certificates / "ca.pem"))
    for number in range(20):
        check_llm(server.decide(f"Question number {number}?"))
    assert upstream.calls == 20 and len(upstream.connections) == 1
    assert upstream.requests[0].header("Authorization") == f"Bearer {LLM_KEY}"


@pytest.mark.parametrize("name, has_ca, reason", [
    ("here", False, "unable to get local issuer certificate"), ("elsewhere", True, "address mismatch"),
    ("expired", True, "certificate has expired"),
])
def test_untrusted_upstream_gets_nothing_and_the_log_says_why(make_tls, certificates, name, has_ca, reason):
    server, upstream = make_tls(name, **({"ca_file": str(certificates / "ca.pem")} if has_ca else {}))
    check_local(server.decide(QUESTION), "tls")
    assert upstream.calls == 0 and not upstream.received
    event = wait_until(lambda: server.events("llm_unreachable"), 3, "the log line")[0]
    assert event["error"] == "tls" and reason in event["reason"].lower()


def test_verification_can_be_switched_off(make_tls):
    server, upstream = make_tls("elsewhere", tls_verify=False)
    check_llm(server.decide(QUESTION))
    assert upstream.calls == 1


def test_plain_server_behind_an_https_url_is_a_tls_failure(make_server, fake):
    server = make_server(config={"mode": "llm", "llm": {"base_url": f"https://127.0.0.1:{fake.port}/v1", "model": "m",
                                                        "retries": 0}}).start()
    check_local(server.decide(QUESTION), "tls")
    assert fake.calls == 0


def test_missing_ca_file_is_a_clear_failure(make_server, fake, tmp_path):
    server = make_server(config={"mode": "llm", "llm": {"base_url": fake.url.replace("http", "https"), "model": "m",
                                                        "ca_file": str(tmp_path / "none.pem")}})
    server.fail()
    assert "none.pem" in server.output()
