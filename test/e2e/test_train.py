# SPDX-License-Identifier: Apache-2.0
"""`triaged train`: from labelled lines to a model file."""
import csv
import json
import re

import pytest

from server import ROOT, Server

LINES = [("is the gizmo waterproof", "informational", "faq"), ("what colours does the gizmo come in", "informational", "faq"),
         ("cancel my gizmo order", "service_action", "cancellation"), ("please cancel it, i want no gizmo", "service_action", "cancellation"),
         ("the gizmo burned my hand", "safety_compliance", "product_safety"), ("my gizmo caught fire", "safety_compliance", "product_safety"),
         ("tell me a joke", "out_of_scope", "oos"), ("what is the capital of peru", "out_of_scope", "oos")]


@pytest.fixture
def alone(tmp_path):
    """A Server that is never started: only its command line."""
    return Server(tmp_path / "alone")


def write_lines(path, rows):
    path.write_text("".join(json.dumps(dict(zip(("text", "category", "intent"), row))) + "\n" for row in rows))
    return path


def test_the_same_lines_give_the_same_bytes_and_say_how_good_they_are(alone, tmp_path):
    lines = write_lines(tmp_path / "lines.jsonl", LINES * 3)
    models = [tmp_path / name for name in ("one.bin", "two.bin")]
    for model in models:
        done = alone.cli("train", "--data", lines, "--out", model)
        assert done.returncode == 0 and "measured on 24 lines" in done.stdout and done.stderr == "", done
    assert models[0].read_bytes() == models[1].read_bytes()
    assert models[0].stat().st_size <= 1.6 * 2**20


def test_the_build_trains_as_the_command_does(alone, tmp_path):
    names = re.findall(r"data/training/(\w+\.jsonl)", (ROOT / "src/text/meson.build").read_text())
    files = [ROOT / "data/training" / name for name in names]
    done = alone.cli("train", "--out", tmp_path / "model.bin", "--data", *files)
    assert done.returncode == 0, done
    version = alone.cli("version").stdout.split("model local-")[1].strip()
    assert (tmp_path / "model.bin").read_bytes()[16:22].hex() == version


def test_local_labels_are_learnt_on_top_of_a_model(alone, tmp_path):
    base, both = tmp_path / "base.bin", tmp_path / "both.bin"
    lines = write_lines(tmp_path / "lines.jsonl", LINES * 3)
    assert alone.cli("train", "--data", lines, "--out", base).returncode == 0
    done = alone.cli("train", "--local", lines, "--base", base, "--out", both)
    assert done.returncode == 0 and "24 labels of the company's own" in done.stdout, done
    again = alone.cli("train", "--local", lines, "--base", both, "--out", tmp_path / "no.bin")
    assert again.returncode == 1 and "has learnt from labels already" in again.stderr, again
    assert not (tmp_path / "no.bin").exists()


def test_labels_may_come_as_csv(alone, tmp_path):
    same, table = tmp_path / "json.bin", tmp_path / "csv.bin"
    lines = write_lines(tmp_path / "lines.jsonl", LINES * 3)
    with open(tmp_path / "lines.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Category", "note", "text", "intent"])
        writer.writerows([category, "", text, intent] for text, category, intent in LINES * 3)
    assert alone.cli("train", "--local", lines, "--out", same).returncode == 0
    assert alone.cli("train", "--local", tmp_path / "lines.csv", "--out", table).returncode == 0
    assert same.read_bytes() == table.read_bytes()
    (tmp_path / "bad.csv").write_text('text,intent\nhello,faq\n"open,faq\n')
    done = alone.cli("train", "--local", tmp_path / "bad.csv", "--out", table)
    assert done.returncode == 1 and "bad.csv:3: a quoted cell is not closed" in done.stderr, done
    assert same.read_bytes() == table.read_bytes() and not list(tmp_path.glob("*.new"))


