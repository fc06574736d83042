# SPDX-License-Identifier: Apache-2.0
"""The SLA clock on the real process: who is told of what awaits a person, and when.

Time goes on by moving what the store knows, while the process is down or under its writer's lock: for the clock
that is the same as a wall clock that was set ahead."""
import json
import signal
import sqlite3

from server import wait_until
from test_connectors import SECRET, Target

DANGER = "I have chest pain and can't breathe"
SIDE_EFFECT = "I felt very dizzy and got a rash after taking the pills"
MINUTE = 60 * 1000


def set_chain(policy, urgent="[]", high="[]", urgent_minutes="5", target=None):
    target = target or """{kind: http, url: "http://127.0.0.1:9", body: '{"all": "{payload}"}'}"""  # where nobody listens
    (policy / "connectors.yaml").write_text(
        f"connectors:\n  pager: {target}\n  mail: {target}\nevents: {{}}\nsystems: {{}}\n")
    (policy / "sla.yaml").write_text(
        "reminders: [50, 80]\ncalendars: {}\nseverities:\n"
        f"  urgent: {{notify: {urgent}, acknowledge_minutes: {urgent_minutes}}}\n"
        f"  high: {{notify: {high}, acknowledge_minutes: 30}}\n"
        "  standard: {notify: [], acknowledge_minutes: 30}\n  none: {notify: [], acknowledge_minutes: 30}\n")


def told(server):
    """What the outbox holds, in order: (event, connector)."""
    return server.rows("SELECT event, connector FROM outbox ORDER BY id")


def pass_time(server, minutes):
    connection = sqlite3.connect(server.database, timeout=10, isolation_level=None)
    shift = minutes * MINUTE
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE sla SET received_at = received_at - ?1, due_at = due_at - ?1, acknowledge_by ="
                       " iif(acknowledge_by, acknowledge_by - ?1, 0),"
                       " next_at = iif(next_at < 9223372036854775807, next_at - ?1, next_at)", (shift,))
    connection.execute("COMMIT")
    connection.close()


def test_nobody_is_told_until_the_policy_names_somebody(make_server, policy):
    server = make_server(config={"policy_dir": str(policy)}).start()
    assert [line["severity"] for line in server.events("nobody_told")] == ["urgent, high"]
    assert server.metrics()['triaged_notify_targets{severity="urgent"}'] == 0
    server.decide(DANGER)
    assert told(server) == []
    set_chain(policy, "[pager, mail]", "[mail]")
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.metrics()['triaged_notify_targets{severity="urgent"}'] == 2, what="the new policy")
    assert len(server.events("nobody_told")) == 1
    record = server.decide(DANGER)
    server.decide(SIDE_EFFECT)
    assert told(server) == [("review.created", "pager"), ("review.created", "mail")]
    envelope = json.loads(server.rows("SELECT payload FROM outbox ORDER BY id")[0][0])
    payload = envelope["data"]
    assert envelope["type"] == "review.created"
    assert payload["message_id"] == record["message_id"] and payload["compliance_id"] == record["compliance"]["id"]
    assert payload["severity"] == "urgent" and payload["due_at"] == record["compliance"]["due_at"]


def test_a_chain_with_a_mistake_is_refused_with_its_line(make_server, policy):
    set_chain(policy, "[pager]", urgent_minutes="0")
    server = make_server(config={"policy_dir": str(policy)})
    server.fail()
    assert "sla.yaml:4: severity `urgent`: key `acknowledge_minutes` is 0" in server.output()


def test_each_event_comes_once_also_over_restarts(make_server, policy):
    set_chain(policy, "[pager, mail]")
    server = make_server(config={"policy_dir": str(policy)}).start()
    record = server.decide(DANGER)
    expected = [("review.created", "pager")]
    for minutes, news in ((5, [("review.escalated", "mail")]), (4, [("review.reminder", "mail")]),
                          (2, [("review.escalated", "mail")]), (4, [("review.breached", "mail")])):
        server.kill()
        pass_time(server, minutes)
        server.start()
        expected += news
        wait_until(lambda: told(server) == expected, what=f"{news} in {told(server)}")
    breached = wait_until(lambda: server.events("review_breached"), what="the log line")
    payload = server.rows("SELECT payload FROM outbox ORDER BY id DESC")[0][0]
    assert json.loads(payload)["data"]["message_id"] == record["message_id"] and "chest" not in payload
    assert len(breached) == 1 and breached[0]["message_id"] == record["message_id"]
    assert breached[0]["severity"] == "urgent" and breached[0]["connectors"] == 1
    metrics = wait_until(lambda: (m := server.metrics())['triaged_reviews_overdue{severity="urgent"}'] == 1 and m)
    assert metrics['triaged_reviews_open{severity="urgent"}'] == 1
    assert metrics["triaged_review_oldest_overdue_seconds"] >= 0
    assert metrics['triaged_sla_events_total{event="review.breached",severity="urgent"}'] == 1
    server.stop()
    server.start()
    looked = server.metrics()["triaged_sla_last_look_timestamp_seconds"]
    wait_until(lambda: server.metrics()["triaged_sla_last_look_timestamp_seconds"] > looked, what="another look")
    assert told(server) == expected and not server.events("review_breached")


