# SPDX-License-Identifier: Apache-2.0
"""Reviews over REST: what awaits a person, the most pressing first, and what a person does about it."""
import csv
import io
import json

import pytest

from server import Server, check_problem

URGENT = "I have chest pain after taking your tablets."
HIGH = "I got a rash and nausea from your cream."
STANDARD = "My lawyer will sue you, this is a legal complaint to the regulator."
AGENT = "I want to talk to a human agent."
NEITHER = "Please cancel my order ORD-1."


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("reviewed"))
    server.start()
    server.sent = {}
    for _ in range(3):
        for text in (STANDARD, HIGH, NEITHER, URGENT, AGENT):
            server.sent[server.decide(text)["message_id"]] = text
    yield server
    try:
        server.stop()
    finally:
        server.discard()


def page(server, query="", headers=None):
    answer = server.get("/api/v1/reviews" + query, headers)
    assert answer.status == 200, answer
    return answer.json


def test_order_is_by_due_time(reviewed):
    reviews = page(reviewed)["reviews"]
    assert [review["due_at"] for review in reviews] == sorted(review["due_at"] for review in reviews)
    assert [reviewed.sent[review["message_id"]] for review in reviews[:6]] == [URGENT] * 3 + [HIGH] * 3
    assert {reviewed.sent[review["message_id"]] for review in reviews} == {URGENT, HIGH, STANDARD, AGENT}
    assert len(reviews) == 12


def test_row_says_what_a_person_needs(reviewed):
    review = page(reviewed)["reviews"][0]
    assert review["category"] == "safety_compliance" and review["severity"] == "urgent"
    assert review["channel"] == "api" and review["status"] == "pending_review" and review["reason"] == "safety"
    assert review["text"] == URGENT and review["request_id"] and review["received_at"] < review["due_at"]
    escalation = next(r for r in page(reviewed)["reviews"] if reviewed.sent[r["message_id"]] == AGENT)
    assert escalation["severity"] is None and escalation["reason"] in ("human_requested", "low_confidence")


@pytest.mark.parametrize("query, texts", [
    ("?min_severity=urgent", {URGENT}), ("?min_severity=high", {URGENT, HIGH}),
    ("?min_severity=standard", {URGENT, HIGH, STANDARD}), ("?category=service_action", {AGENT}),
    ("?category=safety_compliance", {URGENT, HIGH, STANDARD}), ("?category=informational", set()),
    ("?category=safety_compliance&min_severity=high", {URGENT, HIGH}), ("?due_before_ms=1", set()),
    ("?severity=high", {HIGH}), ("?overdue=true", set()), ("?status=claimed", set()), ("?status=resolved", set()),
    ("?assignee=", {URGENT, HIGH, STANDARD, AGENT}), ("?assignee=anna", set()),
    ("?due_before=2020-01-01T00:00:00Z", set()), ("?due_before=2999-01-01T00:00:00Z&severity=urgent", {URGENT}),
])
def test_filters_keep_what_they_name(reviewed, query, texts):
    assert {reviewed.sent[review["message_id"]] for review in page(reviewed, query)["reviews"]} == texts


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12])
def test_cursor_walks_every_row_once(reviewed, limit):
    seen, query, pages = [], f"?limit={limit}", 0
    while True:
        answer = page(reviewed, query)
        assert len(answer["reviews"]) <= limit
        seen += [review["message_id"] for review in answer["reviews"]]
        pages += 1
        if answer["next_cursor"] is None:
            break
        query = f"?limit={limit}&cursor={answer['next_cursor']}"
        assert pages < 20
    assert seen == [review["message_id"] for review in page(reviewed)["reviews"]]
    assert pages == -(-12 // limit)


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit=x", "?limit=", "?limit", "?cursor=x", "?cursor=1",
                                   "?min_severity=none", "?min_severity=URGENT", "?category=x", "?colour=red",
                                   "?due_before_ms=0", "?status=done", "?overdue=yes", "?due_before=soon", "?due_before_ms=-1", "?cursor=99999999999999999999.1", "?&"])
def test_bad_parameters_are_named(reviewed, query):
    body = check_problem(reviewed.get("/api/v1/reviews" + query), 400, "validation_error")
    assert body["errors"] and "colour" not in body["errors"][0]["field"]


