# SPDX-License-Identifier: Apache-2.0
"""The embedded model beside Debian's fastText: trained on the same lines, asked the same rows. Started by script/bench.

Rows: each fifth of our own lines, left out of both trainings; and, where ../shared/data lies beside the project, messages
of other companies, with both trained on all of our lines. Accuracy and macro-F1 are over the three categories. Times are CPU
time on one thread, from a line of input to a line of output, without loading: of triaged a whole decision (safety net,
redactor, model; with the built-in model, which has the same size), of fastText a prediction.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

from common import HERE, scratch_directory

ROOT = HERE.parent
CATEGORIES = ("informational", "service_action", "safety_compliance")
OPTIONS = ["-wordNgrams", "2", "-minn", "3", "-maxn", "5", "-epoch", "25", "-lr", "0.5", "-bucket", "65536", "-thread", "1"]
TIMED_ROWS = 20000


def categories_of_intents():
    text = (ROOT / "src/core/intent.def").read_text()
    found = re.findall(r'^INTENT\(\w+, "(\w+)", (\w+)\)', text, re.M)
    return {"out_of_scope": "out_of_scope", **{intent: category.lower() for intent, category in found}}


def own_lines():
    categories = categories_of_intents()
    for path in sorted((ROOT / "data/training").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            yield {**row, "category": categories[row["intent"]]}


def other_lines():
    folder = pathlib.Path(os.environ.get("TRIAGED_SHARED_DATA", ROOT.parent / "shared/data"))
    path = folder / "classify/public.jsonl"
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else []
    return [{"text": row["text"], "category": row["category"]} for row in rows if row["quality"] == "clear"]


def write_json(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def plain(text):
    """What fastText's own documentation does to text: lower case, punctuation apart."""
    return " ".join(re.sub(r"([^\w\s])", r" \1 ", text.lower()).split())


def figures(pairs):
    hits = sum(right == said for right, said in pairs)
    f1 = []
    for category in CATEGORIES:
        both = sum(right == said == category for right, said in pairs)
        whole = sum(right == category for right, _ in pairs) + sum(said == category for _, said in pairs)
        f1.append(2 * both / whole if whole else 0)
    return hits / len(pairs), sum(f1) / len(f1)


def run(command, **options):
    """What it printed, and the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def us_a_line(command, lines):
    many = (lines * (TIMED_ROWS // len(lines) + 1))[:TIMED_ROWS]
    whole_s, loading_s = (min(run(command, input="\n".join(part) + "\n")[1] for _ in range(3)) for part in (many, many[:1]))
    return (whole_s - loading_s) / (TIMED_ROWS - 1) * 1e6


def run_triaged(binary, directory, training, rows):
    model = directory / "model.bin"
    _, training_s = run([binary.parent / "src/text/train_model", model, write_json(directory / "train.jsonl", training)])
    test = write_json(directory / "test.jsonl", [{"text": row["text"], "category": row["category"]} for row in rows])
    report = json.loads(run([binary, "eval", "--model", model, "--json", "-", test])[0])
    us = us_a_line([binary, "classify", "--jsonl", "--jobs", "1"], test.read_text().splitlines())
    return report["accuracy"], report["macro_f1"], us, training_s


def run_fasttext(directory, training, rows):
    lines = "".join(f"__label__{row['category']} {plain(row['text'])}\n" for row in training)
    (directory / "train.txt").write_text(lines)
    _, training_s = run(["fasttext", "supervised", "-input", directory / "train.txt", "-output", directory / "ft", *OPTIONS])
    model, texts = directory / "ft.bin", [plain(row["text"]) for row in rows]
    said, _ = run(["fasttext", "predict", model, "-", "4"], input="\n".join(texts) + "\n")
    best = [next(label for label in re.findall(r"__label__(\w+)", line) if label in CATEGORIES) for line in said.splitlines()]
    accuracy, macro_f1 = figures([(row["category"], label) for row, label in zip(rows, best, strict=True)])
    return accuracy, macro_f1, us_a_line(["fasttext", "predict", model, "-"], texts), training_s


def compare(title, binary, training, rows):
    rows = [row for row in rows if row["category"] in CATEGORIES]
    print(f"\n{title}: {len(training)} lines to learn from, {len(rows)} to decide")
    print(f"{'':22}{'accuracy':>12}{'macro-F1':>12}{'us a line':>12}{'training s':>12}")
    with scratch_directory() as directory:
        results = {"triaged": run_triaged(binary, directory, training, rows)}
        if shutil.which("fasttext"):
            results["fastText"] = run_fasttext(directory, training, rows)
    for name, (accuracy, macro_f1, us, training_s) in results.items():
        print(f"{name:22}{accuracy:>12.4f}{macro_f1:>12.4f}{us:>12.2f}{training_s:>12.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    binary = pathlib.Path(parser.parse_args().binary).resolve()
    if not (binary.parent / "src/text/train_model").exists():
        print(f"\n{binary.parent}/src/text/train_model is not there; without it there is nothing to compare")
        return
    own, others = list(own_lines()), other_lines()
    learnt = [row for i, row in enumerate(own) if i % 5]
    compare("Our own lines, each fifth left out", binary, learnt, own[::5])
    if others:
        compare("Messages of other companies", binary, own, others)
    if not shutil.which("fasttext"):
        print("\nfastText is not installed (apt-get install fasttext), so it is not beside it")


main()
