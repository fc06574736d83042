#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses training lines that would teach nothing or the wrong thing.

usage: check_training.py [--threshold T] FILE.jsonl...

Every line must be valid UTF-8 and an object with exactly "text", "intent" and "industry", the
intent one of ours (src/core/intent.def less `other`, and out_of_scope), the text 1 to 5,000
characters, not said twice and not nearly said twice: two lines whose sets of character 4-grams
have a Jaccard similarity over the threshold (0.8) are printed as a pair. Exit status 1 when
anything was found.
"""
import argparse
import json
import pathlib
import re
import sys

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
    """(place, text) of each good line; complains about the others."""
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
            rows.append((place, row["text"]))
    return rows


def grams_of(text):
    text = " " + " ".join(re.findall(r"\w+|[^\w\s]", text.lower())) + " "
    return frozenset(text[i:i + GRAM] for i in range(max(1, len(text) - GRAM + 1)))


def near_duplicates(rows, threshold):
    """Pairs of lines, by comparing each with those whose sets are not too much larger."""
    sized = sorted(((grams_of(text), place, text) for place, text in rows), key=lambda row: len(row[0]))
    for i, (grams, place, text) in enumerate(sized):
        for other, other_place, other_text in sized[i + 1:]:
            if len(grams) < threshold * len(other):
                break
            common = len(grams & other)
            similarity = common / (len(grams) + len(other) - common)
            if similarity > threshold or text.lower() == other_text.lower():
                yield similarity, place, text, other_place, other_text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("files", nargs="+", metavar="FILE.jsonl")
    arguments = parser.parse_args()
    faults = []
    intents = known_intents()
    rows = [row for path in arguments.files for row in read_rows(path, intents, faults.append)]
    for similarity, place, text, other_place, other_text in near_duplicates(rows, arguments.threshold):
        faults.append(f"{place}: {text}\n{other_place}: {other_text}\n  are {similarity:.2f} alike")
    for fault in faults:
        print(fault)
    print(f"{len(rows)} training lines, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