def test_classify_takes_the_model_that_was_trained(alone, tmp_path):
    model = tmp_path / "model.bin"
    lines = write_lines(tmp_path / "lines.jsonl", [(f"wozzle the gizmo {i}", "service_action", "place_order") for i in range(40)])
    assert alone.cli("train", "--local", lines, "--out", model).returncode == 0
    text, record = "wozzle the gizmo again", json.dumps({"id": 1, "text": "wozzle the gizmo again"})
    for args, options in (([text], {}), (["--jsonl"], {"stdin": record}), (["--explain", text], {})):
        done = [alone.cli("classify", *extra, *args, **options) for extra in ([], ["--model", model])]
        assert [one.returncode for one in done] == [0, 0] and ["place_order" in one.stdout for one in done] == [False, True], done
    for content in (b"no model", b""):
        model.write_bytes(content)
        done = alone.cli("classify", "--model", model, text)
        assert done.returncode == 1 and done.stderr.count(str(model)) == 1 and not done.stdout, done
    assert alone.cli("classify", "--model", tmp_path, text).stderr.count(str(tmp_path)) == 1


def test_texts_are_redacted_before_training(alone, tmp_path):
    """Two texts that differ in personal data only are one text to the trainer."""
    models = []
    for address in ("ann@example.com", "bob@example.org"):
        lines = write_lines(tmp_path / "lines.jsonl", LINES + [(f"change my mail to {address}", "service_action", "account_update")])
        models.append(tmp_path / f"{address}.bin")
        assert alone.cli("train", "--data", lines, "--out", models[-1]).returncode == 0
    assert models[0].read_bytes() == models[1].read_bytes()


@pytest.mark.parametrize("row,said", [("{", "lines.jsonl:9: "), ('{"text":"x"}', '"intent" is missing'),
                                      ('{"text":"x","category":"music"}', "music"),
                                      ('{"text":"x","category":"informational","intent":"refund"}', "refund is not of the category")])
def test_a_bad_line_is_named_and_nothing_is_written(alone, tmp_path, row, said):
    lines = write_lines(tmp_path / "lines.jsonl", LINES)
    lines.write_text(lines.read_text() + row + "\n")
    done = alone.cli("train", "--data", lines, "--out", tmp_path / "model.bin")
    assert done.returncode == 1 and "lines.jsonl:9: " in done.stderr and said in done.stderr, done
    assert not (tmp_path / "model.bin").exists()


@pytest.mark.parametrize("flag", ["--data", "--local"])
def test_a_file_without_lines_is_named(alone, tmp_path, flag):
    lines, empty = write_lines(tmp_path / "lines.jsonl", LINES), tmp_path / "empty.jsonl"
    empty.write_text("\n\n")
    done = alone.cli("train", flag, lines, flag, empty, "--out", tmp_path / "model.bin")
    assert done.returncode == 1 and "empty.jsonl: there is no line in it" in done.stderr, done
    assert not (tmp_path / "model.bin").exists()


@pytest.mark.parametrize("args", [["train"], ["train", "--out", "x.bin"], ["train", "--data", "x.jsonl"],
                                  ["train", "--out", "x.bin", "--false-alarms", "2", "--data", "x.jsonl"]])
def test_wrong_usage_exits_with_2(alone, args):
    done = alone.cli(*args)
    assert done.returncode == 2 and done.stderr.strip() and done.stdout == "", done


def test_a_damaged_base_is_refused(alone, tmp_path):
    base = tmp_path / "base.bin"
    lines = write_lines(tmp_path / "lines.jsonl", LINES)
    assert alone.cli("train", "--data", lines, "--out", base).returncode == 0
    damaged = bytearray(base.read_bytes())
    damaged[70000] ^= 1
    base.write_bytes(damaged)
    done = alone.cli("train", "--local", lines, "--base", base, "--out", tmp_path / "model.bin")
    assert done.returncode == 1 and "base.bin" in done.stderr and "damaged" in done.stderr, done
