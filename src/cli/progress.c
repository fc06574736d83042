/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "net/loop.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

enum { BAR_COLUMNS = 40, DRAW_EVERY_US = 100000 };

struct progress progress_start(const char *what, size_t total)
{
        return (struct progress){what, total, isatty(STDERR_FILENO) == 1, clock_monotonic_us(system_clock())};
}

void progress_show(struct progress *progress, size_t done)
{
        static const char full[] = "########################################";
        static_assert(sizeof full - 1 == BAR_COLUMNS, "a full bar");
        if (!progress->is_shown || progress->total == 0)
                return;
        int64_t now_us = clock_monotonic_us(system_clock());
        if (now_us - progress->drawn_at_us < DRAW_EVERY_US)
                return;
        progress->drawn_at_us = now_us;
        int filled = (int)(done * BAR_COLUMNS / progress->total);
        fprintf(stderr, "\r%s [%.*s%*s] %zu/%zu", progress->what, filled, full, BAR_COLUMNS - filled, "", done,
                progress->total);
        fflush(stderr);
}

void progress_end(struct progress *progress)
{
        if (progress->is_shown)
                fputs("\r\033[K", stderr);
}
