# SPDX-License-Identifier: Apache-2.0
"""`triaged classify --jsonl`: many records, a verdict a line; `--explain`: one verdict and its reasons."""
import json
import os
import select
import subprocess

import pytest

from server import BINARY, SLOW, Server

TEXTS = ["What is your refund policy?", "Please cancel my order ORD-12345.", "I have chest pain.", "Where is my order ORD-1?"]


@pytest.fixture
def alone(tmp_path):
    return Server(tmp_path / "alone")


def classify(server, records, *args):
    done = server.cli("classify", "--jsonl", *args, stdin="".join(json.dumps(record) + "\n" for record in records))
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_record_is_decided_as_the_server_decides_it(alone, shared):
    done, verdicts = classify(alone, [{"id": i, "text": text} for i, text in enumerate(TEXTS)])
    assert done.returncode == 0 and not done.stderr, done
    for i, (text, verdict) in enumerate(zip(TEXTS, verdicts, strict=True)):
        served = shared.decide(text)
        assert list(verdict) == ["id", "category", "intent", "confidence", "probabilities", "source"]
        assert verdict["id"] == i
        for member in ("category", "intent", "confidence"):
            assert verdict[member] == served[member], member
        assert verdict["source"] == served["classifier"]["source"]


def test_probabilities_agree_with_the_verdict(alone):
    _, verdicts = classify(alone, [{"text": text} for text in TEXTS])
    assert [verdict["source"] for verdict in verdicts] == ["local", "local", "safety_net", "local"]
    for verdict in verdicts:
        probabilities = verdict["probabilities"]
        assert set(probabilities) == {"informational", "service_action", "safety_compliance"}
        assert probabilities[verdict["category"]] == verdict["confidence"]
        assert sum(probabilities.values()) <= 1.0002


@pytest.mark.parametrize("jobs", [1, 7])
def test_many_threads_keep_the_order(alone, jobs):
    records = [{"id": f"ä{i}", "text": TEXTS[i % 4] + " please" * (i % 50)} for i in range(30000)]
    done, verdicts = classify(alone, records, "--jobs", str(jobs))
    assert done.returncode == 0, done.stderr
    assert [verdict["id"] for verdict in verdicts] == [record["id"] for record in records]
    assert all(verdict["category"] == "safety_compliance" for verdict in verdicts[2::4])


def test_a_bad_line_is_named_and_keeps_its_place(alone):
    good = '{"id":"a","text":"Where is my order?"}'
    lines = [good, "nonsense", '{"id":2}', '{"id":[],"text":"x"}', "", '{"id":3,"text":" "}', "[]",
             '{"id":4,"text":"a\\u0000b"}', json.dumps({"id": 5, "text": "ä" * 5001}),
             json.dumps({"text": "x" * (300 << 10)}), json.dumps({"text": "x" * (3 << 20)}), good]
    done = alone.cli("classify", "--jsonl", stdin="\n".join(lines))
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and len(out) == len(lines), done.stderr
    assert out[0] == out[-1] and out[0]["category"] == "service_action"
    assert all("error" in line for line in out[1:-1])
    assert [line["id"] for line in out[1:-1]] == [None, 2, None, None, 3, None, 4, 5, None, None]
    complaints = done.stderr.splitlines()
    assert [int(line.split("line ")[1].split(":")[0]) for line in complaints] == list(range(2, 12))
    assert "`text` must be a string" in complaints[1] and "262144" in complaints[9]


def test_each_line_is_answered_while_the_stream_is_open(alone):
    with subprocess.Popen([BINARY, "classify", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          cwd=alone.directory, env=alone.environment()) as process:
        for i in range(3):
            process.stdin.write(b'{"id":%d,"text":"Where is my order?"}\n' % i)
            process.stdin.flush()
            assert select.select([process.stdout], [], [], 20 * SLOW)[0], "an answer before the end of the input"
            assert json.loads(process.stdout.readline())["id"] == i
        process.stdin.close()
        assert process.wait(20 * SLOW) == 0


def test_wrong_usage_is_refused(alone):
    for args in (["--jobs", "0"], ["--jobs", "many"], ["a text"]):
        done = alone.cli("classify", "--jsonl", *args, stdin="")
        assert done.returncode == 2 and done.stderr and not done.stdout, done


def test_input_that_cannot_be_read_is_a_failure(alone):
    directory = os.open("/", os.O_RDONLY)
    done = subprocess.run([BINARY, "classify", "--jsonl"], stdin=directory, capture_output=True, text=True,
                          cwd=alone.directory, env=alone.environment())
    os.close(directory)
    assert done.returncode == 1 and "standard input" in done.stderr, done


# ---- --explain ----

def test_explain_names_rule_words_and_n_grams(alone):
    done = alone.cli("classify", "--explain", "Refund me, mail to jane@example.com")
    assert done.returncode == 0 and not done.stderr, done
    assert done.stdout.startswith("verdict     service_action, intent refund, confidence 0.")
    assert "no rule hits" in done.stdout and "jane" not in done.stdout
    word, = [line.split() for line in done.stdout.splitlines() if line.startswith("  refund ")]
    informational, service_action, safety, out_of_scope = map(float, word[1:])
    assert service_action > 0 and service_action > max(informational, safety, out_of_scope)
    assert any(line.split()[:4] == ["1", "x", "word", "refund"] for line in done.stdout.splitlines())
    done = alone.cli("classify", "--explain", "I have chest pain.")
    assert "decided by safety_net" in done.stdout and "rule heart_and_stroke: severity urgent" in done.stdout, done
    assert "a language that nothing here knows" in alone.cli("classify", "--explain", "vorrei annullare tutto e riavere i soldi").stdout
    assert any("a person looks at it" in alone.cli("classify", "--explain", text).stdout
               for text in ("asdf qwer zxcv", "hmm", "lorem ipsum dolor", "set a reminder for two"))


def test_explain_needs_a_message(alone):
    assert alone.cli("classify", "--explain").returncode == 2
    assert alone.cli("classify", "--explain", "--jsonl", "text").returncode == 2
    for text in (" ", "x" * 5001):
        done = alone.cli("classify", "--explain", text)
        assert done.returncode == 1 and "`text`" in done.stderr and not done.stdout, done
