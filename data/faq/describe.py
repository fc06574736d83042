# SPDX-License-Identifier: Apache-2.0
"""Prints the C header that names a file to embed, and its digest."""
import hashlib
import pathlib
import sys

path = pathlib.Path(sys.argv[1]).resolve()
print(f'#define FAQ_FILE "{path}" /* {hashlib.sha256(path.read_bytes()).hexdigest()} */')
