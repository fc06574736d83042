#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies an export of the audit log, apart from the program that wrote it.

    tools/verify_audit.py EXPORT KEY [CHECKPOINTS]...

EXPORT is what `triaged audit export` wrote, KEY what `triaged audit key` printed (or a file that holds it), CHECKPOINTS
files of checkpoints that were kept elsewhere. Exit status 1, and why, when an entry was changed, removed, inserted, moved or
cut off. Shares no code with triaged: written after RFC 9162 and c2sp.org's signed-note and tlog-checkpoint. Needs
Debian's python3-cryptography.
"""
import base64
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def read_key(text):
    if os.path.exists(text):
        text = open(text, encoding='utf-8').read()
    name, said, data = text.strip().split('+', 2)
    data = base64.b64decode(data, validate=True)
    if data[0] != 1 or hashlib.sha256(name.encode() + b'\n' + data).digest()[:4].hex() != said:
        sys.exit('the key contradicts its own hash')
    return name, bytes.fromhex(said), Ed25519PublicKey.from_public_bytes(data[1:])


def read_notes(key, text, where):
    """(size, root) of each signed note."""
    name, key_hash, public = key
    lines = text.split('\n')
    if lines.pop() != '':
        sys.exit(f'{where}: the last checkpoint is cut off')
    while lines:
        if len(lines) < 5 or lines[3] != '' or lines[0] != name:
            sys.exit(f'{where}: not a checkpoint of {name}')
        body, signature = '\n'.join(lines[:3]) + '\n', lines[4]
        prefix = f'\u2014 {name} '
        blob = base64.b64decode(signature[len(prefix):], validate=True) if signature.startswith(prefix) else b''
        try:
            if blob[:4] != key_hash:
                raise InvalidSignature
            public.verify(blob[4:], body.encode())
        except InvalidSignature:
            sys.exit(f'{where}: the checkpoint of size {lines[1]} is not signed by this key')
        yield int(lines[1]), base64.b64decode(lines[2], validate=True)
        del lines[:5]


class Tree:
    """Roots of the perfect subtrees, the largest first."""

    def __init__(self):
        self.size, self.roots = 0, []

    def add(self, leaf):
        self.roots.append((1, hashlib.sha256(b'\0' + leaf).digest()))
        self.size += 1
        while len(self.roots) > 1 and self.roots[-1][0] == self.roots[-2][0]:
            (count, right), (_, left) = self.roots.pop(), self.roots.pop()
            self.roots.append((2 * count, hashlib.sha256(b'\1' + left + right).digest()))

    def root(self):
        if not self.roots:
            return hashlib.sha256(b'').digest()
        root = self.roots[-1][1]
        for _, left in reversed(self.roots[:-1]):
            root = hashlib.sha256(b'\1' + left + root).digest()
        return root


def main(export, key_text, *files):
    key = read_key(key_text)
    kept = {}
    for file in files:
        for size, root in read_notes(key, open(file, encoding='utf-8').read(), file):
            if kept.setdefault(size, root) != root:
                sys.exit(f'two checkpoints of size {size} differ: the log was forked')
    tree, own, agreed = Tree(), None, 0
    if 0 in kept and kept[0] != tree.root():
        sys.exit('the checkpoint of size 0 is not that of an empty log')
    with open(export, 'rb') as lines:
        for number, line in enumerate(lines, 1):
            if own or not line.endswith(b'\n'):
                sys.exit(f'line {number}: the export is cut off, or goes on behind its end')
            try:
                entry = json.loads(line)
            except ValueError:
                sys.exit(f'line {number}: not JSON')
            if 'checkpoint' in entry:
                own = next(read_notes(key, entry['checkpoint'], f'line {number}'))
                continue
            if entry.get('seq') != tree.size:
                sys.exit(f'line {number}: not the entry {tree.size}')
            tree.add(line[:-1])
            if tree.size in kept:
                if kept[tree.size] != tree.root():
                    sys.exit(f'the entries up to {tree.size - 1} are not those of the checkpoint of size {tree.size}')
                agreed += 1
    if own != (tree.size, tree.root()):
        sys.exit("the entries are not those of the export's own checkpoint")
    if kept and max(kept) > tree.size:
        sys.exit(f'there was a checkpoint of size {max(kept)}: the log was cut')
    print(f'{tree.size} entries as signed by {key[0]}; {agreed} kept checkpoints agree')


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
