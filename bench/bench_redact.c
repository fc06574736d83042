/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the redactor is, in the processor time of one thread, for the types with a form of their own and for all,
 * names and addresses too: messages of 219 bytes of which about half hold a trigger
 * byte and a sixth personal data, then hostile texts of 5,000 characters. Not installed. */
#include "text/redact.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MESSAGE_BYTES = 219, HOSTILE_BYTES = 5000, ROUNDS = 200000, HOSTILE_ROUNDS = 2000 };

static const char *const starts[] = {
        "Hello, I wanted to ask how the return works when the box is open already and the seal is gone",
        "My order ORD-48213 of 3 items came on 12/03/2024 and one of them for $19.90 is the wrong colour",
        "The parcel 1Z999AA10123456784 says delivered, nobody here has seen it and the neighbours neither",
        "Please change the address for the next delivery, we have moved to the other end of the town",
        "You can write to jane.doe@example.com or call 415-555-0132 after five, the card 4111 1111 1111 1111",
        "Is there a way to pause the subscription for the summer and start again in the autumn without a fee",
};

static double now_s(void)
{
        struct timespec now;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void bench_scope(const char *name, const struct redact_scope *scope, char (*messages)[MESSAGE_BYTES],
                        size_t kinds)
{
        struct pii_span spans[64];
        size_t count, found = 0;
        double start = now_s();
        for (size_t i = 0; i < ROUNDS; i++) {
                if (redact_find_in((struct str){messages[i % kinds], MESSAGE_BYTES}, scope, spans, 64,
                                   &count) != ERR_OK)
                        return;
                found += count;
        }
        double seconds = now_s() - start;
        printf("redact find, %s: %.0f MB/s, %.2f us each (%zu found)\n", name,
               (double)ROUNDS * MESSAGE_BYTES / seconds / 1e6, seconds / ROUNDS * 1e6, found);
}

static void bench_messages(void)
{
        enum { KINDS = sizeof starts / sizeof *starts };
        static char messages[KINDS][MESSAGE_BYTES];
        const char *filler = " and I would be glad of an answer because the matter is a little urgent for "
                             "all of us here. ";
        for (size_t i = 0; i < KINDS; i++) {
                size_t len = strlen(starts[i]);
                memcpy(messages[i], starts[i], len);
                for (size_t at = len; at < MESSAGE_BYTES; at++)
                        messages[i][at] = filler[(at - len) % strlen(filler)];
        }
        bench_scope("structured",
                    &(struct redact_scope){.types = REDACT_ALL & ~(1U << PII_PERSON | 1U << PII_ADDRESS)},
                    messages, KINDS);
        bench_scope("with names", &(struct redact_scope){.types = REDACT_ALL, .is_answer = true}, messages,
                    KINDS);
        struct arena arena;
        arena_init(&arena, 1 << 16);
        size_t bytes = 0, out_bytes = 0;
        double start = now_s();
        for (size_t i = 0; i < ROUNDS; i++) {
                struct safe_text safe;
                struct raw_text raw = {{messages[i % KINDS], MESSAGE_BYTES}};
                if (redact_text(raw, &arena, &safe) != ERR_OK)
                        return;
                bytes += MESSAGE_BYTES;
                out_bytes += safe.safe.len;
                if (i % 64 == 0)
                        arena_deinit(&arena);
        }
        double seconds = now_s() - start;
        arena_deinit(&arena);
        printf("redact messages: %.0f MB/s, %.2f us each (%zu bytes out)\n", (double)bytes / seconds / 1e6,
               seconds / ROUNDS * 1e6, out_bytes);
}

static void bench_hostile(const char *pattern)
{
        static char text[HOSTILE_BYTES];
        static struct pii_span spans[HOSTILE_BYTES];
        size_t count = 0;
        for (size_t i = 0; i < HOSTILE_BYTES; i++)
                text[i] = pattern[i % strlen(pattern)];
        double start = now_s();
        for (size_t i = 0; i < HOSTILE_ROUNDS; i++)
                if (redact_find((struct str){text, HOSTILE_BYTES}, spans, HOSTILE_BYTES, &count) != ERR_OK)
                        return;
        double us = (now_s() - start) / HOSTILE_ROUNDS * 1e6;
        printf("redact hostile \"%s\"…: %.0f us for %d characters, %zu spans\n", pattern, us, HOSTILE_BYTES,
               count);
}

int main(void)
{
        const char *const patterns[] = {"a@",   "1-",   "+",     "1 ",       "::",   "1:",  "a.",
                                        "a@b.", "1.1.", "4111-", "phone 1 ", "GB82", "%40", "(1)"};
        bench_messages();
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
                bench_hostile(patterns[i]);
        return 0;
}
