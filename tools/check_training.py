#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses training lines that would teach nothing or the wrong thing.

usage: check_training.py [--threshold T] FILE.jsonl...

Every line must be valid UTF-8 and an object with exactly "text", "intent" and "industry", the
intent one of ours (src/core/intent.def less `other`, and out_of_scope), the text 1 to 5,000
characters, not said twice and not nearly said twice: two lines whose sets of character 4-grams
have a Jaccard similarity of the threshold or more are printed as a pair, with both labels when
they differ. Of the pairs found, those from 0.6 on were one sentence with a word more or less;
below it, lines begin to share only their frame and ask for different things. Exit status 1 when
anything was found.
"""
import argparse
import collections
import json
import math
import pathlib
import re
import sys

Row = collections.namedtuple("Row", "place text intent")
MEMBERS = {"text", "intent", "industry"}
GRAM = 4


def known_intents():
    table = pathlib.Path(__file__).parent.parent / "src" / "core" / "intent.def"
    names = re.findall(r'^INTENT\(\w+, "(\w+)"', table.read_text(encoding="utf-8"), re.MULTILINE)
    return set(names) - {"other"} | {"out_of_scope"}


def check_row(row, intents):
    """What is wrong with one parsed line, or None."""
    if not isinstance(row, dict) or set(row) != MEMBERS:
        return "not an object of text, intent and industry"
    if not all(isinstance(value, str) and value.strip() for value in row.values()):
        return "a member that is not a text, or empty"
    if row["intent"] not in intents:
        return f'unknown intent "{row["intent"]}"'
    if len(row["text"]) > 5000:
        return "more than 5,000 characters"
    return None


def read_rows(path, intents, complain):
    """A Row for each good line; complains about the others."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        complain(f"{path}: {error}")
        return []
    rows = []
    for number, line in enumerate(lines, 1):
        place = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            complain(f"{place}: {error}")
            continue
        fault = check_row(row, intents)
        if fault:
            complain(f"{place}: {fault}")
        else:
            rows.append(Row(place, row["text"], row["intent"]))
    return rows


def grams_of(text):
    """Its character 4-grams; case, punctuation and which digits stand there do not count."""
    words = re.sub(r"\d", "0", " ".join(re.findall(r"\w+", text.lower()))) or text.strip()
    text = f" {words} "
    return frozenset(text[i:i + GRAM] for i in range(max(1, len(text) - GRAM + 1)))


def near_duplicates(rows, threshold):
    """Pairs of lines that are too much alike.

    Two sets with a Jaccard similarity of T share at least one of the rarest (1 - T) n + 1 grams of
    each: only lines that meet in an index of those are compared, which keeps the check quick.
    """
    sets = [grams_of(row.text) for row in rows]
    frequency = collections.Counter(gram for grams in sets for gram in grams)
    index = collections.defaultdict(list)
    for i, grams in enumerate(sets):
        rare = sorted(grams, key=lambda gram: (frequency[gram], gram))
        prefix = rare[:len(grams) - math.ceil(threshold * len(grams)) + 1]
        for j in sorted({j for gram in prefix for j in index[gram]}):
            common = len(grams & sets[j])
            similarity = common / (len(grams) + len(sets[j]) - common)
            if similarity >= threshold:
                yield similarity, rows[j], rows[i]
        for gram in prefix:
            index[gram].append(i)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threshold", type=float, default=0.6)
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl")
    arguments = parser.parse_args()
    faults = []
    intents = known_intents()
    rows = [row for path in arguments.files for row in read_rows(path, intents, faults.append)]
    for similarity, one, other in near_duplicates(rows, arguments.threshold):
        labels = "" if one.intent == other.intent else f", and labelled {one.intent} and {other.intent}"
        faults.append(f"{one.place}: {one.text}\n{other.place}: {other.text}\n  are {similarity:.2f} alike{labels}")
    for fault in faults:
        print(fault)
    print(f"{len(rows)} training lines, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
