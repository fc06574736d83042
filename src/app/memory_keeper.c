/* SPDX-License-Identifier: Apache-2.0 */
#include "app/memory_keeper.h"

#include <malloc.h>

#include "app/process_sample.h"

enum { FIRST_WAIT_MS = 10000, LAST_WAIT_MS = 640000, WORTH_BYTES = 16 << 20, WORTH_SHARE = 4 };

/* Signed: in a young process more is allocated than was ever touched. */
static int64_t unused_bytes(void)
{
        struct mallinfo2 info = mallinfo2();
        return (int64_t)process_anonymous_bytes() - (int64_t)(info.uordblks + info.hblkhd);
}

bool memory_keeper_look(struct memory_keeper *keeper)
{
        int64_t before = unused_bytes();
        bool is_due = before >= WORTH_BYTES;
        if (is_due)
                malloc_trim(0);
        if (is_due && before - unused_bytes() < before / WORTH_SHARE && keeper->wait_ms < LAST_WAIT_MS)
                keeper->wait_ms *= 2;
        else
                keeper->wait_ms = FIRST_WAIT_MS;
        return is_due;
}

int64_t memory_keeper_run(void *arg)
{
        struct memory_keeper *keeper = arg;
        if (keeper->wait_ms)
                memory_keeper_look(keeper);
        else
                keeper->wait_ms = FIRST_WAIT_MS;
        return keeper->wait_ms;
}
