# SPDX-License-Identifier: Apache-2.0
"""Tickets over REST: look up, list, change with If-Match, comment; what lasts, who may, and who wins."""
import json
import threading
import time
import urllib.parse

import pytest

from server import Server, check_problem, in_threads, tally

CANCEL = "Please cancel my order ORD-12345."
REFUND = "I want a refund for my order ORD-777."


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("desk"))
    server.start()
    yield server
    try:
        server.stop()
    finally:
        server.discard()


def open_ticket(server, text=CANCEL, headers=None, **members):
    decision = server.decide(text, headers, **members)
    assert decision["ticket"]["status"] == "open"
    return decision["ticket"]["id"]


def get(server, ticket, headers=None):
    answer = server.get(f"/api/v1/tickets/{ticket}", headers)
    assert answer.status == 200, answer
    assert answer.header("ETag") == '"%d"' % answer.json["version"]
    return answer.json


def send(server, method, path, body, headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})


def patch(server, ticket, body, if_match="*", headers=None):
    sent = {**({} if if_match is None else {"If-Match": if_match}), **(headers or {})}
    return send(server, "PATCH", f"/api/v1/tickets/{ticket}", body, sent)


def comment(server, ticket, body, headers=None):
    return send(server, "POST", f"/api/v1/tickets/{ticket}/comments", body, headers)


def page(server, **parameters):
    answer = server.get("/api/v1/tickets?" + urllib.parse.urlencode(parameters))
    assert answer.status == 200, answer
    return answer.json


def walk(server, **parameters):
    """The ids of all pages."""
    seen = []
    while True:
        one = page(server, **parameters)
        assert len(one["tickets"]) <= parameters.get("limit", 50)
        seen += [ticket["id"] for ticket in one["tickets"]]
        if one["next_cursor"] is None:
            return seen
        parameters["cursor"] = one["next_cursor"]


# ---- One ticket ----

def test_ticket_tells_what_the_message_left(desk):
    decision = desk.decide(CANCEL, channel="chat", metadata={"customer_id": "c-17"})
    ticket = get(desk, decision["ticket"]["id"])
    assert ticket["message_id"] == decision["message_id"] and ticket["id"] == decision["ticket"]["id"]
    assert ticket["status"] == "open" and ticket["assignee"] is None and ticket["version"] == 1
    assert ticket["priority"] == decision["next_step"]["priority"] and ticket["queue"]
    assert ticket["intent"] == decision["intent"] and ticket["channel"] == "chat" and ticket["text"] == CANCEL
    assert ticket["requester"] == "c-17" and ticket["history"] == []
    assert ticket["created_at"] == ticket["updated_at"]


def test_change_gives_the_next_version_and_history(desk):
    ticket = open_ticket(desk)
    answer = patch(desk, ticket, {"status": "pending", "assignee": "anna", "priority": "urgent"}, '"1"')
    assert answer.status == 200 and answer.header("ETag") == '"2"', answer
    assert answer.json == get(desk, ticket)
    assert answer.json["status"] == "pending" and answer.json["assignee"] == "anna" and answer.json["version"] == 2
    assert {(e["field"], e["from"], e["to"], e["by"], e["version"]) for e in answer.json["history"]} == {
        ("status", "open", "pending", None, 2), ("assignee", None, "anna", None, 2),
        ("priority", "high", "urgent", None, 2)}
    assert answer.json["updated_at"] == answer.json["history"][0]["at"] >= answer.json["created_at"]
    answer = patch(desk, ticket, {"assignee": None, "queue": "night-shift"}, '"2"',
                   {"Content-Type": "application/merge-patch+json"})
    assert answer.json["assignee"] is None and answer.json["queue"] == "night-shift"
    for body in ({}, {"status": "pending"}, {"assignee": None}):
        assert patch(desk, ticket, body, '"3"').json["version"] == 3


def test_comment_is_redacted_before_it_is_stored(desk):
    ticket = open_ticket(desk)
    answer = comment(desk, ticket, {"text": "Wrote to john.doe@example.com, he sends photos."})
    assert answer.status == 201 and answer.header("ETag") == '"2"', answer
    (event,) = answer.json["history"]
    assert event["field"] == "comment" and event["to"] == "Wrote to [EMAIL_REDACTED], he sends photos."
    assert desk.rows("SELECT count(*) FROM ticket_event WHERE new_value LIKE '%john.doe%'") == [(0,)]


@pytest.mark.parametrize("steps, refused", [
    (["resolved", "open", "pending", "closed"], "open"), (["resolved"], "pending"), (["closed"], "resolved")])
