# SPDX-License-Identifier: Apache-2.0
"""The command line: beside a running server (through its control socket) and alone."""
import csv
import json
import os
import re
import subprocess

import pytest

from server import BINARY, ROOT, Server

COMMANDS = ["serve", "classify", "train", "model", "config", "version", "key", "kb", "redact", "ticket", "review",
            "compliance"]
MESSAGES = ["What is your refund policy?", "Please cancel my order ORD-12345.", "I have chest pain.",
            "Where is my order ORD-1?", "I want a refund for order ORD-2."] * 5


@pytest.fixture
def alone(tmp_path):
    """A Server that is never started: only its command line."""
    return Server(tmp_path / "alone")


# ---- help, usage ----

def test_help_names_every_command(alone):
    for flag in ("--help", "-h", "help"):
        done = alone.cli(flag)
        assert done.returncode == 0 and done.stderr == "", done
        for command in COMMANDS:
            assert re.search(rf"(?m)^\s*{command}\b", done.stdout), (command, done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(alone, command):
    done = alone.cli(command, "--help")
    assert done.returncode == 0 and f"triaged {command}" in done.stdout, done


@pytest.mark.parametrize("args", [[], ["nonsense"], ["--nonsense"], ["serve", "operand"], ["serve", "--nonsense"],
                                  ["key"], ["key", "nonsense"], ["key", "add"], ["key", "add", "--name", "x"],
                                  ["key", "revoke"], ["kb"], ["kb", "nonsense"], ["kb", "import"], ["kb", "search"],
                                  ["version", "operand"], ["config", "--nonsense"], ["serve", "--workers"]])
def test_wrong_usage_exits_with_2_and_says_why(alone, args):
    done = alone.cli(*args)
    assert done.returncode == 2, done
    assert done.stderr.strip() and done.stdout == "", done


def test_version(alone):
    for args in (["version"], ["--version"]):
        done = alone.cli(*args)
        assert done.returncode == 0 and re.search(r"\b\d+\.\d+\.\d+\b", done.stdout), done


# ---- output that cannot be written ----

def cli_into_full_disk(server, *args):
    with open("/dev/full", "w") as full:
        return subprocess.run([BINARY, *map(str, args)], stdout=full, stderr=subprocess.PIPE, text=True,
                              cwd=server.directory, env=server.environment())


@pytest.mark.parametrize("args", [["--help"], ["version"], ["config"], ["classify", "--help"],
                                  ["classify", "Where is my order?"]])
def test_output_that_cannot_be_written_is_a_failure(alone, args):
    done = cli_into_full_disk(alone, *args)
    assert done.returncode == 1 and "standard output" in done.stderr, done


def test_key_that_cannot_be_shown_is_to_be_revoked(alone):
    done = cli_into_full_disk(alone, "key", "add", "--name", "shop", "--scope", "classify", "--data-dir", alone.data_dir)
    assert done.returncode == 1 and "triaged key revoke shop" in done.stderr, done
    assert alone.cli("key", "revoke", "shop", "--data-dir", alone.data_dir).returncode == 0


def test_key_that_nobody_reads_is_to_be_revoked(alone):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([BINARY, "key", "add", "--name", "shop", "--scope", "classify", "--data-dir", alone.data_dir],
                          stdout=writer, stderr=subprocess.PIPE, text=True, cwd=alone.directory, env=alone.environment())
    os.close(writer)
    assert done.returncode == 1 and "triaged key revoke shop" in done.stderr, done


# ---- config ----

def test_config_prints_each_value_with_its_origin(alone):
    alone.config_path.write_text("workers: 3\nrate_limit:\n  burst: 7\n")
    done = alone.cli("config", "--config", "config.yaml", "--mode", "local",
                     env={"TRIAGED_RATE_LIMIT_PER_MINUTE": "11", "TRIAGED_LLM_API_KEY": "sk-canary"})
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()

    def line_of(name):
        line, = [line for line in lines if re.match(rf"\s*{name}:", line)]
        return line

    assert re.search(r"workers: 3\b.*#.*config\.yaml:1", line_of("workers")), done.stdout
    assert re.search(r"burst: 7\b.*#.*config\.yaml:3", line_of("burst"))
    assert re.search(r"per_minute: 11\b.*#.*TRIAGED_RATE_LIMIT_PER_MINUTE", line_of("per_minute"))
    assert re.search(r"#.*default", line_of("deadline_ms"))
    assert re.search(r"#.*--mode", line_of("mode"))
    assert "sk-canary" not in done.stdout + done.stderr


def test_printed_configuration_is_a_configuration(alone):
    first = alone.cli("config", "--workers", "3")
    alone.config_path.write_text(first.stdout)
    second = alone.cli("config", "--config", alone.config_path)
    assert second.returncode == 0, second

    def strip(text):
        return re.sub(r"\s*#.*", "", text).strip()

    assert strip(second.stdout) == strip(first.stdout)


def test_config_check_tells_good_from_bad(alone):
    alone.config_path.write_text("workers: 2\n")
    assert alone.cli("config", "--check", "--config", alone.config_path).returncode == 0
    alone.config_path.write_text("workers: 2\nnonsense: 1\n")
    done = alone.cli("config", "--check", "--config", alone.config_path)
    assert done.returncode > 0 and "config.yaml:2" in done.stderr, done


def test_config_check_reads_the_policy_too(alone, tmp_path):
    (tmp_path / "policy").mkdir()
    done = alone.cli("config", "--check", "--policy-dir", tmp_path / "policy")
    assert done.returncode == 1 and "taxonomy.yaml" in done.stderr, done
    assert alone.cli("config", "--check", "--policy-dir", ROOT / "policy").returncode == 0


# ---- classify ----

def test_classify_decides_like_the_server(alone, shared):
    for text in MESSAGES[:5]:
        done = alone.cli("classify", "--data-dir", alone.data_dir, text)
        assert done.returncode == 0, done
        decision, served = json.loads(done.stdout), shared.decide(text)
        for member in ("category", "intent", "confidence", "decision_path", "reply_locale"):
            assert decision[member] == served[member], member
        assert decision["next_step"]["action"] == served["next_step"]["action"]


def test_classify_reads_jsonl_and_keeps_the_order(alone):
    lines = "".join(json.dumps({"message": text, "channel": "chat"}) + "\n" for text in MESSAGES)
    done = alone.cli("classify", "--data-dir", alone.data_dir, stdin=lines)
    assert done.returncode == 0, done
    decisions = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(decisions) == len(MESSAGES)
    expected = ["faq", "cancellation", None, "order_tracking", "refund"] * 5
    for decision, intent in zip(decisions, expected):
        assert decision["intent"] == intent or (intent is None and decision["category"] == "safety_compliance")


def test_classify_says_which_line_is_bad_and_goes_on(alone):
    lines = '{"message":"Where is my order?"}\n{"message":""}\nnonsense\n{"message":"I have chest pain."}\n'
    done = alone.cli("classify", "--data-dir", alone.data_dir, stdin=lines)
    assert done.returncode == 1, done
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(out) == 4, "one line out for each line in"
    assert out[0]["category"] == "service_action" and out[3]["category"] == "safety_compliance"
    assert "error" in out[1] and "error" in out[2]


def test_classify_gives_a_line_for_each_line(alone):
    message = '{"message":"I have chest pain."}\n'
    long = '{"message":"' + "x" * (1 << 20) + '"}\n'
    done = alone.cli("classify", "--data-dir", alone.data_dir, stdin=f"\n{message}  \n{long}{message}\r\n{message.strip()}")
    assert done.returncode == 1, done
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.get("category", line.get("line")) for line in out] == [
        1, "safety_compliance", 3, 4, "safety_compliance", 6, "safety_compliance"]
    assert "262144" in out[3]["message"], out[3]


