# SPDX-License-Identifier: Apache-2.0
"""Calls under way while something else happens: clients that leave, a reload, the end."""
import signal
import threading
import time

from fake_llm import FakeLlm, answer, delay, hang
from server import LLM_KEY, SLOW, classify_bytes, in_threads, wait_until
from test_llm import QUESTION, check_llm, check_local, total


def test_client_that_leaves_takes_its_call_along(make_llm, fake):
    server = make_llm()
    fake.default = hang()
    wires = [server.wire() for _ in range(10)]
    for number, wire in enumerate(wires):
        wire.send(classify_bytes(f"Question number {number}?"))
    wait_until(lambda: fake.calls == 10, 5, "the calls")
    for wire in wires:
        wire.reset()  # a client that only shuts its sending side still gets its answer
    wait_until(lambda: all(request.closed_at for request in fake.requests), 5, "the end of the calls")
    wait_until(lambda: server.metrics()["triaged_in_flight"] == 0, 5, "the end of the messages")
    fake.default = answer()
    check_llm(server.decide(QUESTION))
    assert total(server.metrics(), "triaged_llm_attempts_total", status="cancelled") in (0, 10)


def test_calls_under_way_are_finished_at_the_end(make_llm, fake):
    server = make_llm()
    fake.default = delay(1.0 * SLOW, answer())
    with server.wire() as wire:
        wire.send(classify_bytes(QUESTION))
        wait_until(lambda: fake.calls == 1, 5, "the call")
        server.signal(signal.SIGTERM)
        check_llm(wire.receive().json)
    assert server.wait() == 0
    assert server.count("message") == 1 and fake.calls == 1


def test_end_does_not_wait_for_a_hanging_upstream(make_llm, fake):
    server = make_llm(config={"shutdown": {"grace_ms": 300}, "workers": 2})
    fake.default = hang()
    wires = [server.wire() for _ in range(20)]
    for number, wire in enumerate(wires):
        wire.send(classify_bytes(f"Question number {number}?"))
    wait_until(lambda: fake.calls == 20, 5, "the calls")
    start = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait(10)
    assert time.monotonic() - start < 3 * SLOW
    wait_until(lambda: all(request.closed_at for request in fake.requests), 5, "the end of the calls")
    for wire in wires:
        wire.close()


def test_reload_under_calls_disturbs_nobody(make_llm, fake, policy):
    server = make_llm(config={"policy_dir": str(policy)})
    turn = 0
    fake.default = delay(0.1, answer())
    is_over = threading.Event()

    def reload():
        while not is_over.wait(0.05):
            server.signal(signal.SIGHUP)

    reloader = threading.Thread(target=reload)
    reloader.start()
    try:
        while turn < 10 or (turn < 300 and len(server.events("policy_loaded")) < 3):
            for decision in in_threads([lambda n=n: server.decide(f"Question {turn} {n}?") for n in range(8)]):
                check_llm(decision)
            turn += 1
    finally:
        is_over.set()
        reloader.join()
    assert fake.calls == 8 * turn and len(server.events("policy_loaded")) >= 3


def test_edited_prompt_is_in_force_after_a_reload(make_llm, fake, policy):
    server = make_llm(config={"policy_dir": str(policy)})
    server.decide(QUESTION)
    prompt, = (policy / "prompts").glob("*.yaml")
    edited = prompt.read_text().replace("informational", "informational (ZEBRA)", 1)
    prompt.write_text(edited)
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.events("policy_loaded"), 5, "the reload")
    server.decide(QUESTION)
    assert ["ZEBRA" in request.json["messages"][0]["content"] for request in fake.requests] == [False, True]


def test_broken_prompt_leaves_the_old_one_in_force(make_llm, fake, policy):
    server = make_llm(config={"policy_dir": str(policy)})
    prompt, = (policy / "prompts").glob("*.yaml")
    prompt.write_text("version: [\n")
    server.signal(signal.SIGHUP)
    refused = wait_until(lambda: server.events("policy_refused"), 5, "the refusal")[0]
    assert prompt.name in refused["reason"]
    check_llm(server.decide(QUESTION))


def test_many_at_a_time_are_all_answered(make_llm, fake):
    server = make_llm()
    fake.default = delay(0.2, answer())
    decisions = in_threads([lambda n=n: server.decide(f"Crowd {n}?") for n in range(200)])
    for decision in decisions:
        check_llm(decision)
    assert fake.calls == 200 == server.count("message")
    samples = server.metrics()
    assert samples["triaged_in_flight"] == 0 and total(samples, "triaged_llm_attempts_total", status="ok") == 200


def test_upstream_that_comes_back_is_used_again(make_server):
    with FakeLlm() as upstream:
        server = make_server(config={"mode": "llm", "llm": {"base_url": upstream.url, "model": "asked-model", "retries": 0,
                                                            "cache_bytes": 0}}).start()
        check_llm(server.decide(QUESTION))
        port = upstream.port
    check_local(server.decide(QUESTION), "connect")
    with FakeLlm(port=port) as upstream:
        number = iter(range(100000))
        wait_until(lambda: server.decide(f"Back {next(number)}?")["classifier"]["source"] == "llm", 10, "its return")


def test_proxy_is_asked_to_forward(make_server, fake):
    """A plain origin behind a proxy: the whole URL in the request line, and no key but the origin's."""
    server = make_server(config={"mode": "llm", "llm": {"base_url": "http://llm.example.org:8000/v1", "model": "asked-model",
                                                        "api_key": LLM_KEY, "proxy": f"http://127.0.0.1:{fake.port}"}}).start()
    check_llm(server.decide(QUESTION))
    assert fake.requests[0].path == "http://llm.example.org:8000/v1/chat/completions"
    assert fake.requests[0].header("Host") == "llm.example.org:8000"