def test_status_goes_along_the_table(desk, steps, refused):
    ticket = open_ticket(desk)
    for status in steps:
        assert patch(desk, ticket, {"status": status}).json["status"] == status
    body = check_problem(patch(desk, ticket, {"status": refused}), 409, "conflict")
    assert body["detail"] == f"a ticket that is {steps[-1]} cannot become {refused}"
    assert get(desk, ticket)["status"] == steps[-1]


def test_stale_change_is_refused(desk):
    ticket = open_ticket(desk)
    assert patch(desk, ticket, {"assignee": "anna"}, '"1"').status == 200
    check_problem(patch(desk, ticket, {"assignee": "bert"}, None), 428, "precondition_required")
    for if_match in ('"1"', '"3"', '"x"', 'W/"2"', '"0"', '"99999999999999999999"', '""'):
        check_problem(patch(desk, ticket, {"assignee": "bert"}, if_match), 412, "precondition_failed")
    for if_match in ("2", '"1", "2"', "", '"'):
        body = check_problem(patch(desk, ticket, {"assignee": "bert"}, if_match), 400, "validation_error")
        assert body["errors"][0]["field"] == "If-Match"
    assert get(desk, ticket)["assignee"] == "anna"


@pytest.mark.parametrize("body, field", [
    ({"state": "closed"}, "/state"), ({"status": "gone"}, "/status"), ({"status": None}, "/status"),
    ({"status": 1}, "/status"), ({"queue": ""}, "/queue"), ({"assignee": "a b"}, "/assignee"),
    ({"assignee": "4111111111111111"}, "/assignee"), ({"id": "tkt_1"}, "/id"), ({"comment": "x"}, "/comment"),
    ({"john.doe@example.com": "x"}, "/(name withheld)"), ([], "")])
def test_bad_fields_are_named_and_change_nothing(desk, body, field):
    ticket = open_ticket(desk)
    body = check_problem(patch(desk, ticket, body), 400, "validation_error")
    assert [error["field"] for error in body["errors"]] == [field]
    assert get(desk, ticket)["version"] == 1


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " "}, {"text": None}, {"text": "a\0b"},
                                  {"text": "x" * 2001}, {"text": "x", "by": "me"}, b"", b"{", b"[]"])
def test_bad_comments_are_refused(desk, body):
    ticket = open_ticket(desk)
    check_problem(comment(desk, ticket, body), 400, "validation_error")
    assert get(desk, ticket)["version"] == 1


def test_unknown_tickets_and_methods(desk):
    ticket = open_ticket(desk)
    other = "tkt_" + ticket[4:-1] + ("0" if ticket[-1] != "0" else "1")
    faq = desk.decide("What is your refund policy?")["message_id"].replace("msg_", "tkt_")
    for unknown in (other, faq, "tkt_1", "x", ticket.replace("tkt_", "msg_")):
        check_problem(desk.get(f"/api/v1/tickets/{unknown}"), 404, "not_found")
        check_problem(patch(desk, unknown, {"status": "closed"}), 404, "not_found")
        check_problem(comment(desk, unknown, {"text": "x"}), 404, "not_found")
    for method, path, allow in (("POST", f"/{ticket}", "GET, HEAD, PATCH"), ("POST", "", "GET, HEAD"),
                                ("GET", f"/{ticket}/comments", "POST")):
        answer = send(desk, method, "/api/v1/tickets" + path, {})
        check_problem(answer, 405, "method_not_allowed")
        assert answer.header("Allow") == allow
    for path in ("/", f"/{ticket}/x", f"/{ticket}/x/comments", "//comments", "/comments"):
        check_problem(desk.get("/api/v1/tickets" + path), 404, "not_found")
    answer = desk.request("PATCH", f"/api/v1/tickets/{ticket}", b"{}", {"Content-Type": "text/plain"})
    check_problem(answer, 415, "unsupported_media_type")
    assert desk.request("HEAD", f"/api/v1/tickets/{ticket}").header("ETag") == '"1"'


# ---- Lists ----