def test_only_reviewers_may_look(make_server):
    server = make_server().start()
    keys = {scope: server.add_key(scope, scope) for scope in ("classify", "review", "admin")}
    server.decide(URGENT, {"X-API-Key": keys["classify"]})
    for scope in ("review", "admin"):
        assert len(server.get("/api/v1/reviews", {"X-API-Key": keys[scope]}).json["reviews"]) == 1
    check_problem(server.get("/api/v1/reviews", {"X-API-Key": keys["classify"]}), 403, "forbidden")
    check_problem(server.get("/api/v1/reviews"), 401, "unauthorized")


# ---- One review ----

def act(server, review, action, body=None, headers=None):
    sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers
    return server.request("POST", f"/api/v1/reviews/{review}/{action}", None if body is None else json.dumps(body).encode(),
                          sent)


def show(server, review, headers=None):
    answer = server.get(f"/api/v1/reviews/{review}", headers)
    assert answer.status == 200, answer
    assert answer.header("ETag") == '"%d"' % answer.json["version"]
    return answer.json


def open_review(server, text=HIGH, headers=None):
    decision = server.decide(text, headers)
    return decision, decision["message_id"].replace("msg_", "rev_")


def test_a_review_is_claimed_released_resolved_and_reopened_by_named_keys(make_server):
    server = make_server().start()
    keys = {name: {"X-API-Key": server.add_key(name, "review")} for name in ("anna", "bert")}
    keys["shop"] = {"X-API-Key": server.add_key("shop", "classify")}
    decision, review = open_review(server, headers=keys["shop"])
    assert show(server, review, keys["anna"])["status"] == "pending_review"
    claimed = act(server, review, "claim", headers=keys["anna"]).json
    assert (claimed["status"], claimed["assignee"], claimed["version"]) == ("claimed", "anna", 2)
    assert act(server, review, "claim", headers=keys["anna"]).json["version"] == 2
    refused = check_problem(act(server, review, "claim", headers=keys["bert"]), 409, "conflict")
    assert "anna" in refused["detail"]
    record = server.get("/api/v1/compliance/" + decision["compliance"]["id"], keys["bert"]).json
    assert record["status"] == "in_review" and record["acknowledged_at"] == claimed["acknowledged_at"]
    assert act(server, review, "release", {"note": "call 0171 5550123"}, keys["bert"]).json["assignee"] is None
    assert act(server, review, "claim", {"assignee": "carl"}, keys["bert"]).json["assignee"] == "carl"
    check_problem(act(server, review, "resolve", {}, keys["bert"]), 400, "validation_error")
    check_problem(act(server, review, "resolve", {"outcome": "x"}, keys["bert"]), 400, "validation_error")
    check_problem(act(server, review, "resolve", {"outcome": "referred"}, {**keys["bert"], "If-Match": '"3"'}), 412,
                  "precondition_failed")
    done = act(server, review, "resolve", {"outcome": "referred", "note": "to the pharmacist"},
               {**keys["bert"], "If-Match": '"4"'}).json
    assert (done["status"], done["outcome"], done["assignee"]) == ("resolved", "referred", "carl")
    assert [(e["action"], e["by"]) for e in done["history"]] == [
        ("claim", "anna"), ("release", "bert"), ("claim", "bert"), ("resolve", "bert")]
    assert "5550123" not in done["history"][1]["note"] and done["history"][3]["note"] == "to the pharmacist"
    record = server.get("/api/v1/compliance/" + decision["compliance"]["id"], keys["bert"]).json
    assert (record["status"], record["outcome"], record["resolved_at"]) == ("resolved", "referred", done["resolved_at"])
    assert record["text"] == HIGH and record["channel"] == "api" and len(record["digest"]) == 64
    # What the client was told stays what it was told.
    told = server.get("/api/v1/messages/" + decision["message_id"], keys["shop"]).json
    assert told["compliance"]["status"] == "pending_review"
    assert page(server, "", keys["anna"])["reviews"] == []
    assert page(server, "?status=resolved", keys["anna"])["reviews"][0]["id"] == review
    check_problem(act(server, review, "claim", headers=keys["anna"]), 409, "conflict")
    again = act(server, review, "reopen", headers=keys["anna"]).json
    assert (again["status"], again["outcome"], again["resolved_at"]) == ("pending_review", None, None)
    server.stop()
    server.start()
    assert len(show(server, review, keys["anna"])["history"]) == 5
    for path in (f"/api/v1/reviews/{review}", "/api/v1/compliance/" + decision["compliance"]["id"]):
        check_problem(server.get(path, keys["shop"]), 403, "forbidden")
    check_problem(act(server, review, "claim", headers=keys["shop"]), 403, "forbidden")