def test_classify_complains_about_an_input_that_cannot_be_read(alone):
    directory = os.open("/", os.O_RDONLY)
    done = subprocess.run([BINARY, "classify"], stdin=directory, capture_output=True, text=True, cwd=alone.directory,
                          env=alone.environment())
    os.close(directory)
    assert done.returncode == 1 and "standard input" in done.stderr, done

# ---- redact ----

def test_redact_replaces_what_is_personal_in_a_text(alone):
    done = alone.cli("redact", "Call 415-555-0132 about ORD-12345")
    assert (done.returncode, done.stdout) == (0, "Call [PHONE_REDACTED] about ORD-12345\n")
    done = alone.cli("redact", stdin="one\nwrite to jane@example.com\n")
    assert (done.returncode, done.stdout) == (0, "one\nwrite to [EMAIL_REDACTED]\n")


def test_redact_answers_each_record_and_names_the_bad_ones(alone):
    lines = ('{"id":"ä","text":"é jane@example.com"}\n'
             '{"id":7,"text":"nothing"}\n'
             'nonsense\n'
             '{"id":"b"}\n')
    done = alone.cli("redact", "--jsonl", stdin=lines)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": "ä", "text": "é [EMAIL_REDACTED]"}, {"id": 7, "text": "nothing"}]
    assert done.returncode == 1 and "line 3: " in done.stderr and "line 4: `text` must be a string" in done.stderr
    done = alone.cli("redact", "--jsonl", "--spans", stdin=lines.split("nonsense")[0])
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": "ä", "spans": [{"start": 3, "end": 19, "type": "EMAIL"}]}, {"id": 7, "spans": []}]
    assert done.returncode == 0 and not done.stderr


