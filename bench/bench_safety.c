/* SPDX-License-Identifier: Apache-2.0 */
/* The shipped safety net, measured.
 *
 *   bench_safety                 time of a short and of a long message
 *   bench_safety FILE.jsonl      recall, false alarms and hits by rule on lines with "text" and "category"
 *                                (lines with "quality" other than "clear" are passed over)
 *   bench_safety -v FILE.jsonl   also the lines that were missed or raised falsely
 */
#include <time.h>

#include "base/arena.h"
#include "base/json_reader.h"
#include "policy/policy.h"

enum { MAX_LINE = 1 << 16, MAX_RULES = 128 };

struct tally {
        size_t safety, found, others, raised;
        struct {
                struct str id;
                size_t hits, right;
        } rules[MAX_RULES];
        size_t rule_count;
        bool is_verbose;
};

static void tally_rule(struct tally *tally, struct str id, bool is_right)
{
        size_t i = 0;
        while (i < tally->rule_count && !str_equal(tally->rules[i].id, id))
                i++;
        if (i == MAX_RULES)
                return;
        if (i == tally->rule_count)
                tally->rules[tally->rule_count++].id = id;
        tally->rules[i].hits++;
        tally->rules[i].right += is_right;
}

static struct str member(struct json row, const char *name)
{
        struct json value;
        struct str text = {0};
        if (json_find(row, str_from(name), &value))
                (void)json_to_str(value, &text);
        return text;
}

static void tally_row(struct tally *tally, const struct safety_net *net, struct json row)
{
        struct str text = member(row, "text"), quality = member(row, "quality");
        if (!text.ptr || (quality.ptr && !str_equal(quality, STR("clear"))))
                return;
        bool is_safety = str_equal(member(row, "category"), STR("safety_compliance"));
        struct safety_finding finding = safety_net_scan(net, (struct raw_text){text});
        bool is_hit = finding.severity != SEVERITY_NONE;
        *(is_safety ? &tally->safety : &tally->others) += 1;
        *(is_safety ? &tally->found : &tally->raised) += is_hit;
        if (is_hit)
                tally_rule(tally, finding.rule, is_safety);
        if (tally->is_verbose && is_hit != is_safety)
                printf("%-8s %-24.*s %.*s\n", is_safety ? "missed" : "false", STR_ARGS(finding.rule),
                       STR_ARGS(text));
}

static int measure_file(const struct safety_net *net, const char *path, bool is_verbose)
{
        static char line[MAX_LINE];
        struct tally tally = {.is_verbose = is_verbose};
        struct json_parser *parser = json_parser_new(MAX_LINE, 8);
        FILE *file = fopen(path, "re");
        if (!file) {
                perror(path);
                return 1;
        }
        while (fgets(line, sizeof line, file)) {
                struct json row;
                if (json_parse(parser, str_from(line), &row, NULL) == ERR_OK)
                        tally_row(&tally, net, row);
        }
        fclose(file);
        json_parser_free(parser);
        printf("safety %zu of %zu found (%.1f %%), others %zu of %zu raised (%.2f %%)\n", tally.found,
               tally.safety, 100.0 * (double)tally.found / (double)(tally.safety + !tally.safety),
               tally.raised, tally.others,
               100.0 * (double)tally.raised / (double)(tally.others + !tally.others));
        for (size_t i = 0; i < tally.rule_count; i++)
                printf("  %-26.*s %5zu hits, %5zu right\n", STR_ARGS(tally.rules[i].id), tally.rules[i].hits,
                       tally.rules[i].right);
        return 0;
}

static double now_us(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* The best of five runs, so that a busy machine does not decide. */
static void measure_time(const struct safety_net *net, const char *name, struct str text, unsigned rounds)
{
        double best = 1e18;
        size_t hits = 0;
        for (int run = 0; run < 5; run++) {
                double start = now_us();
                for (unsigned i = 0; i < rounds; i++)
                        hits += safety_net_scan(net, (struct raw_text){text}).severity != SEVERITY_NONE;
                double each = (now_us() - start) / rounds;
                best = each < best ? each : best;
        }
        printf("%-28s %6zu bytes %8.2f us%s\n", name, text.len, best, hits ? " (hit)" : "");
}

static void repeat(char *to, size_t len, const char *unit)
{
        size_t unit_len = strlen(unit);
        for (size_t i = 0; i < len; i++)
                to[i] = unit[i % unit_len];
}

static void measure_times(const struct safety_net *net)
{
        static char text[5000];
        measure_time(net, "short", STR("hello, where is my order 12345? it should be here today"), 20000);
        repeat(text, sizeof text,
               "I ordered a blue jacket for my wife last week and the parcel has not arrived yet. ");
        measure_time(net, "long, ordinary", (struct str){text, sizeof text}, 300);
        repeat(text, sizeof text, "my the a i ");
        measure_time(net, "long, commonest words", (struct str){text, sizeof text}, 300);
        repeat(text, sizeof text, "after taking your pills a rash price nausea ");
        measure_time(net, "long, full of hits", (struct str){text, sizeof text}, 300);
        repeat(text, sizeof text, "\xd1\x84\xc3\xa9 ");
        measure_time(net, "long, not ASCII", (struct str){text, sizeof text}, 300);
}

int main(int argc, char **argv)
{
        struct policy *policy;
        struct err_note note = {0};
        double start = now_us();
        if (policy_load(NULL, &policy, &note)) {
                fprintf(stderr, "%s\n", note.text);
                return 1;
        }
        bool is_verbose = argc > 2 && strcmp(argv[1], "-v") == 0;
        const struct safety_net *net = policy_facts(policy)->safety_net;
        int status = 0;
        if (argc > 1)
                status = measure_file(net, argv[argc - 1], is_verbose);
        else
                printf("policy loaded in %.1f ms\n", (now_us() - start) / 1e3);
        if (argc == 1)
                measure_times(net);
        policy_unref(policy);
        return status;
}