def test_what_is_no_review_has_none(reviewed):
    nothing = reviewed.decide("What is your refund policy?")["message_id"]
    for review in (nothing.replace("msg_", "rev_"), nothing, "rev_1", "rev_0000000000002myz2zasgbr5ne"):
        check_problem(reviewed.get("/api/v1/reviews/" + review), 404, "not_found")
        check_problem(act(reviewed, review, "claim"), 404, "not_found")
    check_problem(reviewed.get("/api/v1/compliance/" + nothing.replace("msg_", "cmp_")), 404, "not_found")


@pytest.mark.parametrize("action, body", [("claim", {"outcome": "referred"}), ("release", {"assignee": "a"}),
                                          ("resolve", {"outcome": 1}), ("resolve", {"outcome": "referred", "note": ""}),
                                          ("claim", {"assignee": "a b"}), ("claim", []), ("claim", {"text": "x"})])
def test_bad_bodies_change_nothing(reviewed, action, body):
    review = page(reviewed)["reviews"][0]
    check_problem(act(reviewed, review["id"], action, body), 400, "validation_error")
    assert show(reviewed, review["id"])["version"] == review["version"]


# ---- The command line ----

def run(server, *args):
    return server.cli(*args, "--data-dir", server.data_dir)


@pytest.mark.parametrize("is_running", [True, False], ids=["beside a server", "alone"])
def test_command_line_works_through_the_queue(make_server, is_running):
    server = make_server().start()
    standard, urgent = open_review(server, STANDARD)[1], open_review(server, URGENT)[1]
    if not is_running:
        server.stop()
    rows = [line.split() for line in run(server, "review", "list").stdout.splitlines()]
    assert [row[0] for row in rows] == [urgent, standard] and rows[0][1:3] == ["in", "14"] and "h" in rows[1]
    assert run(server, "review", "list", "--severity", "standard", "--limit", "1").stdout.startswith(standard)
    assert run(server, "review", "list", "--overdue").stdout == ""
    assert run(server, "review", "claim", urgent, "--assignee", "anna").stdout == f"{urgent} is claimed, version 2\n"
    assert run(server, "review", "list", "--assignee=").stdout.startswith(standard)
    done = run(server, "review", "claim", urgent)
    assert done.returncode == 1 and "anna has claimed the review" in done.stderr
    assert run(server, "review", "resolve", urgent, "--outcome", "false_alarm", "--note", "mail a@example.com").returncode == 0
    shown = run(server, "review", "show", urgent).stdout
    assert "outcome         false_alarm\n" in shown and "(command line)  resolve" in shown and "a@example.com" not in shown
    listed = json.loads(run(server, "review", "list", "--status", "resolved", "--json").stdout)
    assert [review["id"] for review in listed["reviews"]] == [urgent] and listed["next_cursor"] is None
    for arguments, words in ((("resolve", standard), "an outcome is needed"), (("release", standard), "not possible"),
                             (("resolve", standard, "--outcome", "x"), "must be one of"), (("show", "x"), "a review's id is"),
                             (("claim", standard, "--if-version", "3"), "version 1 now"),
                             (("list", "--status", "x"), "must be one of")):
        done = run(server, "review", *arguments)
        assert done.returncode == 1 and words in done.stderr, done
    for arguments in ((), ("nonsense",), ("show",), ("list", "x"), ("list", "--limit", "0"), ("claim",)):
        assert run(server, "review", *arguments).returncode == 2, arguments
    assert run(server, "review", "reopen", urgent).stdout == f"{urgent} is pending_review, version 4\n"