# ---- keys ----

def manage_keys(server):
    key = server.add_key("shop", "classify")
    again = server.cli("key", "add", "--name", "shop", "--scope", "classify", "--data-dir", server.data_dir)
    assert again.returncode == 1 and "name" in again.stderr and again.stdout == ""
    server.add_key("desk", "review,classify")
    listing = server.cli("key", "list", "--data-dir", server.data_dir)
    assert listing.returncode == 0 and "shop" in listing.stdout and "desk" in listing.stdout and key not in listing.stdout
    bad = server.cli("key", "add", "--name", "x", "--scope", "everything", "--data-dir", server.data_dir)
    assert bad.returncode in (1, 2) and "scope" in bad.stderr
    missing = server.cli("key", "revoke", "nobody", "--data-dir", server.data_dir)
    assert missing.returncode == 1 and "name" in missing.stderr
    assert server.cli("key", "revoke", "shop", "--data-dir", server.data_dir).returncode == 0
    return key


def test_keys_without_a_server(alone):
    key = manage_keys(alone)
    alone.start()
    try:
        assert alone.classify("Where is my order?", {"X-API-Key": key}).status == 401
    finally:
        alone.stop()


def test_keys_beside_a_running_server(make_server):
    server = make_server().start()
    assert server.classify("Where is my order?").status == 200
    manage_keys(server)
    assert server.classify("Where is my order?").status == 401, "a key is configured now"


def test_keys_beside_a_server_whose_directory_has_a_long_path(make_server):
    server = make_server()
    server.data_dir = server.directory / ("data" * 30)
    server.start()
    key = server.add_key("shop", "classify")
    assert server.classify("Where is my order?").status == 401
    assert server.classify("Where is my order?", {"X-API-Key": key}).status == 200


def test_key_may_have_a_rate_of_its_own(make_server):
    server = make_server(config={"rate_limit": {"per_minute": 60, "burst": 60}}).start()
    key = server.add_key("slow", "classify", "--rate-per-minute", "6", "--burst", "2")
    answers = [server.classify("Where is my order?", {"X-API-Key": key}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 8 <= int(answers[2].header("Retry-After")) <= 10, "one each ten seconds"


# ---- knowledge base ----

ARTICLES = [
    {"id": "zeppelin", "title": "What is your zeppelin policy?", "body": "Zeppelins may moor at the northern mast.",
     "url": "https://example.org/zeppelin"},
    {"id": "quokka", "title": "Do you ship quokkas?", "body": "Quokkas travel by boat, never by mail."},
]


def write_articles(path):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(article) + "\n" for article in ARTICLES))
    elif path.suffix == ".csv":
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "title", "body", "url"])
            writer.writeheader()
            writer.writerows(ARTICLES)
    else:
        article = ARTICLES[0]
        path.write_text(f"---\ntitle: {article['title']}\n---\n\n{article['body']}\n")
    return path


def import_and_search(server, path):
    done = server.cli("kb", "import", write_articles(path), "--data-dir", server.data_dir)
    assert done.returncode == 0, done
    found = server.cli("kb", "search", "zeppelin mast", "--data-dir", server.data_dir)
    assert found.returncode == 0, found
    assert "What is your zeppelin policy?" in found.stdout.splitlines()[0] + found.stdout, found
    assert found.stdout.splitlines()[1].strip() == ARTICLES[0]["body"], found


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "md"])
def test_import_without_a_server(alone, tmp_path, suffix):
    import_and_search(alone, tmp_path / f"articles.{suffix}")


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "md"])
def test_import_beside_a_running_server_answers_at_once(make_server, tmp_path, suffix):
    server = make_server().start()
    import_and_search(server, tmp_path / f"articles.{suffix}")
    decision = server.decide("What is your zeppelin policy?")
    assert decision["article"] and decision["article"]["title"] == "What is your zeppelin policy?", decision
    assert "northern mast" in decision["reply"]
    assert decision["article"]["snippet"] == ARTICLES[0]["body"]


