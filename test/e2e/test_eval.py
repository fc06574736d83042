# SPDX-License-Identifier: Apache-2.0
"""`triaged eval`: figures by hand, figures worked out again from `classify --jsonl`, reports, LLMs."""
import csv
import html.parser
import json
import os
import pathlib
import re
import xml.etree.ElementTree

import pytest

import fake_llm
from server import ROOT, Server

CATEGORIES = ["informational", "service_action", "safety_compliance"]
SHARED = pathlib.Path(os.environ.get("TRIAGED_SHARED_DATA", ROOT.parent / "shared" / "data"))
FAQ, CANCEL, PAIN, TRACK = ("What is your refund policy?", "Please cancel my order ORD-12345.", "I have chest pain.",
                            "Where is my order ORD-1?")
# text, category, intent, source: six decisions are right, one service row counts as informational, one safety row is
# missed, and one alarm is false.
ROWS = [
    (FAQ, "informational", "faq", "a"),
    (FAQ + " ", "service_action", "refund", "a"),
    (CANCEL, "service_action", "cancellation", "a"),
    (TRACK, "service_action", "billing", "b"),
    (PAIN, "safety_compliance", "product_safety", "b"),
    (PAIN + " Help", "informational", None, "b"),
    (TRACK + " ", "safety_compliance", "fraud", "b"),
    ("I smell gas in the kitchen", "safety_compliance", None, "b"),
]


@pytest.fixture
def alone(tmp_path):
    return Server(tmp_path / "alone")


def write_rows(path, rows):
    members = ("text", "category", "intent", "source", "quality")
    with open(path, "w", newline="", encoding="utf-8") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file)
            writer.writerow(members[:len(rows[0])])
            writer.writerows([["" if value is None else value for value in row] for row in rows])
        else:
            for row in rows:
                file.write(json.dumps(dict(zip(members, row))) + "\n")
    return path


def measure(server, *args, code=0, **options):
    done = server.cli("eval", "--json", "-", *args, **options)
    assert done.returncode == code, done
    return json.loads(done.stdout)


# ---- figures ----

