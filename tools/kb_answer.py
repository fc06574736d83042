#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well the knowledge base finds and answers, and the weights behind its answerability.

    tools/kb_answer.py measure BUILD    prints recall, AUC and calibration error; script/bench --kb calls it
    tools/kb_answer.py fit BUILD        writes src/text/kb_answer.def anew

BUILD is a build directory. The articles are the starter FAQ. Questions: each alias, which its index does not have then,
and test/data/kb_questions.jsonl; each of them once more (of the fit's, weighing half) with its article left out, so that nothing answers it; and lines
that no shop answers: for the fit the out_of_scope lines of data/training, for the measure those of ../shared/data (or
TRIAGED_SHARED_DATA), left out when that is not there. The articles are split in two by a digest of their id: one half's
questions are fitted, the other's measured. Whatever a question asks, all articles are in the index. Beside ours stands
textbook BM25 (k1 1.2, b 0.75, no stemming, title, aliases and body as one text).
"""
import collections
import hashlib
import json
import math
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FAQ = ROOT / "data/faq/starter.jsonl"
DEF = ROOT / "src/text/kb_answer.def"
SHARED = pathlib.Path(os.environ.get("TRIAGED_SHARED_DATA", ROOT.parent / "shared/data")) / "classify/public.jsonl"
RIDGE = 1.0


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def half(text):
    return hashlib.sha256(text.encode()).digest()[0] % 2


def answerable(which):
    """Questions with the article that answers them, of the articles in that half."""
    asked = [{"question": alias, "id": article["id"]} for article in rows_of(FAQ) for alias in article["aliases"]]
    asked += [row for row in rows_of(ROOT / "test/data/kb_questions.jsonl") if row["id"]]
    return [row for row in asked if half(row["id"]) == which]


def titles(which):
    """What a page of frequent questions offers to click at: asked as it stands, too easy to count for recall."""
    return [{"question": article["title"], "id": article["id"]} for article in rows_of(FAQ) if half(article["id"]) == which]


def unanswerable(which):
    asked = [{"question": row["question"], "without": row["id"]} for row in answerable(which)]
    return asked + [row for row in rows_of(ROOT / "test/data/kb_questions.jsonl")
                    if not row["id"] and half(row["question"]) == which]


def own_strangers():
    english = [path for path in sorted((ROOT / "data/training").glob("*.jsonl")) if len(path.stem) > 2]
    return [{"question": row["text"]} for path in english for row in rows_of(path) if row["intent"] == "out_of_scope"]


def public_strangers():
    rows = rows_of(SHARED) if SHARED.exists() else []
    return [{"question": row["text"]} for row in rows if row["category"] == "out_of_scope" and row["quality"] == "clear"]


def ask(build, rows):
    """Each question's hits and signals."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([build / "tools/kb_signals", FAQ], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Bm25:
    """Textbook BM25 over the articles as a question sees them."""

    def __init__(self, row):
        self.texts = {}
        for article in rows_of(FAQ):
            aliases = [alias for alias in article["aliases"] if alias != row["question"]]
            parts = [article["title"], article["body"], *(aliases if row.get("aliases", True) else [])]
            if article["id"] != row.get("without"):
                self.texts[article["id"]] = collections.Counter(self.words(" ".join(parts)))
        self.mean = sum(sum(text.values()) for text in self.texts.values()) / len(self.texts)

    @staticmethod
    def words(text):
        return re.findall(r"[a-z0-9]+", text.lower())

    def idf(self, word):
        holders = sum(word in text for text in self.texts.values())
        return math.log(1 + (len(self.texts) - holders + 0.5) / (holders + 0.5))

    def score(self, text, weights):
        norm = 1.2 * (0.25 + 0.75 * sum(text.values()) / self.mean)
        return sum(idf * text[word] * 2.2 / (text[word] + norm) for word, idf in weights.items() if word in text)

    def hits(self, question):
        weights = {word: self.idf(word) for word in set(self.words(question))}
        scores = {article: self.score(text, weights) for article, text in self.texts.items()}
        best = sorted(scores, key=scores.get, reverse=True)[:3]
        return {"hits": best, "score": scores[best[0]]}


def ask_bm25(rows):
    return [Bm25(row).hits(row["question"]) for row in rows]


def recall(rows, answers, depth):
    return sum(row["id"] in answer["hits"][:depth] for row, answer in zip(rows, answers)) / len(rows)


def auc(positive, negative):
    """The share of pairs in which the positive one scores higher; a tie is half."""
    wins = sum((p["score"] > n["score"]) + (p["score"] == n["score"]) / 2 for p in positive for n in negative)
    return wins / (len(positive) * len(negative))


def is_right(row, answer):
    return bool(row.get("id")) and answer["hits"][:1] == [row["id"]]


def calibration_error(pairs, bins=10):
    """Expected calibration error over bins of equal width."""
    total = 0
    for low in range(bins):
        inside = [(p, right) for p, right in pairs if min(int(p * bins), bins - 1) == low]
        total += abs(sum(p for p, _ in inside) - sum(right for _, right in inside))
    return total / len(pairs)


def print_recall(build, asked):
    for name, rows in (("title and body", [{**row, "aliases": False} for row in asked]), ("with aliases", asked)):
        for who, answers in (("ours", ask(build, rows)), ("BM25", ask_bm25(rows))):
            print(f"kb: {name}, {who}: recall@1 {recall(rows, answers, 1):.3f}, recall@3 {recall(rows, answers, 3):.3f}")


def measure(build):
    asked, vain, foreign = answerable(1), unanswerable(1), public_strangers()
    aliases = sum(len(article["aliases"]) for article in rows_of(FAQ)) / len(rows_of(FAQ))
    print(f"kb: {len(rows_of(FAQ))} articles, {aliases:.1f} aliases each; {len(asked)} questions, {len(vain)} without an answer")
    print_recall(build, asked)
    rows = asked + titles(1) + vain
    for who, (yes, no) in (("ours", (ask(build, asked), ask(build, vain))), ("BM25", (ask_bm25(asked), ask_bm25(vain)))):
        print(f"kb: answerable or not, {who}: AUC {auc(yes, no):.3f}")
    answers = ask(build, rows)
    pairs = [(answer["score"], is_right(row, answer)) for row, answer in zip(rows, answers)]
    given = [right for score, right in pairs if score >= 0.5]
    print(f"kb: calibration error {calibration_error(pairs):.3f}; from 0.5 on {len(given)} answers, "
          f"{sum(given) / max(len(given), 1):.3f} right")
    if foreign:
        yes, no = ask(build, asked), ask(build, foreign)
        print(f"kb: against {len(foreign)} messages that are no business of a shop: AUC {auc(yes, no):.3f}, "
              f"{sum(n['score'] >= 0.5 for n in no)} answered")
        print(f"kb: the same, BM25: AUC {auc(ask_bm25(asked), ask_bm25(foreign[::8])):.3f} (each eighth)")


def regression(samples, size, rounds=4000):
    """Newton's steps would need linear algebra; these few rows are as well served by plain descent."""
    weights, speed = [0.0] * size, 4.0 / size
    total = sum(share for _, _, share in samples)
    for _ in range(rounds):
        slope = [RIDGE * w / total if i else 0.0 for i, w in enumerate(weights)]
        for values, right, share in samples:
            p = 1 / (1 + math.exp(-sum(w * v for w, v in zip(weights, values))))
            for i, v in enumerate(values):
                slope[i] += share / total * (p - right) * v
        weights = [w - speed * s for w, s in zip(weights, slope)]
    return weights


def fit(build):
    names = re.findall(r"^KB_SIGNAL\((\w+),", DEF.read_text(), re.M)
    near, vain, far = answerable(0) + titles(0), unanswerable(0), own_strangers()
    # The strangers together weigh a quarter of the questions: they are many, and easy.
    far_share = len(near) / 4 / len(far)
    samples = [([answer[name] for name in names], is_right(row, answer), share)
               for rows, share in ((near, 1.0), (vain, 0.5), (far, far_share)) for row, answer in zip(rows, ask(build, rows))]
    head = DEF.read_text().split("KB_SIGNAL(always")[0]
    weights = regression(samples, len(names))
    DEF.write_text(head + "".join(f"KB_SIGNAL({name}, {w:.4f})\n" for name, w in zip(names, weights)))


if len(sys.argv) != 3 or sys.argv[1] not in ("measure", "fit"):
    sys.exit(__doc__)
{"measure": measure, "fit": fit}[sys.argv[1]](pathlib.Path(sys.argv[2]).resolve())
