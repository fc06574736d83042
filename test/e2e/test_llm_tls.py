# SPDX-License-Identifier: Apache-2.0
"""LLMs over TLS: who is trusted, and the same before a real server, in HTTP/1.1 and HTTP/2."""
import contextlib
import os
import subprocess

import pytest

from fake_llm import FakeLlm, answer, cut, delay, huge, status
from server import LLM_KEY, free_port, in_threads, wait_until
from test_llm import QUESTION, check_llm, check_local, total

NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl {http2};
        ssl_certificate {certificates}/here.pem;
        ssl_certificate_key {certificates}/here.key;
        keepalive_requests {keepalive_requests};
        location / {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_set_header X-Protocol $server_protocol;
            proxy_set_header X-Connection $connection;
        }}
    }}
}}
"""


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


# ---- a real server on the way ----

@pytest.fixture
def make_nginx(make_server, fake, certificates, tmp_path):
    """make_nginx(is_http2=..., keepalive_requests=..., **llm) gives a running Server that asks `fake` through nginx over TLS."""
    with contextlib.ExitStack() as stack:
        def make(is_http2=True, keepalive_requests=1000, **llm):
            port = free_port()
            (tmp_path / "nginx.conf").write_text(NGINX.format(
                directory=tmp_path, certificates=certificates, port=port, backend=fake.port, http2="http2" if is_http2 else "",
                keepalive_requests=keepalive_requests))
            process = stack.enter_context(subprocess.Popen(
                ["nginx", "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(tmp_path / "nginx.conf")],
                env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
            wait_until(lambda: (tmp_path / "nginx.pid").exists() or process.poll() is not None, 10, "nginx")
            assert process.poll() is None, (tmp_path / "error.log").read_text()
            settings = {"base_url": f"https://localhost:{port}/v1", "model": "asked-model", "api_key": LLM_KEY, "retries": 0,
                        "cache_bytes": 0, "ca_file": str(certificates / "ca.pem"), **llm}
            return make_server(config={"mode": "llm", "workers": 1, "llm": settings}).start()

        yield make


def protocols(fake):
    return {request.header("X-Protocol") for request in fake.requests}


def connections(fake):
    """How many of ours nginx has seen."""
    return len({request.header("X-Connection") for request in fake.requests})


@pytest.mark.parametrize("is_http2, setting, expected", [
    (True, True, "HTTP/2.0"), (True, False, "HTTP/1.1"), (False, True, "HTTP/1.1"),
])
def test_protocol_is_the_best_that_both_speak(make_nginx, fake, is_http2, setting, expected):
    server = make_nginx(is_http2, http2=setting)
    for number in range(20):
        check_llm(server.decide(f"Question number {number}?"))
    assert protocols(fake) == {expected} and fake.calls == 20 and connections(fake) == 1
    assert fake.requests[0].header("Authorization") == f"Bearer {LLM_KEY}"
    assert fake.requests[0].path == "/v1/chat/completions" and fake.requests[0].header("Content-Type") == "application/json"


def test_crowd_shares_a_connection(make_nginx, fake):
    server = make_nginx()
    fake.default = delay(0.3, answer())
    for decision in in_threads([lambda n=n: server.decide(f"Crowd {n}?") for n in range(60)]):
        check_llm(decision)
    assert protocols(fake) == {"HTTP/2.0"} and fake.calls == 60 and connections(fake) == 1


@pytest.mark.parametrize("is_http2", [True, False])
def test_server_that_ends_its_connections_under_load_costs_no_message(make_nginx, fake, is_http2):
    """By HTTP/2 it says so with calls on the way; none of them is lost, and none arrives twice."""
    server = make_nginx(is_http2, keepalive_requests=7)
    fake.default = delay(0.02, answer())
    for turn in range(4):
        for decision in in_threads([lambda n=n: server.decide(f"Load {turn} {n}?") for n in range(50)]):
            check_llm(decision)
    assert fake.calls == 200 == len({request.user for request in fake.requests})
    assert protocols(fake) == {"HTTP/2.0" if is_http2 else "HTTP/1.1"} and connections(fake) >= 200 // 7
    assert total(server.metrics(), "triaged_llm_attempts_total") == 200


@pytest.mark.parametrize("step, fallback", [(status(503), "server_error"), (cut(), "cut"), (huge(10 << 20), "too_large")])
def test_call_that_fails_leaves_the_others_alone(make_nginx, fake, step, fallback):
    server = make_nginx()
    fake.play(step)
    check_local(server.decide(QUESTION), fallback)
    for number in range(5):
        check_llm(server.decide(f"Question number {number}?"))
    assert protocols(fake) == {"HTTP/2.0"} and connections(fake) == 1


def test_server_of_another_authority_gets_nothing(make_nginx, fake):
    server = make_nginx(ca_file="")
    check_local(server.decide(QUESTION), "tls")
    assert fake.calls == 0