@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_figures_are_those_of_a_pencil(alone, tmp_path, suffix):
    report = measure(alone, write_rows(tmp_path / f"rows.{suffix}", ROWS))
    assert report["rows"] == report["in_scope"] == 8
    assert report["accuracy"] == 5 / 8
    assert {name: row["rows"] for name, row in report["categories"].items()} == dict(zip(CATEGORIES, (2, 3, 3)))
    f1 = [2 * 1 / (2 + 2), 2 * 2 / (3 + 3), 2 * 2 / (3 + 3)]
    assert [row["f1"] for row in report["categories"].values()] == pytest.approx(f1, abs=1e-6)
    assert report["macro_f1"] == pytest.approx(sum(f1) / 3, abs=1e-6)
    assert report["safety_recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert report["false_alarms"] == pytest.approx(1 / 5, abs=1e-6)
    assert report["safety"]["net"] == {"recall": pytest.approx(2 / 3, abs=1e-6), "precision": pytest.approx(2 / 3, abs=1e-6),
                                       "false_alarms": 0.2}
    assert report["intent_accuracy"] == pytest.approx(3 / 6, abs=1e-6)
    assert report["intents"]["product_safety"] == {"rows": 1, "recall": 1, "accuracy": 1}
    assert report["intents"]["billing"] == {"rows": 1, "recall": 1, "accuracy": 0}
    assert report["sources"]["a"]["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert report["sources"]["b"]["rows"] == 5 and report["sources"]["a"]["safety_recall"] is None
    assert [mistake["line"] for mistake in sorted(report["mistakes"], key=lambda one: one["line"])] == (
        [2, 6, 7] if suffix == "jsonl" else [3, 7, 8])


def test_rows_out_of_scope_are_right_when_they_are_held(alone, tmp_path):
    noise = ["asdf qwer zxcv", "blue or green, who knows", "set a reminder for two", "hmm", "lorem ipsum dolor"]
    rows = [*((text, "out_of_scope", "oos") for text in [*noise, CANCEL, PAIN]), (FAQ, "informational", "faq")]
    _, verdicts = classified(alone, rows)
    held = [verdict["category"] != "safety_compliance" and verdict["confidence"] < 0.5 for verdict in verdicts]
    assert any(held[:5]) and held[5:] == [False, False, False]
    alarms = sum(verdict["category"] == "safety_compliance" for verdict in verdicts)
    report = measure(alone, write_rows(tmp_path / "rows.jsonl", rows))
    assert (report["rows"], report["in_scope"], report["accuracy"]) == (8, 1, 1)
    assert report["out_of_scope_held"] == pytest.approx(sum(held) / 7, abs=1e-6)
    assert report["confusion"]["out_of_scope"]["held"] == sum(held)
    assert report["false_alarms"] == pytest.approx(alarms / 8, abs=1e-6) and alarms > 0
    assert {mistake["line"] for mistake in report["mistakes"]} == {i for i in range(1, 8) if not held[i - 1]}


def classified(server, rows):
    stdin = "".join(json.dumps({"text": row[0]}) + "\n" for row in rows)
    done = server.cli("classify", "--jsonl", stdin=stdin, timeout_s=120)
    assert done.returncode == 0, done
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def check_against_verdicts(report, rows, verdicts):
    """The figures once more, in another language, from what `classify` says."""
    seen = [(row[1], verdict["category"], verdict["confidence"]) for row, verdict in zip(rows, verdicts, strict=True)]
    inside = [one for one in seen if one[0] != "out_of_scope"]
    assert (report["rows"], report["in_scope"]) == (len(seen), len(inside))
    assert report["accuracy"] == pytest.approx(sum(a == b for a, b, _ in inside) / len(inside), abs=1e-6)
    f1 = [2 * sum(a == b == c for a, b, _ in inside) / (sum(a == c for a, _, _ in inside) + sum(b == c for _, b, _ in inside))
          for c in CATEGORIES]
    assert report["macro_f1"] == pytest.approx(sum(f1) / 3, abs=1e-6)
    for truth, row in report["confusion"].items():
        assert [row[c] for c in CATEGORIES] == [sum((a, b) == (truth, c) for a, b, _ in seen) for c in CATEGORIES]
    others = [one for one in seen if one[0] != "safety_compliance"]
    assert report["false_alarms"] == pytest.approx(sum(b == "safety_compliance" for _, b, _ in others) / len(others), abs=1e-6)
    for name, part in (("calibration_error", seen), ("calibration_error_in_scope", inside)):
        bins = [[(a == b, p) for a, b, p in part if min(int(p * 10), 9) == i] for i in range(10)]
        error = sum(abs(sum(hit - p for hit, p in one)) for one in bins) / len(part)
        assert report[name] == pytest.approx(error, abs=0.002), "verdicts have four digits"
    for cover in report["coverage"]:
        # Verdicts have four digits: how rows at the threshold itself fall cannot be told from them.
        surely = [a == b for a, b, p in seen if p > cover["threshold"] + 1e-4]
        perhaps = [a == b for a, b, p in seen if p >= cover["threshold"] - 1e-4]
        assert len(surely) <= round(cover["share"] * len(seen)) <= len(perhaps)
        assert sum(perhaps) >= cover["accuracy"] * len(surely)


def training_rows(count):
    """Lines of ours from every industry; what the model thinks of them does not matter here."""
    categories = {}
    for line in (ROOT / "src/core/intent.def").read_text().splitlines():
        if found := re.match(r'INTENT\(\w+, "(\w+)", (\w+)\)', line):
            categories[found[1]] = found[2].lower()
    rows = []
    for file in sorted((ROOT / "data/training").glob("*.jsonl")):
        for line in file.read_text().splitlines()[:count]:
            one = json.loads(line)
            category = "out_of_scope" if one["intent"] == "out_of_scope" else categories[one["intent"]]
            rows.append((one["text"], category, None, one["industry"]))
    # Our own lines are known by heart: some wrong labels make every cell of the confusion count.
    return [(text, CATEGORIES[i % 3] if i % 7 == 0 else category, None, source)
            for i, (text, category, _, source) in enumerate(rows)]


def test_figures_are_those_of_the_verdicts(alone, tmp_path):
    rows = training_rows(60)
    assert len({row[3] for row in rows}) > 5 and any(row[1] == "out_of_scope" for row in rows)
    report = measure(alone, write_rows(tmp_path / "rows.jsonl", rows))
    _, verdicts = classified(alone, rows)
    check_against_verdicts(report, rows, verdicts)
    for source, part in report["sources"].items():
        pairs = [(row[1], verdict["category"]) for row, verdict in zip(rows, verdicts)
                 if row[3] == source and row[1] != "out_of_scope"]
        assert part["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs), abs=1e-6)
    check_curve(report)


def check_curve(report):
    curve = report["safety"]["curve"]
    for before, after in zip(curve, curve[1:]):
        assert after["threshold"] <= before["threshold"]
        assert after["recall"] >= before["recall"] and after["false_alarms"] >= before["false_alarms"]
    assert (curve[-1]["recall"], curve[-1]["false_alarms"]) == (1, 1)
    for budget in report["safety"]["budgets"]:
        assert budget["false_alarms"] <= budget["budget"]


def test_public_messages_are_measured_whole(alone):
    """Other companies' messages, where they lie beside the project. The floor only says that nothing is broken."""
    path = SHARED / "classify" / "public.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    clear = [(one["text"], one["category"], None, one["source"]) for one in lines if one["quality"] == "clear"]
    report = measure(alone, "--quality", "clear", "--mistakes", "0", path, timeout_s=300)
    assert {name: part["rows"] for name, part in report["sources"].items()} == {
        source: sum(row[3] == source for row in clear) for source in {row[3] for row in clear}}
    check_against_verdicts(report, clear, classified(alone, clear)[1])
    check_curve(report)
    assert report["accuracy"] > 0.6 and report["safety_recall"] > 0.6


# ---- input ----

def test_bad_rows_are_named_and_nothing_is_measured(alone, tmp_path):
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"text": FAQ, "category": "informational"})
    path.write_text("\n".join([good, "nonsense", '{"category":"informational"}', '{"text":"x","category":"spam"}',
                               '{"text":"x","category":"informational","intent":"refund"}', '{"text":"x"}',
                               '{"text":"x","intent":"nothing"}', '{"text":"x","category":1}', "", "[]", good,
                               '{"text":"' + "x" * 6000 + '","intent":"faq"}']))
    done = alone.cli("eval", path)
    assert done.returncode == 1 and done.stdout == "", done
    named = [int(found) for found in re.findall(r"rows\.jsonl:(\d+): ", done.stderr)]
    assert named == [2, 3, 4, 5, 6, 7, 8, 10, 12], done.stderr


def test_bad_csv_is_named(alone, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('text,intent\n"over\ntwo lines",faq\n"open\n')
    done = alone.cli("eval", path)
    assert done.returncode == 1 and "rows.csv:4: a quoted cell" in done.stderr, done
    path.write_text("message,intent\nx,faq\n")
    done = alone.cli("eval", path)
    assert done.returncode == 1 and "rows.csv:1: " in done.stderr and "`text`" in done.stderr, done
    path.write_text('\ufeffnote,intent,text\n,faq,"What is, in short, your ""refund"" policy?"\n\n')
    assert measure(alone, path)["rows"] == 1


def test_a_flood_of_bad_rows_is_cut_short(alone, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("nonsense\n" * 1000)
    done = alone.cli("eval", path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 17, done


def test_missing_and_empty_files_are_failures(alone, tmp_path):
    assert alone.cli("eval").returncode == 2
    (tmp_path / "empty.jsonl").write_text("\n")
    for name in ("missing.jsonl", "empty.jsonl"):
        done = alone.cli("eval", tmp_path / name)
        assert done.returncode == 1 and done.stdout == "" and done.stderr, done
    done = alone.cli("eval", "--model", tmp_path / "empty.jsonl", tmp_path / "empty.jsonl")
    assert done.returncode == 1 and "model" in done.stderr, done


def test_stdin_and_quality(alone):
    rows = [{"text": FAQ, "intent": "faq", "quality": "clear"}, {"text": CANCEL, "intent": "faq", "quality": "shaky"},
            {"text": TRACK, "intent": "order_tracking"}]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    assert measure(alone, "-", stdin=stdin)["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    report = measure(alone, "--quality", "clear", "-", stdin=stdin)
    assert (report["rows"], report["accuracy"], set(report["qualities"])) == (2, 1, {"clear", ""})


# ---- reports ----

def test_text_report_has_the_figures_and_redacted_mistakes(alone, tmp_path):
    rows = [*ROWS, ("\x1b[31mWrite to jane@example.com \x9b about my refund", "informational", "faq", "a")]
    done = alone.cli("eval", write_rows(tmp_path / "rows.jsonl", rows))
    assert done.returncode == 0 and not done.stderr, done
    assert re.search(r"(?m)^accuracy +0\.5556 ", done.stdout), done.stdout
    assert re.search(r"(?m)^safety_compliance +3 +0\.6667", done.stdout)
    assert "[EMAIL_REDACTED]" in done.stdout and "jane@example.com" not in done.stdout
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def test_page_needs_nothing_else_and_runs_nothing(alone, tmp_path):
    evil = "<script>alert('x')</script>&\"<img src=http://example.org/>"
    rows = [*ROWS, (f"{evil} cancel my order", "informational", "faq", f"<b>{evil[:40]}")]
    path = tmp_path / "report.html"
    done = alone.cli("eval", "--html", path, write_rows(tmp_path / "<i>&rows.jsonl", rows))
    assert done.returncode == 0 and "accuracy" in done.stdout, done
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "img", "link", "b", "i", "iframe"} & set(page.tags)
    assert not {"src", "href", "onload"} & {name for name, _ in page.attributes}
    assert "default-src 'none'" in text and "prefers-color-scheme" in text and "url(" not in text
    assert any(evil in words for words in page.words) and any("<i>&rows.jsonl" in words for words in page.words)
    charts = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(charts) == 3
    for chart in charts:
        root = xml.etree.ElementTree.fromstring(chart)
        assert root.get("role") == "img" and root.find("title").text and root.find("desc").text
        assert {root.find("title").get("id"), root.find("desc").get("id")} == set(root.get("aria-labelledby").split())
        assert "nan" not in chart


def test_a_report_that_cannot_be_written_is_a_failure(alone, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", ROWS)
    for flag in ("--json", "--html", "--fit"):
        done = alone.cli("eval", flag, "/dev/full", rows)
        assert done.returncode == 1 and "/dev/full" in done.stderr, done


# ---- LLMs ----

def llm_flags(fake, mode):
    return ["--mode", mode, "--llm-base-url", fake.url, "--llm-model", "asked-model", "--llm-retries", "0"]


def test_llm_decides_and_its_stated_confidence_is_fitted(alone, tmp_path, fake, policy):
    """Of what the LLM is 95 % sure of, 70 % is right, of 60 % half: the fit takes that back."""
    rows = [(f"please look at case number {i}", "informational" if i % 10 < (7 if i % 2 else 5) else "service_action", None)
            for i in range(200)]

    def stated(exchange):
        number = int(re.search(r"number (\d+)", exchange.request.user)[1])
        fake_llm.answer("informational", "faq", 0.95 if number % 2 else 0.6)(exchange)

    fake.default = stated
    path, fit = write_rows(tmp_path / "rows.jsonl", rows), tmp_path / "fit.yaml"
    report = measure(alone, *llm_flags(fake, "llm"), "--fit", fit, path)
    assert fake.calls == 200 and report["decided_by"] == {"llm": 200, "local": 0, "safety_net": 0}
    right = sum(row[1] == "informational" for row in rows)
    assert report["mode"] == "llm" and report["accuracy"] == pytest.approx(right / 200, abs=1e-6)
    text = fit.read_text()
    before, after = map(float, re.search(r"error ([\d.]+) before, ([\d.]+) after", text).groups())
    assert before == pytest.approx(report["calibration_error"], abs=0.001) and after < 0.03 < before
    calibrated = re.sub(r"(?ms)^calibration:.*?(?=^\S)", "", (policy / "llm.yaml").read_text()) + "\n" + text
    (policy / "llm.yaml").write_text(calibrated)
    again = measure(alone, *llm_flags(fake, "llm"), "--policy-dir", policy, path)
    assert again["calibration_error"] == pytest.approx(after, abs=0.001)


def test_a_row_in_an_unknown_language_is_held_however_sure_the_llm_is(alone, tmp_path, fake):
    fake.default = fake_llm.answer("service_action", "refund", 0.99)
    rows = [("vorrei annullare l'ordine e riavere i soldi", "out_of_scope", None), (CANCEL, "service_action", None)]
    report = measure(alone, *llm_flags(fake, "llm"), write_rows(tmp_path / "rows.jsonl", rows))
    assert report["decided_by"]["llm"] == 2
    assert report["confusion"]["out_of_scope"]["held"] == 1 and report["confusion"]["service_action"]["held"] == 0


def test_cascade_asks_about_what_the_model_is_unsure_of(alone, tmp_path, fake, policy):
    llm = policy / "llm.yaml"
    llm.write_text(llm.read_text().replace("trusts_unmeasured: false", "trusts_unmeasured: true"))
    fake.default = fake_llm.answer("service_action", "refund", 0.9)
    rows = [(CANCEL, "service_action", None), ("hm well whatever then", "service_action", None), (PAIN, "safety_compliance", None)]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    report = measure(alone, *llm_flags(fake, "cascade"), "--policy-dir", policy, path)
    assert report["decided_by"] == {"llm": 1, "local": 1, "safety_net": 1} and fake.calls == 1
    assert "whatever" in fake.requests[0].user and report["accuracy"] == 1


def test_llm_that_does_not_answer_is_told(alone, tmp_path, fake):
    fake.default = fake_llm.status(400)
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    report = measure(alone, *llm_flags(fake, "llm"), path, code=1)
    assert report["decided_by"]["llm"] == 0 and sum(report["fallbacks"].values()) == report["decided_by"]["local"]
    done = alone.cli("eval", "--mode", "llm", path)
    assert done.returncode == 1 and "llm" in done.stderr and done.stdout == "", done
    fake.default = fake_llm.answer()
    fake.play(fake_llm.status(400))
    assert measure(alone, *llm_flags(fake, "llm"), "--jobs", "1", path)["fallbacks"] == {"rejected": 1}
