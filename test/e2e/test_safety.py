# SPDX-License-Identifier: Apache-2.0
"""The safety net: it sees every well-formed message first, and what it finds is never refused."""
import datetime
import time

import pytest

from server import check_problem, classify_bytes, in_threads, tally, wait_until

QUESTION = "What are your opening hours?"
EMERGENCY = "My father has chest pain and cannot breathe."
SLA = {"urgent": datetime.timedelta(minutes=15), "high": datetime.timedelta(hours=2),
       "standard": datetime.timedelta(hours=24)}


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_safety(decision, severity):
    assert decision["category"] == "safety_compliance", decision
    assert decision["compliance"]["severity"] == severity, decision
    assert decision["next_step"]["requires_human_review"] is True
    due = time_of(decision["compliance"]["due_at"]) - time_of(decision["timestamp"])
    assert due == SLA[severity], due


@pytest.mark.parametrize("text", [
    "I am in the ER", "We are in the ER now after taking your tablets.", "chest pain", "CHEST PAIN", "Chest  pain!",
    "I can't breathe", "I can’t breathe", "I cannot breathe", "He overdosed on your pills", "She fainted and is unconscious",
    "We had to call an ambulance", "I called 911", "My son went into anaphylaxis", "I was taken to the hospital",
    "I want to kill myself", "I do not want to live anymore, I will end my life tonight",
])
def test_emergencies_are_urgent(shared, text):
    decision = shared.decide(text)
    check_safety(decision, "urgent")
    assert decision["next_step"]["action"] == "urgent_escalation"
    assert decision["next_step"]["priority"] == "urgent"


@pytest.mark.parametrize("text", [
    "When will her order arrive?", "Where is my order?", "er, where is my parcel?", "I was charged too much",
    "You overcharged me", "What is your refund policy?", "Is your shop closer to Bern or Basel?",
    "Do you sell hospital bed sheets?", "I want to cancel my order",
])
def test_ordinary_messages_are_not(shared, text):
    decision = shared.decide(text)
    assert decision["category"] != "safety_compliance", decision
    assert decision["compliance"] is None


@pytest.mark.parametrize("text, severity", [
    ("I got a rash and nausea from your cream.", "high"),
    ("I am dizzy since I took the tablets, is this a side effect?", "high"),
    ("Someone stole my card and is using it right now, this is fraud.", "high"),
    ("Your employee harassed me.", "high"),
    ("I will bring a gun and shoot everyone in your store.", "urgent"),
])
def test_severity_follows_rule_and_floor(shared, text, severity):
    check_safety(shared.decide(text), severity)


def test_decision_of_the_net_says_so(shared):
    decision = shared.decide(EMERGENCY)
    assert decision["classifier"]["source"] == "safety_net"
    assert decision["confidence"] > 0.5


@pytest.mark.parametrize("locale, number", [(None, "911"), ("en-US", "911"), ("de-AT", "116 123"), ("xx", "911")])
def test_self_harm_gets_the_approved_text(shared, locale, number):
    metadata = {"locale": locale} if locale else {}
    decision = shared.decide("I want to kill myself", metadata=metadata)
    assert decision["intent"] == "self_harm"
    assert number in decision["reply"]
    assert decision["reply_locale"] == ("de" if locale == "de-AT" else "en")
    again = shared.decide("I want to kill myself", metadata=metadata)
    assert again["reply"] == decision["reply"], "an approved text does not vary"


@pytest.mark.parametrize("text, severity, intent, locale", [
    ("Mi hija no puede respirar después de comer sus galletas", "urgent", "product_safety", "es"),
    ("J'ai pris trop de vos comprimés, je veux mourir", "urgent", "self_harm", "fr"),
    ("ICH WILL NICHT MEHR LEBEN", "urgent", "self_harm", "de"),
    ("nao consigo respirar depois de tomar o remedio", "urgent", "product_safety", "pt"),
    ("I took too many of your pills", "urgent", "self_harm", "en"),
])
def test_danger_is_answered_in_its_language(shared, text, severity, intent, locale):
    decision = shared.decide(text)
    check_safety(decision, severity)
    assert (decision["intent"], decision["reply_locale"]) == (intent, locale), decision


@pytest.mark.parametrize("text", [
    "me muero de risa con su anuncio, ¿dónde está mi pedido?", "c'est à mourir de rire, où est mon colis ?",
    "das ist der Hammer, wo bleibt meine Bestellung?", "estou morrendo de fome, cadê meu pedido?",
])
def test_idioms_of_other_languages_are_no_danger(shared, text):
    assert shared.decide(text)["classifier"]["source"] == "local"


@pytest.mark.parametrize("text", ["vorrei annullare l'ordine e riavere i soldi", "где моя посылка, она должна была прийти вчера"])
def test_another_language_goes_to_a_person_in_time(shared, text):
    decision = shared.decide(text)
    assert decision["next_step"]["requires_human_review"] is True
    assert decision["confidence"] <= 0.45
    review = shared.get("/api/v1/reviews/" + decision["review"]["id"]).json
    assert review["reason"] == ("safety" if decision["compliance"] else "unknown_language")
    assert time_of(review["due_at"]) - time_of(review["received_at"]) <= datetime.timedelta(hours=24)