def test_filters_keep_what_they_name(make_server):
    server = make_server().start()
    customers = ["c-1", "c 2/ü&x", "c-1", None]
    tickets = []
    for i, name in enumerate(customers):
        tickets.append(open_ticket(server, REFUND if i % 2 else CANCEL, metadata={"customer_id": name} if name else {}))
        time.sleep(0.01)  # each has a millisecond of its own
    patch(server, tickets[0], {"assignee": "anna", "status": "pending"})
    patch(server, tickets[1], {"assignee": "anna", "priority": "urgent"})
    middle = get(server, tickets[2])
    for parameters, expected in (
            ({}, [3, 2, 1, 0]), ({"status": "open"}, [3, 2, 1]), ({"status": "pending"}, [0]), ({"status": "closed"}, []),
            ({"assignee": "anna"}, [1, 0]), ({"assignee": ""}, [3, 2]), ({"assignee": "anna", "status": "open"}, [1]),
            ({"priority": "urgent"}, [1]), ({"queue": middle["queue"]}, [2, 0]), ({"requester": "c-1"}, [2, 0]),
            ({"requester": "c 2/ü&x"}, [1]), ({"created_after": middle["created_at"]}, [3, 2]),
            ({"created_before": middle["created_at"]}, [1, 0]), ({"created_after": "2999-01-01T00:00:00Z"}, [])):
        assert walk(server, **parameters) == [tickets[i] for i in expected], parameters
    listed = page(server, limit=1)["tickets"][0]
    assert "history" not in listed
    assert listed == {key: value for key, value in get(server, tickets[3]).items() if key != "history"}


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit", "?cursor=x", "?status=new", "?status", "?queue=",
                                   "?assignee", "?created_after=1", "?colour=red", "?requester=%ff", "?requester=%4",
                                   "?%zz=1", "?&", "?created_before=2026-13-01T00:00:00Z"])
def test_bad_parameters_are_named(desk, query):
    body = check_problem(desk.get("/api/v1/tickets" + query), 400, "validation_error")
    assert body["errors"] and "colour" not in str(body["errors"])


def test_pages_hold_every_ticket_once_while_others_come(make_server):
    server = make_server().start()
    before = [open_ticket(server) for _ in range(60)]
    done = threading.Event()
    came = []

    def write():
        while not done.is_set():
            came.append(open_ticket(server, REFUND))

    def read():
        try:
            return [walk(server, limit=limit) for limit in (1, 3, 7, 60) for _ in range(2)]
        finally:
            done.set()

    walks = in_threads([read, write, write])[0]
    assert came
    for seen in walks:
        assert len(seen) == len(set(seen))
        assert [ticket for ticket in seen if ticket in before] == before[::-1]
        assert set(seen) <= set(before) | set(came)


# ---- Who wins, who may, what lasts ----

def test_of_two_writers_with_one_etag_exactly_one_wins(desk):
    ticket = open_ticket(desk)
    for version in range(1, 16):
        answers = in_threads([lambda name=name: patch(desk, ticket, {"assignee": name}, f'"{version}"')
                              for name in (f"anna-{version}", f"bert-{version}", f"carl-{version}")])
        assert tally(answers) == {200: 1, 412: 2}
    stored = get(desk, ticket)
    assert stored["version"] == 16 and [event["version"] for event in stored["history"]] == list(range(2, 17))
    for older, newer in zip(stored["history"], stored["history"][1:]):
        assert older["to"] == newer["from"]


def test_comments_of_many_are_all_kept(desk):
    ticket = open_ticket(desk)
    answers = in_threads([lambda i=i: comment(desk, ticket, {"text": f"note {i} " + chr(97 + i) * 500})
                          for i in range(20)])
    assert tally(answers) == {201: 20}
    texts = {event["to"] for event in get(desk, ticket)["history"]}
    assert texts == {f"note {i} " + chr(97 + i) * 500 for i in range(20)}


def test_who_may_see_and_change(make_server):
    server = make_server().start()
    keys = {name: {"X-API-Key": server.add_key(name, scope)}
            for name, scope in (("shop", "classify"), ("other", "classify"), ("anna", "review"), ("root", "admin"))}
    ticket = open_ticket(server, headers=keys["shop"])
    assert patch(server, ticket, {"assignee": "anna"}, headers=keys["anna"]).json["history"][0]["by"] == "anna"
    assert comment(server, ticket, {"text": "mine"}, keys["root"]).json["history"][1]["by"] == "root"
    for name in ("anna", "root"):
        assert len(get(server, ticket, keys[name])["history"]) == 2
        assert len(server.get("/api/v1/tickets", keys[name]).json["tickets"]) == 1
    own = get(server, ticket, keys["shop"])
    assert own["assignee"] == "anna" and "history" not in own
    check_problem(server.get(f"/api/v1/tickets/{ticket}", keys["other"]), 404, "not_found")
    for name in ("shop", "other"):
        check_problem(server.get("/api/v1/tickets", keys[name]), 403, "forbidden")
        check_problem(patch(server, ticket, {"status": "closed"}, headers=keys[name]), 403, "forbidden")
        check_problem(comment(server, ticket, {"text": "x"}, keys[name]), 403, "forbidden")
    for answer in (server.get("/api/v1/tickets"), server.get(f"/api/v1/tickets/{ticket}"),
                   patch(server, ticket, {"status": "closed"}), comment(server, ticket, {"text": "x"})):
        check_problem(answer, 401, "unauthorized")
    assert get(server, ticket, keys["anna"])["version"] == 3


