#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every include of src/ keeps the order of the layers.

LAYERS is the one table of who may know whom: the layers below that a layer may include, and the
third-party headers that it may include. The rest of the rules stands beside it. A header in angle
brackets that is neither of the C library (SYSTEM) nor in the layer's row is refused, so that a new
dependency is a decision and not an accident.

    test/layers.py [ROOT]       check ROOT/src (default: the tree that holds this file)
    test/layers.py --self-test  show that each rule refuses a planted line
"""
import re
import sys
from pathlib import Path

# layer: (layers that it may include beside itself, third-party headers; a trailing / is a folder)
LAYERS = {
    'base': ('', 'simdjson.h openssl/'),
    'core': ('base', ''),
    'text': ('base core', 'libstemmer.h utf8proc.h'),
    'guard': ('base', ''),
    'port': ('base core', ''),
    'net': ('base port', 'uv.h llhttp.h nghttp2/ curl/ openssl/'),
    'policy': ('base core text', 'yaml.h'),
    'flow': ('base core text guard port policy', ''),
    'adapt': ('base core text port net', 'sqlite3.h openssl/'),
    'job': ('base core text guard port policy flow', ''),
    'api': ('base core text guard port policy flow net', ''),
    'cli': ('base core text guard port policy flow net adapt job api', ''),
    'app': ('base core text guard port policy flow net adapt job api cli', 'seccomp.h linux/landlock.h'),
}

SYSTEM = set('''
    assert.h ctype.h endian.h errno.h inttypes.h limits.h locale.h math.h signal.h stdarg.h stdatomic.h stdbool.h
    stddef.h stdint.h stdio.h stdlib.h string.h strings.h time.h
    arpa/inet.h dirent.h fcntl.h getopt.h malloc.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h sched.h
    sys/file.h sys/mman.h sys/prctl.h sys/random.h sys/resource.h sys/socket.h sys/stat.h sys/statvfs.h
    sys/syscall.h sys/time.h sys/types.h sys/uio.h sys/un.h sys/wait.h syslog.h termios.h unistd.h
'''.split())
SYSTEM_CXX = set('algorithm array cstddef cstdint cstdio cstdlib cstring memory new string string_view vector'.split())

# Files that may hold a lock; a trailing / is a folder.
MAY_LOCK = '''guard/ policy/snapshot. policy/policy. api/keyring. api/control. adapt/ app/ base/metric. base/hash. base/arena. net/loop.
    net/lookup. net/work. cli/batches.'''.split()

# A request lives in its arena. What lives as long as the process is made here.
NO_HEAP = ('flow/', 'api/')
MAY_HEAP = ('api/keyring.c', 'api/routes.c', 'api/control.c', 'flow/consult.c')

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
HEAP = re.compile(r'\b(malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|alloc_\w+)\s*\(')
TOKEN = re.compile(r'''"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|/\*.*?\*/|//[^\n]*''', re.S)
SUFFIXES = {'.c', '.h', '.cc', '.hh', '.re', '.def', '.S'}


def without_comments(text):
    """Comments become blank, lines stay where they are."""
    return TOKEN.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()) if m.group().startswith('/') else m.group(), text)


def without_strings(line):
    return TOKEN.sub('""', line)


def is_listed(name, entries):
    return any(name.startswith(entry) if entry.endswith('/') else name == entry for entry in entries)


def check_system(layer, path, header):
    third_party = LAYERS[layer][1].split()
    if header == 'pthread.h' and not any(path.startswith(place) for place in MAY_LOCK):
        yield f'<{header}>: locks live in the few modules that hide one (MAY_LOCK), not here'
    elif header in SYSTEM or is_listed(header, third_party):
        return
    elif header in SYSTEM_CXX and path.endswith('.cc'):
        return
    else:
        owners = [name for name, (_, headers) in LAYERS.items() if is_listed(header, headers.split())]
        where = f'belongs to {" and ".join(owners)}' if owners else 'is no header that this project knows'
        yield f'<{header}> {where}; {layer}/ may include: {" ".join(third_party) or "nothing but the C library"}'


def check_own(layer, header):
    other = header.split('/')[0]
    if '/' not in header or other not in LAYERS:
        yield f'"{header}": write "layer/file.h", with a layer of test/layers.py'
    elif other != layer and other not in LAYERS[layer][0].split():
        yield f'"{header}": {layer}/ may include: {LAYERS[layer][0] or "nothing"}'


def check_line(layer, path, line):
    found = INCLUDE.match(line)
    if found:
        yield from check_system(layer, path, found.group(1)) if found.group(1) else check_own(layer, found.group(2))
        return
    call = HEAP.search(without_strings(line))
    if call and path.startswith(NO_HEAP) and path not in MAY_HEAP:
        yield f'{call.group(1)}(): memory of a request comes from its arena'


def check_file(path, text):
    """All complaints about the file at `path` below src/."""
    layer = path.split('/')[0]
    if layer not in LAYERS or '/' not in path:
        yield f'src/{path}:1: no layer of that name; add a row to LAYERS in test/layers.py'
        return
    clean = without_comments(text)
    for number, line in enumerate(clean.splitlines(), 1):
        for complaint in check_line(layer, path, line):
            yield f'src/{path}:{number}: {complaint}'


def check_tree(root):
    files = sorted(p for p in (root / 'src').rglob('*') if p.suffix in SUFFIXES and p.is_file())
    complaints = []
    for file in files:
        complaints += check_file(file.relative_to(root / 'src').as_posix(), file.read_text(encoding='utf-8'))
    return len(files), complaints


# path below src/, its text, and a part of the complaint; None: the file is fine.
PLANTED = [
    ('base/a.c', '#include "core/terms.h"\n', '"core/terms.h"'),
    ('core/a.c', '#include "text/redact.h"\n', '"text/redact.h"'),
    ('flow/a.c', '#include "net/server.h"\n', '"net/server.h"'),
    ('flow/a.c', '#  include   "adapt/store_sqlite.h"\n', '"adapt/store_sqlite.h"'),
    ('api/a.c', '#include "adapt/store_sqlite.h"\n', '"adapt/store_sqlite.h"'),
    ('cli/a.c', '#include "app/main.h"\n', '"app/main.h"'),
    ('guard/a.c', '#include "guard_private.h"\n', 'write "layer/file.h"'),
    ('flow/a.c', '#include <sqlite3.h>\n', 'belongs to adapt'),
    ('api/a.c', '#include <uv.h>\n', 'belongs to net'),
    ('text/a.re', '#include <simdjson.h>\n', 'belongs to base'),
    ('flow/a.c', '#include <openssl/ssl.h>\n', 'belongs to base and net and adapt'),
    ('base/a.c', '#include <jansson.h>\n', 'no header that this project knows'),
    ('base/a.c', '#include <vector>\n', 'no header that this project knows'),
    ('flow/a.c', '#include <pthread.h>\n', 'locks live'),
    ('base/buf.c', '#include <pthread.h>\n', 'locks live'),
    ('flow/a.c', 'void *p = malloc(3);\n', 'malloc()'),
    ('flow/a.h', 'char *p = strdup("a");\n', 'strdup()'),
    ('flow/a.c', 'f("http://a", \'"\'); realloc(p, 1);\n', 'realloc()'),
    ('api/call.c', 'p = alloc_zeroed(1, 2);\n', 'alloc_zeroed()'),
    ('novel/a.c', 'int a;\n', 'no layer of that name'),
    ('a.c', 'int a;\n', 'no layer of that name'),
    ('base/a.c', '#include "base/a.h"\n#include <openssl/evp.h>\n#include <string.h>\n', None),
    ('base/a.cc', '#include <simdjson.h>\n#include <vector>\n', None),
    ('base/metric.c', '#include <pthread.h>\n', None),
    ('api/routes.c', 'api = alloc_zeroed(1, sizeof *api);\n', None),
    ('flow/a.c', '/* No malloc(1) here:\n#include <uv.h>\n*/\nlog("malloc(1)"); arena_alloc(a, 1);\n', None),
    ('app/a.c', '#include "cli/serve.h"\n#include "base/str.h"\n', None),
]


def self_test():
    failed = 0
    for path, text, expected in PLANTED:
        complaints = list(check_file(path, text))
        is_right = len(complaints) == 1 and expected in complaints[0] if expected else not complaints
        if not is_right:
            failed += 1
            print(f'{path}: {text!r}: expected {expected!r}, got {complaints}', file=sys.stderr)
    print(f'{len(PLANTED) - failed} passed, {failed} failed')
    return failed


def main():
    arguments = sys.argv[1:]
    if arguments == ['--self-test']:
        return 1 if self_test() else 0
    if len(arguments) > 1 or any(a.startswith('-') for a in arguments):
        print(__doc__)
        return 0 if arguments in (['--help'], ['-h']) else 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    count, complaints = check_tree(root)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    bad = len({complaint.split(':')[0] for complaint in complaints})
    print(f'{count - bad} passed, {bad} failed')
    return 1 if complaints or count == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
