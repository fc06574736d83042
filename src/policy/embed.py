# SPDX-License-Identifier: Apache-2.0
"""Writes the C file that holds the shipped policy: embed.py OUTPUT.c FILE...

It is run again whenever one of the files changes, so that the C file is newer than they are and
is compiled again; a compiler's own dependencies do not see what .incbin reads.
"""
import pathlib
import sys

HEAD = '/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by src/policy/embed.py. */\n#include "policy/policy_parts.h"\n'

output, files = pathlib.Path(sys.argv[1]), [pathlib.Path(name).resolve() for name in sys.argv[2:]]
parts, rows = [HEAD], []
for path in files:
    name = path.stem
    quoted = str(path).replace('\\', '\\\\').replace('"', '\\"')
    parts.append(f'''
__asm__(".pushsection .rodata\\n"
        "policy_{name}_start:\\n"
        ".incbin \\"{quoted}\\"\\n"
        "policy_{name}_end:\\n"
        ".byte 0\\n"
        ".popsection\\n");
extern const char policy_{name}_start[] __attribute__((visibility("hidden")));
extern const char policy_{name}_end[] __attribute__((visibility("hidden")));
''')
    rows.append(f'        case POLICY_{name.upper()}: return (struct str){{policy_{name}_start, '
                f'(size_t)(policy_{name}_end - policy_{name}_start)}};\n')
parts.append('\nstruct str policy_builtin(enum policy_file file)\n{\n        switch (file) {\n' + ''.join(rows) +
             '        case POLICY_FILE_COUNT: break;\n        }\n        return (struct str){0};\n}\n')
output.write_text(''.join(parts))
