#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Picks the training lines that local learning rehearses: rehearsal.py OUTPUT.jsonl INPUT.jsonl...

Safety matters and other lines take turns, so that any first part holds both; which ones is decided by a
hash of the text, so that they come from all industries and intents and the same files give the same bytes.
"""
import hashlib
import json
import sys

LINES = 400
MAX_BYTES = 300  # longer ones would be a large part of the program
SAFETY = {'fraud', 'product_safety', 'legal_regulatory', 'harassment_abuse', 'privacy', 'self_harm', 'threat'}


def read(paths):
    for path in paths:
        with open(path, encoding='utf-8') as file:
            rows = [json.loads(line) for line in file]
        yield from (row for row in rows if len(row['text'].encode()) <= MAX_BYTES)


def by_hash(rows):
    return sorted(rows, key=lambda row: hashlib.sha256(row['text'].encode()).digest())


rows = list(read(sys.argv[2:]))
safety = by_hash(row for row in rows if row['intent'] in SAFETY)
other = by_hash(row for row in rows if row['intent'] not in SAFETY)
with open(sys.argv[1], 'w', encoding='utf-8') as out:
    for pair in list(zip(safety, other))[:LINES // 2]:
        for row in pair:
            out.write(json.dumps({'text': row['text'], 'intent': row['intent']}, ensure_ascii=False) + '\n')
