# SPDX-License-Identifier: Apache-2.0
"""The main path: a message in, a triaged answer out, with all that the contract promises."""
import datetime
import re
import shutil

import pytest

from server import ROOT

INFORMATION = "What is your refund policy?"
ACTION = "I need to open a ticket because my order never arrived."
SAFETY = "I experienced a severe headache and nausea right after taking the medication."
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

CATEGORIES = ("informational", "service_action", "safety_compliance")
PRIORITIES = ("low", "medium", "high", "urgent")
TEXT, NUMBER, FLAG, OBJECT, NOTHING = str, (int, float), bool, dict, type(None)


def one_of(*types):
    flat = ()
    for kind in types:
        flat += kind if isinstance(kind, tuple) else (kind,)
    return flat


MEMBERS = {
    "message_id": TEXT, "request_id": TEXT, "timestamp": TEXT, "category": TEXT, "intent": TEXT,
    "secondary_intent": one_of(TEXT, NOTHING), "confidence": NUMBER, "decision_path": TEXT, "next_step": OBJECT,
    "reply": TEXT, "reply_locale": TEXT, "article": one_of(OBJECT, NOTHING), "ticket": one_of(OBJECT, NOTHING),
    "compliance": one_of(OBJECT, NOTHING), "classifier": OBJECT, "processing_time_ms": NUMBER,
}
NEXT_STEP = {"action": TEXT, "description": TEXT, "priority": TEXT, "requires_human_review": FLAG,
             "external_system": one_of(TEXT, NOTHING), "parameters": OBJECT}
ARTICLE = {"id": TEXT, "title": TEXT, "url": one_of(TEXT, NOTHING), "score": NUMBER}
TICKET = {"id": TEXT, "status": TEXT}
COMPLIANCE = {"id": TEXT, "severity": TEXT, "due_at": TEXT, "status": TEXT}
CLASSIFIER = {"source": TEXT, "cached": FLAG, "model": one_of(TEXT, NOTHING), "prompt_version": one_of(TEXT, NOTHING)}


def check_members(value, members):
    for name, kind in members.items():
        assert name in value, f"{name} is missing in {value}"
        assert isinstance(value[name], kind), f"{name} is {value[name]!r}"
        assert kind is not NUMBER or not isinstance(value[name], bool)


def check_contract(decision):
    check_members(decision, MEMBERS)
    check_members(decision["next_step"], NEXT_STEP)
    check_members(decision["classifier"], CLASSIFIER)
    for name, members in (("article", ARTICLE), ("ticket", TICKET), ("compliance", COMPLIANCE)):
        if decision[name] is not None:
            check_members(decision[name], members)
    assert decision["category"] in CATEGORIES
    assert decision["next_step"]["priority"] in PRIORITIES
    assert 0 <= decision["confidence"] <= 1
    assert decision["confidence"] == round(decision["confidence"], 4)
    assert decision["classifier"]["source"] in ("llm", "local", "safety_net")
    assert len(decision["decision_path"].split()) <= 20
    assert RFC3339.fullmatch(decision["timestamp"]), decision["timestamp"]
    assert decision["message_id"].startswith("msg_") and decision["request_id"]
    assert decision["reply"].strip() and decision["reply_locale"]


@pytest.mark.parametrize("text", [INFORMATION, ACTION, SAFETY, "?", "Ich möchte mein Geld zurück", "😀 " * 100])
@pytest.mark.parametrize("channel", ["chat", "voice", "mail", "api"])
def test_every_answer_has_all_members_of_the_contract(shared, text, channel):
    check_contract(shared.decide(text, channel=channel))


def test_question_is_answered_from_the_knowledge_base(shared):
    decision = shared.decide(INFORMATION)
    assert decision["category"] == "informational"
    assert decision["intent"] == "faq"
    assert decision["next_step"]["action"] == "provide_information"
    assert decision["next_step"]["requires_human_review"] is False
    assert decision["article"]["id"] and "refund" in (decision["article"]["title"] + decision["reply"]).lower()
    assert 0 < decision["article"]["score"] <= 1
    assert decision["ticket"] is None and decision["compliance"] is None
    assert decision["classifier"]["source"] == "local"


