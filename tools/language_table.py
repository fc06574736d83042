#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the table of text/language.c from lists of frequent words.

usage: language_table.py OUT.c WORDS.txt

Naive Bayes over two kinds of features of a word: its runs of three letters ("^th", "the", "he$"), and
the word itself. Each language's words, the commonest counting most, with and without their accents,
train it; a feature is a bucket, and a bucket's row has the log-probability of each language, less their
mean, in 1/16. The hash is that of text/language.c.
"""
import math
import sys
import unicodedata

BUCKET_BITS = 13
SCALE = 16
MAX_CELL = 63
SMOOTHING = 0.35  # of an occurrence, for each bucket
WORD_WEIGHT = 2.0  # a known word counts more than one run of letters
EDGE = 1  # stands before and behind a word


def feature(hash_, point):
    return (hash_ ^ point) * 0x01000193 & 0xffffffff


def bucket(hash_):
    return (hash_ * 0x9e3779b1 & 0xffffffff) >> (32 - BUCKET_BITS)


def buckets_of(word):
    """(bucket, weight) of the word's features."""
    points = [EDGE, *map(ord, word), EDGE]
    for i in range(len(points) - 2):
        hash_ = 0x811c9dc5
        for point in points[i:i + 3]:
            hash_ = feature(hash_, point)
        yield bucket(hash_), 1.0
    hash_ = 0x811c9dc5 ^ 0x5bd1e995
    for point in points[1:-1]:
        hash_ = feature(hash_, point)
    yield bucket(hash_), WORD_WEIGHT


def without_accents(word):
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def read_lists(path):
    """[(tag, {word: weight})], in the order of the file."""
    lists = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        tag, words = line.split(":", 1)
        weights = {}
        for rank, written in enumerate(words.split()):
            for part in written.replace("'", " ").replace("·", " ").split():
                for word in {part, without_accents(part)}:
                    weights[word] = max(weights.get(word, 0), 1 / math.sqrt(1 + rank / 20))
        lists.append((tag, weights))
    return lists


def rows_of(lists):
    """For each bucket the languages' log-probabilities less their mean."""
    counts = [[SMOOTHING] * len(lists) for _ in range(1 << BUCKET_BITS)]
    for language, (_, weights) in enumerate(lists):
        for word, weight in weights.items():
            for at, factor in buckets_of(word):
                counts[at][language] += weight * factor
    totals = [sum(row[language] for row in counts) for language in range(len(lists))]
    for row in counts:
        logs = [math.log(count / total) for count, total in zip(row, totals)]
        mean = sum(logs) / len(logs)
        yield [max(-MAX_CELL, min(MAX_CELL, round(SCALE * (value - mean)))) for value in logs]


def main():
    out, words = sys.argv[1:]
    lists = read_lists(words)
    with open(out, "w", encoding="utf-8") as file:
        file.write('#include "text/language_table.h"\n\n')
        file.write("_Static_assert(LANGUAGE_TABLE_LANGUAGES == %d, \"one for each list\");\n" % len(lists))
        file.write("_Static_assert(LANGUAGE_TABLE_BUCKET_BITS == %d, \"same hash\");\n" % BUCKET_BITS)
        file.write("_Static_assert(LANGUAGE_TABLE_MAX_CELL == %d, \"same range\");\n" % MAX_CELL)
        file.write("const int8_t language_table[1 << LANGUAGE_TABLE_BUCKET_BITS][LANGUAGE_TABLE_COLUMNS] = {\n")
        for row in rows_of(lists):
            file.write("{%s},\n" % ",".join(map(str, row)))
        file.write("};\n")


if __name__ == "__main__":
    main()
