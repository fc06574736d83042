/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up before it serves anybody: so that a flaw in it stays in it.
 *
 *   files       Landlock: the data directory may be written; policy, certificates, name resolution, time zones,
 *               libraries and the files that the settings name may be read; nothing else is there, and nothing can
 *               be executed. Reload, rotation of key files and new models go on working.
 *   calls       seccomp: the system calls that the server makes; any other fails with EPERM. No execve, no ptrace,
 *               no new process.
 *   memory      no core dump, and no other process of the user may look into it.
 *
 * Must run before the first thread is started: Landlock holds for the calling thread and those that it starts.
 */
#ifndef APP_SANDBOX_H
#define APP_SANDBOX_H

#include <stdbool.h>

#include "policy/settings.h"

struct sandbox {
        const char *files; /* "landlock", or why not */
        const char *calls; /* "seccomp", or why not */
};

/* `security.sandbox` false: only memory. A kernel that lacks one of them gives what it has, and the result says
 * so; ERR_IO when what it has fails. */
enum err sandbox_enter(const struct settings *settings, struct sandbox *ret_sandbox, struct err_note *note) MUST_USE;

#endif