def test_import_twice_replaces(alone, tmp_path):
    path = write_articles(tmp_path / "articles.jsonl")
    for _ in range(2):
        assert alone.cli("kb", "import", path, "--data-dir", alone.data_dir).returncode == 0
    assert alone.rows("SELECT count(*) FROM article WHERE id IN ('zeppelin', 'quokka')") == [(2,)]


def test_bad_row_is_named_and_the_others_are_imported(alone, tmp_path):
    path = tmp_path / "articles.jsonl"
    path.write_text('{"id": "x"}\n' + json.dumps(ARTICLES[0]) + "\nnonsense\n")
    done = alone.cli("kb", "import", path, "--data-dir", alone.data_dir)
    assert done.returncode == 1, done
    assert "articles.jsonl:1" in done.stderr and "articles.jsonl:3" in done.stderr
    assert alone.rows("SELECT id FROM article") == [("zeppelin",)]


def test_import_of_what_is_no_knowledge_base_is_refused(alone, tmp_path):
    (tmp_path / "articles.docx").write_text("x")
    for name in ("articles.docx", "missing.jsonl"):
        done = alone.cli("kb", "import", tmp_path / name, "--data-dir", alone.data_dir)
        assert done.returncode in (1, 2) and name in done.stderr, done


def test_deleted_article_is_gone_and_listed_no_more(alone, tmp_path):
    path = write_articles(tmp_path / "articles.jsonl")
    assert alone.cli("kb", "import", path, "--data-dir", alone.data_dir).returncode == 0
    assert "quokka" in alone.cli("kb", "list", "--data-dir", alone.data_dir).stdout
    assert alone.cli("kb", "delete", "quokka", "--data-dir", alone.data_dir).returncode == 0
    listing = alone.cli("kb", "list", "--data-dir", alone.data_dir).stdout
    assert "quokka" not in listing and "zeppelin" in listing


def test_export_imports_as_it_is(alone, make_server, tmp_path):
    odd = {"id": "odd \u00e4", "title": 'A "quoted" title', "body": "two\nlines \\ and \u20ac | pipes, commas", "url": "/x?a=1&b=2",
           "locale": "de-AT", "aliases": ["a | b", "c, d"], "tags": ["x"]}
    many = [{"id": f"n-{i:03}", "title": f"Title {i}", "body": f"Body {i}"} for i in range(250)]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(article) + "\n" for article in [odd, *many]))
    assert alone.cli("kb", "import", path, "--data-dir", alone.data_dir).returncode == 0
    first = alone.cli("kb", "export", "--data-dir", alone.data_dir)
    assert first.returncode == 0, first
    assert odd in [json.loads(line) for line in first.stdout.splitlines()]
    (tmp_path / "out.jsonl").write_text(first.stdout)
    again = alone.cli("kb", "import", tmp_path / "out.jsonl", "--data-dir", alone.data_dir)
    assert ": 0 added, 0 updated, 251 unchanged, 0 refused" in again.stdout, again
    other = make_server(config={"kb": {"seed_starter": False}}).start()
    assert other.cli("kb", "import", tmp_path / "out.jsonl", "--data-dir", other.data_dir).returncode == 0
    assert other.cli("kb", "export", "--data-dir", other.data_dir).stdout == first.stdout


def test_a_folder_is_imported_and_its_bad_files_are_named(alone, tmp_path):
    folder = tmp_path / "articles"
    folder.mkdir()
    write_articles(folder / "zeppelin.md")
    (folder / "quokka.md").write_text("---\ntitle: Quokka\naliases: [wallaby, the happy one]\n---\nIt smiles.\n")
    (folder / "bad.md").write_text("---\ntitle: no end\n")
    (folder / "notes.txt").write_text("not an article")
    done = alone.cli("kb", "import", folder, "--data-dir", alone.data_dir)
    assert done.returncode == 1 and "bad.md:1" in done.stderr and "notes" not in done.stdout + done.stderr, done
    assert alone.rows("SELECT id FROM article ORDER BY id") == [("quokka",), ("zeppelin",)]
    (tmp_path / "empty").mkdir()
    done = alone.cli("kb", "import", tmp_path / "empty", "--data-dir", alone.data_dir)
    assert done.returncode == 1 and "empty" in done.stderr, done


def test_search_that_finds_nothing_says_so(alone):
    done = alone.cli("kb", "search", "xyzzyplugh", "--data-dir", alone.data_dir)
    assert done.returncode in (0, 1) and "zeppelin" not in done.stdout