def test_request_for_action_leaves_a_ticket(shared):
    decision = shared.decide(ACTION)
    assert decision["category"] == "service_action"
    assert decision["intent"] in ("ticket_creation", "order_tracking")
    expected = {"ticket_creation": ("create_ticket", "ticketing_system", "medium"),
                "order_tracking": ("request_order_id", "order_management", "low")}[decision["intent"]]
    step = decision["next_step"]
    assert (step["action"], step["external_system"], step["priority"]) == expected
    assert decision["ticket"]["id"].startswith("tkt_") and decision["ticket"]["status"] == "open"
    assert decision["article"] is None and decision["compliance"] is None


def test_safety_matter_leaves_a_compliance_record(shared):
    decision = shared.decide(SAFETY)
    assert decision["category"] == "safety_compliance"
    assert decision["intent"] == "product_safety"
    assert decision["next_step"]["requires_human_review"] is True
    assert decision["next_step"]["action"] == "specialist_review"
    assert decision["compliance"]["severity"] == "high"
    assert decision["compliance"]["status"] == "pending_review"
    assert decision["compliance"]["id"].startswith("cmp_")
    assert decision["article"] is None


@pytest.mark.parametrize("text, intent, action, priority, system", [
    ("Please cancel my order ORD-12345.", "cancellation", "cancel_order", "high", "order_management"),
    ("I want my money back for order ORD-12345, please refund me.", "refund", "initiate_refund", "medium",
     "refund_system"),
    ("Where is my order ORD-12345?", "order_tracking", "track_order", "low", "order_management"),
    ("Where is my package? It should have been here days ago.", "order_tracking", "request_order_id", "low",
     "order_management"),
    ("Please change the e-mail address of my account.", "account_update", "update_account", "medium",
     "identity_verification"),
    ("I want to talk to a human agent.", "human_agent", "escalate_to_agent", "medium", "agent_queue"),
])
def test_service_actions_follow_the_table(shared, text, intent, action, priority, system):
    decision = shared.decide(text)
    step = decision["next_step"]
    assert (decision["category"], decision["intent"]) == ("service_action", intent)
    assert (step["action"], step["priority"], step["external_system"]) == (action, priority, system)
    assert decision["ticket"]["status"] == "open"


def test_order_reference_and_amount_become_parameters(shared):
    decision = shared.decide("I want a refund of 19.90 EUR for my order ORD-12345.")
    assert decision["next_step"]["parameters"]["order_id"] == "ORD-12345"
    assert decision["next_step"]["parameters"]["amount"] == "19.90 EUR"


def test_phone_number_is_not_an_order_reference(shared):
    decision = shared.decide("Where is my package? Call me at +1 415 555 0132.")
    assert "order_id" not in decision["next_step"]["parameters"]


def test_low_confidence_goes_to_a_person(make_server, tmp_path):
    policy = tmp_path / "policy"
    shutil.copytree(ROOT / "policy", policy)
    taxonomy = (policy / "taxonomy.yaml").read_text()
    (policy / "taxonomy.yaml").write_text(re.sub(r"(?m)^(  (?:informational|service_action): )0\.5$", r"\g<1>1.0", taxonomy))
    server = make_server(config={"policy_dir": str(policy)}).start()
    for text, category in (("Where is my package?", "service_action"), (INFORMATION, "informational")):
        decision = server.decide(text)
        assert decision["confidence"] < 1.0 and decision["category"] == category
        step = decision["next_step"]
        assert (step["action"], step["priority"], step["external_system"]) == (
            "escalate_to_agent", "medium", "agent_queue")
        assert step["requires_human_review"] is True
        assert decision["ticket"]["status"] == "open" and "person" in decision["reply"]
        assert server.rows("SELECT queue FROM ticket ORDER BY id DESC LIMIT 1") == [("agent_queue",)]


def test_each_channel_shapes_the_reply(shared):
    replies = {channel: shared.decide("Please cancel my order ORD-12345.", channel=channel)["reply"]
               for channel in ("chat", "voice", "mail", "api")}
    assert "\n" not in replies["voice"] and "tkt_" not in replies["voice"], "speech has neither lines nor references"
    assert len(replies["voice"]) < len(replies["mail"])
    assert "\n" in replies["mail"] and "ORD-12345" in replies["mail"]
    assert "\n" not in replies["chat"] and "ORD-12345" in replies["chat"]
    assert len({replies["chat"], replies["voice"], replies["mail"]}) == 3


