/* SPDX-License-Identifier: Apache-2.0 */
/* What guessing a language costs, and how often it is right.
 *
 *   bench_language               time of a short and of a long message
 *   bench_language - < LINES     the guess for each line ("other", "-" for unclear), then the line
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text/language.h"

static double now_us(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The best of five runs, so that a busy machine does not decide. */
static void measure_time(const char *name, struct str text, unsigned rounds)
{
        double best = 1e18;
        size_t known = 0;
        for (int run = 0; run < 5; run++) {
                double start = now_us();
                for (unsigned i = 0; i < rounds; i++)
                        known += language_guess(text) != LANGUAGE_UNCLEAR;
                double each = (now_us() - start) / rounds;
                best = each < best ? each : best;
        }
        printf("%-28s %6zu bytes %8.2f us%s\n", name, text.len, best, known ? "" : " (unclear)");
}

static void guess_lines(void)
{
        static char line[1 << 16];
        while (fgets(line, sizeof line, stdin)) {
                enum language language = language_guess(str_from(line));
                struct str tag = language == LANGUAGE_OTHER ? STR("other") : language_tag(language);
                printf("%.*s\t%s", STR_ARGS(tag.ptr ? tag : STR("-")), line);
        }
}

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "-") == 0) {
                guess_lines();
                return 0;
        }
        static char text[5000];
        const char *unit = "Ich habe eine blaue Jacke für meine Frau bestellt und das Paket ist noch nicht da. ";
        for (size_t i = 0; i < sizeof text; i++)
                text[i] = unit[i % strlen(unit)];
        measure_time("short", STR("hello, where is my order 12345? it should be here today"), 20000);
        measure_time("short, not ASCII", STR("où est ma commande n° 12345 ? elle devait être livrée ici"), 20000);
        measure_time("long", (struct str){text, sizeof text}, 2000);
        return 0;
}
