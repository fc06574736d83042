/* SPDX-License-Identifier: Apache-2.0 */
/* A bar on stderr while something takes its time; nothing when stderr is no terminal. One thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
        const char *what; /* "deciding" */
        size_t total;
        bool is_shown;
        int64_t drawn_at_us;
};

struct progress progress_start(const char *what, size_t total);

/* Draws at most ten times a second. */
void progress_show(struct progress *progress, size_t done);

/* Takes the bar away. */
void progress_end(struct progress *progress);

#endif
