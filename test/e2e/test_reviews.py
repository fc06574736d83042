# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/reviews: what awaits a person, the most pressing first."""
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


def page(server, query=""):
    answer = server.get("/api/v1/reviews" + query)
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
                                   "?due_before_ms=0", "?due_before_ms=-1", "?cursor=99999999999999999999.1", "?&"])
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