def test_emergency_reply_says_whom_to_call(shared):
    reply = shared.decide(EMERGENCY, channel="voice")["reply"]
    assert "emergency number" in reply and "\n" not in reply


def test_record_is_complete(shared):
    decision = shared.decide(EMERGENCY, channel="voice", metadata={"customer_id": "C-77", "product_id": "P-9"})
    row = shared.rows(
        "SELECT c.severity, c.status, c.channel, m.customer_id, c.product_id, length(c.text_digest), c.text_points,"
        " c.is_report_candidate, c.due_at - c.received_at, m.text FROM compliance c JOIN message m ON m.id = c.id"
        " WHERE json_extract(m.answer, '$.message_id') = ?", decision["message_id"])
    assert row == [("urgent", "pending_review", "voice", "C-77", "P-9", 32, len(EMERGENCY), 1, 15 * 60 * 1000, EMERGENCY)]


def test_hit_over_the_rate_is_still_answered_and_recorded(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 1, "burst": 1}}).start()
    assert server.classify(QUESTION).status == 200
    for _ in range(5):
        check_problem(server.classify(QUESTION), 429, "rate_limit_exceeded")
        check_safety(server.decide(EMERGENCY), "urgent")
    assert server.count("compliance") == 5


def test_reserve_is_bounded_and_the_refusal_still_helps(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 1, "burst": 1, "safety_per_minute": 3}}).start()
    server.classify(QUESTION)
    answers = [server.classify(EMERGENCY) for _ in range(6)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and answers[0].status == 200
    safety = check_problem(refused[0], 429, "rate_limit_exceeded")["safety"]
    assert safety["severity"] == "urgent" and "emergency number" in safety["reply"]


@pytest.mark.parametrize("text, is_hit", [(EMERGENCY + " x" * 5000, True), ("hello " * 1000, False),
                                          ("x" * 5000 + " " + EMERGENCY, False)])
def test_text_over_the_limit_is_refused_but_a_hit_is_recorded(make_server, text, is_hit):
    server = make_server().start()
    body = check_problem(server.classify(text), 400, "validation_error")
    assert [error["field"] for error in body["errors"]] == ["/message"]
    assert server.count("compliance") == (1 if is_hit else 0) == server.count("message")
    if is_hit:
        assert body["safety"]["severity"] == "urgent" and "emergency" in body["safety"]["reply"]
        stored = server.get("/api/v1/messages/" + body["safety"]["message_id"])
        assert stored.status == 200 and stored.json["compliance"]["severity"] == "urgent"
    else:
        assert "safety" not in body


def test_many_keyed_hits_at_once_are_all_recorded(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 0, "safety_per_minute": 0}, "workers": 1}).start()
    answers = in_threads([lambda n=n: server.classify(EMERGENCY, {"Idempotency-Key": f"hit-{n}"}) for n in range(400)])
    assert tally(answers) == {200: 400}
    assert server.count("compliance") == 400


def test_order_id_is_taken_as_a_reference_only(make_server):
    server = make_server().start()
    for order_id, taken in (("4155552671", "4155552671"), ("ORD-77", "ORD-77"), ("jane@example.org", None),
                            ("my name is John Smith", None), ("4111111111111111", None)):
        step = server.decide("where is my order", metadata={"order_id": order_id})["next_step"]
        assert step["parameters"].get("order_id") == taken


def test_hit_comes_in_over_capacity(make_server):
    server = make_server(config={"admission": {"max_in_flight": 1, "safety_reserve": 8}}).start()
    for _ in range(10):
        with server.wire() as first, server.wire() as hit:
            with server.write_lock():
                first.send(classify_bytes(QUESTION))
                time.sleep(0.05)
                hit.send(classify_bytes(EMERGENCY))
                ordinary = server.classify(QUESTION)
            answer = hit.receive()
        if ordinary.status == 503 and ordinary.json["error"] == "overloaded" and answer.status == 200:
            break
    check_problem(ordinary, 503, "overloaded")
    assert answer.status == 200, answer
    check_safety(answer.json, "urgent")


def test_with_the_store_dead_the_refusal_carries_the_help(make_server):
    server = make_server().start()
    with server.write_lock():
        answer = server.classify(EMERGENCY, channel="voice")
    check_problem(answer, 503, "unavailable")
    assert int(answer.header("Retry-After")) >= 1
    assert answer.json["safety"]["severity"] == "urgent" and "emergency number" in answer.json["safety"]["reply"]
    assert answer.json["safety"]["message_id"] is None, "nothing was stored"
    wait_until(lambda: server.get("/api/v1/ready").status == 200, 10, "the store's recovery")
    check_safety(server.decide(EMERGENCY), "urgent")
    assert server.count("compliance") == 1


def test_net_sees_through_disguises(shared):
    for text in ("I have chest\npain", "I have  CHEST\tPAIN.", "chest pain", "I can't BREATHE!!!"):
        check_safety(shared.decide(text), "urgent")
