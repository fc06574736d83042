# SPDX-License-Identifier: Apache-2.0
"""Writes the redactor's lexicon as a C file: make_lexicon.py OUTPUT.c GIVEN FAMILY WORDS

Each word gets a bit for each list that holds it. The table is open-addressed by FNV-1a with linear
probing; text/redact_lexicon.c reads it.
"""
import sys

BITS = ('given', 'family', 'common', 'place', 'org', 'month', 'street', 'street_before', 'unit', 'state', 'title', 'joiner',
        'digit', 'bare')
SIZE = 1 << 14


def words_of(path):
    section = None
    for line in open(path, encoding='utf-8'):
        line = line.split('#')[0].strip()
        if line.startswith('['):
            section = line.strip('[]')
        else:
            yield from ((section, word) for word in line.split())


def fnv1a(word):
    value = 2166136261
    for byte in word.encode():
        value = (value ^ byte) * 16777619 & 0xffffffff
    return value


lexicon = {}
for default, path in zip(('given', 'family', None), sys.argv[2:]):
    for section, word in words_of(path):
        bits = lexicon.setdefault(word.replace("'", ''), 0)
        lexicon[word.replace("'", '')] = bits | 1 << BITS.index(section or default)

slots = [None] * SIZE
for word in sorted(lexicon):
    at = fnv1a(word) % SIZE
    while slots[at]:
        at = (at + 1) % SIZE
    slots[at] = word
pool, places = bytearray(), {}
for word in sorted(lexicon):
    places[word] = len(pool)
    pool += word.encode()
with open(sys.argv[1], 'w', encoding='utf-8') as out:
    out.write('/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by tools/make_lexicon.py. */\n'
              '#include "text/redact_lexicon.h"\n\nconst unsigned char lexicon_pool[] = {')
    out.write(','.join(str(byte) for byte in pool))
    out.write('};\nconst struct lexicon_slot lexicon_slots[LEXICON_SLOTS] = {\n')
    for at, word in enumerate(slots):
        if word:
            out.write(f'[{at}] = {{{places[word]}, {lexicon[word]}, {len(word.encode())}}},\n')
    out.write('};\n')
