# SPDX-License-Identifier: Apache-2.0
"""Writes a C file that holds files as they are: embed.py OUTPUT.c FUNCTION[/KEY]=FILE...

Each becomes `struct str FUNCTION(void)`, aligned to a page, with a NUL behind it; those with a KEY
together `struct str FUNCTION(struct str key)`, absent for another key. The digest makes
the C file another one whenever a file changes: a compiler's own dependencies do not see what
.incbin reads.
"""
import hashlib
import pathlib
import sys

HEAD = '''/* SPDX-License-Identifier: Apache-2.0 */
/* Made by tools/embed.py. */
#include "base/str.h"
'''
PART = '''
/* SHA-256 {digest} */
__asm__(".pushsection .rodata\\n"
        ".balign 4096\\n"
        "{name}_start:\\n"
        ".incbin \\"{path}\\"\\n"
        "{name}_end:\\n"
        ".byte 0\\n"
        ".popsection\\n");
extern const char {name}_start[] __attribute__((visibility("hidden")));
extern const char {name}_end[] __attribute__((visibility("hidden")));
'''
VALUE = '(struct str){{{name}_start, (size_t)({name}_end - {name}_start)}};'
SINGLE = '''
struct str {name}(void);
struct str {name}(void)
{{
        return {value}
}}
'''
KEYED = '''
struct str {function}(struct str key);
struct str {function}(struct str key)
{{
{tests}        return (struct str){{0}};
}}
'''
TEST = '''        if (str_equal(key, STR("{key}")))
                return {value}
'''

parts = [HEAD]
tests = {}
for number, argument in enumerate(sys.argv[2:]):
    name, _, file = argument.partition('=')
    function, _, key = name.partition('/')
    name = f'{function}_{number}' if key else function
    value = VALUE.format(name=name)
    path = pathlib.Path(file).resolve()
    parts.append(PART.format(name=name, digest=hashlib.sha256(path.read_bytes()).hexdigest(),
                             path=str(path).replace('\\', '\\\\').replace('"', '\\"')))
    if key:
        tests[function] = tests.get(function, '') + TEST.format(key=key, value=value)
    else:
        parts.append(SINGLE.format(name=name, value=value))
parts += [KEYED.format(function=function, tests=text) for function, text in tests.items()]
pathlib.Path(sys.argv[1]).write_text(''.join(parts))
