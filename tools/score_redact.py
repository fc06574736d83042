#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scores the redactor on labelled data: score_redact.py DIR [TRIAGED] [-v TYPE].

DIR holds public.jsonl(.gz) and score.py. TRIAGED is build/triaged by default.
With -v the misses and false finds of one type are listed.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile


def main(argv):
    if not argv or argv[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    data = pathlib.Path(argv[0])
    rest = argv[1:]
    tool = rest.pop(0) if rest and not rest[0].startswith("-") else "build/triaged"
    gold = next((p for p in (data / "public.jsonl.gz", data / "public.jsonl") if p.exists()), None)
    if gold is None:
        print(f"{data}: no public.jsonl(.gz) there; name the folder with the labelled data", file=sys.stderr)
        return 1
    with (gzip.open if gold.suffix == ".gz" else open)(gold, "rb") as file:
        lines = file.read()
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as found:
        subprocess.run([tool, "redact", "--jsonl", "--spans"], input=lines, stdout=found, check=True)
        return subprocess.run([sys.executable, data / "score.py", gold, found.name, *rest]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