def test_regulator_gets_records_as_json_and_as_csv_without_formulas(make_server):
    server = make_server().start()
    texts = ["=HYPERLINK(\"http://x\") I have chest pain\nnow", URGENT, STANDARD] + [HIGH] * 120
    ids = [server.decide(text, metadata={"customer_id": "c-1"})["compliance"]["id"] for text in texts]
    server.decide(AGENT)
    act(server, ids[1].replace("cmp_", "rev_"), "resolve", {"outcome": "confirmed"})
    records = json.loads(run(server, "compliance", "export").stdout)
    assert [record["id"] for record in records] == ids and records[0]["text"] == texts[0]
    assert (records[1]["outcome"], records[1]["status"]) == ("confirmed", "resolved") and records[2]["outcome"] is None
    done = run(server, "compliance", "export", "--format", "csv", "--report-candidates")
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [row["id"] for row in rows] == ids[:2] + ids[3:]
    assert rows[0]["text"] == "'" + texts[0] and rows[1]["outcome"] == "confirmed" and rows[1]["customer_id"] == "c-1"
    assert {row["digest"] for row in rows} == {record["digest"] for record in records if record["regulator_report_candidate"]}
    middle = records[60]["received_at"]
    before = json.loads(run(server, "compliance", "export", "--to", middle).stdout)
    after = json.loads(run(server, "compliance", "export", "--from", middle).stdout)
    assert before + after == records and before
    assert json.loads(run(server, "compliance", "export", "--from", "2999-01-01T00:00:00Z").stdout) == []
    listed, query = [], "?limit=50"
    while query:
        answer = server.get("/api/v1/compliance" + query).json
        listed += answer["records"]
        query = answer["next_cursor"] and f"?limit=50&cursor={answer['next_cursor']}"
    assert listed == records
    answer = server.get(f"/api/v1/compliance?report_candidates=true&from={records[1]['received_at']}&limit=2").json
    assert [record["id"] for record in answer["records"]] == [ids[1], ids[3]]
    for query in ("?limit=0", "?limit=101", "?from=soon", "?to", "?report_candidates=1", "?cursor=x", "?x=1"):
        check_problem(server.get("/api/v1/compliance" + query), 400, "validation_error")
    key = {"X-API-Key": server.add_key("anna", "review")}
    check_problem(server.get("/api/v1/compliance", key), 403, "forbidden")
    for arguments, status in ((("--from", "soon"), 1), (("--format", "xml"), 2), (("x",), 2)):
        assert run(server, "compliance", "export", *arguments).returncode == status


# ---- Hand-off ----

def test_the_bot_stays_out_of_the_conversation_until_the_review_is_resolved_across_restarts(make_server):
    server = make_server().start()
    shop, other = ({"X-API-Key": server.add_key(name, "classify")} for name in ("shop", "other"))
    anna = {"X-API-Key": server.add_key("anna", "review")}
    question, here = "What is your refund policy?", {"conversation_id": "c-1"}
    first = server.decide(AGENT, shop, metadata=here)
    assert first["review"]["is_new"] and first["reply"]
    review = first["review"]["id"]
    told = server.decide(question, shop, metadata=here)
    assert told["next_step"]["action"] == "join_review" and told["reply"] and told["article"] is None
    assert told["review"] == {"id": review, "is_new": False} and told["ticket"] is None
    server.kill()
    server.start()
    silent = server.decide("Cancel my order ORD-12345 please.", shop, metadata=here)
    assert (silent["reply"], silent["category"], silent["ticket"]) == ("", "service_action", None)
    urgent = server.decide(URGENT, shop, metadata=here)
    assert urgent["compliance"]["severity"] == "urgent" and urgent["reply"] and urgent["review"]["is_new"]
    assert server.decide(question, other, metadata=here)["article"], "another key's conversation"
    assert server.decide(question, shop)["article"], "no conversation"
    assert [m["message_id"] for m in show(server, review, anna)["messages"]] == [
        told["message_id"], silent["message_id"], urgent["message_id"]]
    assert server.metrics()["triaged_handoff_open"] == 2
    assert act(server, review, "resolve", {"outcome": "no_action"}, anna).status == 200
    assert server.decide(question, shop, metadata=here)["review"]["id"] == urgent["review"]["id"], "the other one is open"
    done = run(server, "review", "resolve", urgent["review"]["id"], "--outcome", "confirmed")
    assert done.returncode == 0, done
    answered = server.decide(question, shop, metadata=here)
    assert answered["article"] and answered["review"] is None
    act(server, review, "reopen", headers=anna)
    joined = server.decide(question, shop, metadata=here)
    assert joined["next_step"]["action"] == "join_review" and joined["reply"], "the bot has spoken meanwhile"


def test_what_the_bot_would_have_said_comes_with_the_review(make_server):
    server = make_server().start()
    review = show(server, server.decide("Guten Tag, jeg vil gerne vide hvad jeres returpolitik er og hvordan jeg kan "
                                        "returnere min ordre ORD-12345.")["review"]["id"])
    assert review["reason"] == "unknown_language" and "refund" in review["suggested_reply"]