def act(server, record, action, body=None):
    review = record["message_id"].replace("msg_", "rev_")
    answer = server.request("POST", f"/api/v1/reviews/{review}/{action}", json.dumps(body) if body else None,
                            {"Content-Type": "application/json"} if body else {})
    assert answer.status == 200, answer


def test_a_person_ends_the_escalation(make_server, policy):
    set_chain(policy, "[pager, mail]")
    server = make_server(config={"policy_dir": str(policy)}).start()
    record = server.decide(DANGER)
    act(server, record, "claim", {"assignee": "anna"})
    pass_time(server, 7)
    other = server.decide(DANGER)
    pass_time(server, 6)
    expected = [("review.created", "pager"), ("review.created", "pager"), ("review.escalated", "mail")]
    wait_until(lambda: ("review.escalated", "mail") in told(server), what="the escalation of the other")
    assert [event for event in told(server) if event[0] != "review.reminder"] == expected
    metrics = server.metrics()
    assert metrics['triaged_review_acknowledged_seconds_count{severity="urgent"}'] == 1
    act(server, record, "release")
    wait_until(lambda: told(server).count(("review.escalated", "mail")) == 2, what="the next, since nobody has it")
    act(server, record, "resolve", {"outcome": "false_alarm"})
    act(server, other, "resolve", {"outcome": "confirmed"})
    metrics = wait_until(lambda: (m := server.metrics())['triaged_reviews_open{severity="urgent"}'] == 0 and m)
    assert metrics['triaged_review_acknowledged_seconds_count{severity="urgent"}'] == 2
    assert metrics['triaged_review_resolved_seconds_count{severity="urgent"}'] == 2
    assert server.count("sla") == 0


def test_the_clock_goes_on_when_the_store_does(make_server, policy):
    set_chain(policy, "[pager, mail]", urgent_minutes="0.05")
    server = make_server(config={"policy_dir": str(policy)}).start()
    server.decide(DANGER)
    with server.write_lock():
        wait_until(lambda: server.events("sla_clock_failed"), 20, "the failure")
        assert told(server) == [("review.created", "pager")]
    wait_until(lambda: told(server)[1:] == [("review.escalated", "mail")], 20, "the escalation")
    assert len(server.events("sla_clock_failed")) == 1


def test_webhooks_hear_of_each_event_once_over_a_kill(make_server, policy):
    """As a receiver that keeps the ids which it has seen."""
    target = Target(lambda method, path, body: (200, {}, {}))
    hook = f'{{kind: webhook, url: "{target.url}/hook", secret_variable: PAGER_SECRET}}'
    set_chain(policy, "[pager, mail]", target=hook)
    server = make_server(config={"policy_dir": str(policy)}, env={"PAGER_SECRET": SECRET}).start()

    def heard():
        seen = {headers["webhook-id"]: json.loads(body) for _, _, headers, body in list(target.requests)}
        return [event["type"] for event in seen.values()]

    record = server.decide(DANGER)
    wait_until(lambda: heard() == ["review.created"], what=f"the first: {heard()}")
    server.kill()
    pass_time(server, 5)
    server.start()
    wait_until(lambda: heard() == ["review.created", "review.escalated"], 20, "the second")
    act(server, record, "claim", {"assignee": "anna"})
    server.kill()
    pass_time(server, 10)
    server.start()
    wait_until(lambda: heard()[2:] == ["review.breached"], 20, "the breach alone")
    wait_until(lambda: server.count("outbox") == 0, 20, "the delivered entries to go")
    target.close()