def test_changes_outlive_a_kill(make_server):
    server = make_server().start()
    ticket = open_ticket(server)
    assert patch(server, ticket, {"assignee": "anna"}, '"1"').status == 200
    assert comment(server, ticket, {"text": "called back"}).status == 201
    before = get(server, ticket)
    server.kill()
    server.start()
    assert get(server, ticket) == before
    check_problem(patch(server, ticket, {"status": "closed"}, '"1"'), 412, "precondition_failed")
    assert patch(server, ticket, {"status": "closed"}, '"3"').status == 200


def test_locked_store_refuses_changes_for_a_while(make_server):
    server = make_server().start()
    ticket = open_ticket(server)
    with server.write_lock():
        answer = patch(server, ticket, {"assignee": "anna"})
        check_problem(answer, 503, "unavailable")
        assert answer.header("Retry-After")
        assert get(server, ticket)["version"] == 1
    deadline = time.monotonic() + 20
    while patch(server, ticket, {"assignee": "anna"}).status != 200:
        assert time.monotonic() < deadline
    assert get(server, ticket)["version"] == 2


# ---- The command line ----

def run(server, *args):
    return server.cli("ticket", *args, "--data-dir", server.data_dir)


def lines(server, *args):
    done = run(server, "list", *args)
    assert done.returncode == 0, done
    return [line.split()[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("is_running", [True, False], ids=["beside a server", "alone"])
def test_command_line_lists_shows_changes_and_comments(make_server, is_running):
    server = make_server().start()
    tickets = [open_ticket(server, metadata={"customer_id": f"c-{i}"}) for i in range(3)]
    if not is_running:
        server.stop()
    assert lines(server) == tickets[::-1]
    assert lines(server, "--limit", "2") == [tickets[2], tickets[1]]
    assert lines(server, "--requester", "c-1") == [tickets[1]]
    assert run(server, "update", tickets[0], "--status", "pending", "--assignee", "anna").stdout == \
        f"{tickets[0]} has version 2\n"
    assert lines(server, "--assignee", "anna", "--status=pending") == [tickets[0]]
    assert lines(server, "--assignee=") == [tickets[2], tickets[1]]
    assert run(server, "comment", tickets[0], "Call +1 212 555 0123 back.").returncode == 0
    assert run(server, "update", tickets[0], "--unassign", "--if-version", "3").returncode == 0
    for arguments, words in ((("update", tickets[0], "--status", "open", "--if-version", "3"), "has version 4 now"),
                             (("update", tickets[0], "--status", "new"), "status must be one of"),
                             (("comment", tickets[0], " "), "must have 1 to 2000"),
                             (("show", "tkt_0000000000000000000000000g"), "no ticket with this id"),
                             (("show", "x"), "a ticket's id is"), (("list", "--status", "x"), "must be one of")):
        done = run(server, *arguments)
        assert done.returncode == 1 and words in done.stderr, done
    for arguments in (("update", tickets[0]), ("update", "--status", "open"), ("comment", tickets[0]), ("show",),
                      ("list", "x"), ("list", "--limit", "0"), ("list", "--colour", "red"), ("nonsense",), ()):
        assert run(server, *arguments).returncode == 2, arguments
    shown = run(server, "show", tickets[0]).stdout
    assert "status      pending\n" in shown and "assignee    -\n" in shown and "version     4\n" in shown
    assert "(command line)  comment: - -> Call [PHONE_REDACTED] back." in shown and "555 0123" not in shown
    if not is_running:
        server.start()
    assert [event["by"] for event in get(server, tickets[0])["history"]] == ["(command line)"] * 4


def test_command_line_lists_more_than_a_page(make_server):
    server = make_server().start()
    tickets = [open_ticket(server) for _ in range(205)]
    assert lines(server) == tickets[::-1]
    assert lines(server, "--limit", "203") == tickets[:1:-1]