def test_channel_defaults_to_api_and_is_recorded(shared):
    message_id = shared.decide("Where is my order ORD-777?")["message_id"]
    assert shared.rows("SELECT channel FROM message WHERE json_extract(answer, '$.message_id') = ?", message_id) == [
        ("api",)]


@pytest.mark.parametrize("text", [
    SAFETY,
    "Somebody used my credit card without my permission, this is fraud.",
    "Your driver threatened me and followed me home.",
    "My lawyer will sue you for breaking consumer law.",
    "The toaster caught fire and burned my hand.",
    "Delete all the personal data that you store about me under the GDPR.",
])
def test_safety_always_requires_review(shared, text):
    decision = shared.decide(text)
    assert decision["category"] == "safety_compliance", decision
    assert decision["next_step"]["requires_human_review"] is True
    assert decision["compliance"]["status"] == "pending_review"
    reviews = shared.get("/api/v1/reviews?category=safety_compliance&limit=200").json["reviews"]
    assert decision["message_id"] in [review["message_id"] for review in reviews]


def test_request_id_of_the_client_is_echoed(shared):
    answer = shared.classify(INFORMATION, {"X-Request-ID": "web-42:a.b_C"})
    assert answer.header("X-Request-ID") == "web-42:a.b_C" == answer.json["request_id"]


@pytest.mark.parametrize("sent", [None, "has space", "a" * 65, "jane@example.com", "4111111111111111", "x\"y"])
def test_request_id_is_made_when_there_is_no_sane_one(shared, sent):
    answer = shared.classify(INFORMATION, {"X-Request-ID": sent} if sent else {})
    made = answer.header("X-Request-ID")
    assert made == answer.json["request_id"] != sent
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", made)
    assert made != shared.classify(INFORMATION).header("X-Request-ID")


def test_headers_of_every_answer(shared):
    for answer in (shared.classify(INFORMATION), shared.get("/api/v1/health"), shared.get("/nowhere")):
        assert float(answer.header("X-Process-Time-Ms")) >= 0
        assert answer.header("Server-Timing").startswith("total;dur=")
        assert TRACE.fullmatch(answer.header("traceparent"))
        assert int(answer.header("Content-Length")) == len(answer.body)
        assert answer.header("Date") and answer.header("Content-Type")


def test_trace_of_the_client_goes_on(shared):
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    got = shared.classify(INFORMATION, {"traceparent": sent}).header("traceparent")
    assert got[:36] == sent[:36] and got[36:52] != sent[36:52] and got.endswith("-01")
    made = shared.classify(INFORMATION, {"traceparent": "00-nonsense"}).header("traceparent")
    assert TRACE.fullmatch(made) and "nonsense" not in made


def test_rate_headers_tell_what_is_left(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 60}}).start()
    left = []
    for _ in range(3):
        answer = server.classify(INFORMATION)
        assert answer.header("RateLimit-Policy") == '"default";q=60;w=60'
        fields = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.header("RateLimit"))
        assert fields, answer.header("RateLimit")
        assert answer.header("X-RateLimit-Limit") == "60"
        assert answer.header("X-RateLimit-Remaining") == fields[1]
        assert int(fields[1]) <= 60
        left.append(int(fields[1]))
    assert left[0] > left[1] > left[2]
    assert server.get("/api/v1/health").header("RateLimit") is None


def test_timestamp_is_the_time_of_receipt(shared):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    stamp = shared.decide(INFORMATION)["timestamp"]
    after = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    assert before <= datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) <= after


def test_openapi_document_names_every_route(shared):
    document = shared.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path in ("/api/v1/classify", "/api/v1/health", "/api/v1/ready", "/metrics", "/openapi.json",
                 "/api/v1/messages/{message_id}", "/api/v1/reviews"):
        assert path in document["paths"], path


def test_health_and_ready_name_their_parts(shared):
    assert shared.get("/api/v1/health").json["status"] == "ok"
    ready = shared.get("/api/v1/ready").json
    assert ready["status"] == "ready"
    assert {"store", "model", "policy", "llm"} <= set(ready["checks"])
