/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

#include <math.h>

enum { EXCERPT_ARENA_BYTES = 1 << 20, NAME_COLUMNS = 22, CELL_COLUMNS = 15 };

/* A table's heading: what its rows are, and its columns, separated by '|'. */
static void heading(struct buf *buf, const char *rows, const char *columns)
{
        struct str rest = str_from(columns);
        buf_printf(buf, "\n%-*s", NAME_COLUMNS, rows);
        while (rest.ptr) {
                struct str column = str_split(&rest, '|');
                buf_printf(buf, "%*.*s", CELL_COLUMNS, STR_ARGS(column));
        }
        buf_append_char(buf, '\n');
}

static void begin_row(struct buf *buf, struct str name)
{
        buf_printf(buf, "%-*.*s", NAME_COLUMNS, STR_ARGS(name));
}

static void count_cell(struct buf *buf, size_t value)
{
        buf_printf(buf, "%*zu", CELL_COLUMNS, value);
}

static void ratio_cell(struct buf *buf, double value)
{
        if (isnan(value))
                buf_printf(buf, "%*s", CELL_COLUMNS, "-");
        else
                buf_printf(buf, "%*.4f", CELL_COLUMNS, value);
}

static void end_row(struct buf *buf)
{
        buf_append_char(buf, '\n');
}

static void figure(struct buf *buf, const char *name, double value, const char *remark)
{
        begin_row(buf, str_from(name));
        ratio_cell(buf, value);
        buf_printf(buf, "%s\n", remark);
}

static void write_origin(const struct evaluation *e, struct buf *buf)
{
        const struct str model = model_version(e->session->model);
        const struct str policy = policy_facts(e->session->snapshot.policy)->version;
        buf_printf(buf, "%zu rows (%zu in scope) of %zu %s, mode %s, model %.*s, policy %.*s\n\n", e->total.rows,
                   measure_in_scope(&e->total), e->rows->path_count,
                   e->rows->path_count == 1 ? "file" : "files", mode_name(e->mode), STR_ARGS(model), STR_ARGS(policy));
}

static void write_figures(const struct measure *m, struct buf *buf)
{
        figure(buf, "accuracy", measure_accuracy(m), "   of the rows in scope");
        figure(buf, "macro-F1", measure_macro_f1(m), "");
        figure(buf, "intent accuracy", measure_intent_accuracy(m), "   of the rows whose label names an intent");
        figure(buf, "calibration error", measure_calibration_error(m, true), "   of the rows in scope");
        figure(buf, "", measure_calibration_error(m, false), "   of all rows");
        figure(buf, "out of scope held", measure_scope_handled(m), "   given to a person for low confidence");
}

static void write_categories(const struct measure *m, struct buf *buf)
{
        heading(buf, "category", "rows|recall|precision|F1");
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                begin_row(buf, str_from(category_name(c)));
                count_cell(buf, measure_truths(m, c));
                ratio_cell(buf, measure_recall(m, c));
                ratio_cell(buf, measure_precision(m, c));
                ratio_cell(buf, measure_f1(m, c));
                end_row(buf);
        }
        heading(buf, "label \\ decided", "informational|service_action|safety|of these held");
        for (size_t truth = 0; truth < MEASURE_TRUTHS; truth++) {
                begin_row(buf, str_from(eval_truth_name(truth)));
                for (enum category c = 0; c < CATEGORY_COUNT; c++)
                        count_cell(buf, m->confusion[truth][c]);
                count_cell(buf, m->held[truth]);
                end_row(buf);
        }
}

static void write_alarms(const struct measure *m, const char *name, struct buf *buf)
{
        begin_row(buf, str_from(name));
        ratio_cell(buf, measure_recall(m, CATEGORY_SAFETY_COMPLIANCE));
        ratio_cell(buf, measure_false_alarms(m));
        ratio_cell(buf, measure_safety_precision(m));
}

/* A budget that the rules alone overdraw has no threshold. */
static void write_safety(const struct evaluation *e, struct buf *buf)
{
        heading(buf, "safety", "recall|false alarms|precision|threshold");
        write_alarms(&e->total, "as decided", buf);
        ratio_cell(buf, e->safety_threshold);
        end_row(buf);
        write_alarms(&e->net, "rules alone", buf);
        end_row(buf);
        for (size_t i = 0; i < EVAL_BUDGETS; i++) {
                const struct eval_alarm *at = &e->alarms[i];
                buf_printf(buf, "at most %2.0f %% false%*s", at->budget * 100, NAME_COLUMNS - 18, "");
                ratio_cell(buf, at->recall);
                ratio_cell(buf, at->false_alarms);
                buf_printf(buf, "%*s", CELL_COLUMNS, "");
                ratio_cell(buf, at->threshold > 0 ? at->threshold : (double)NAN);
                end_row(buf);
        }
}

static void write_reliability(const struct evaluation *e, struct buf *buf)
{
        heading(buf, "confidence, in scope", "rows|said|was");
        for (size_t i = 0; i < MEASURE_BINS; i++) {
                struct measure_bin bin = measure_bin(&e->total, i, true);
                if (!bin.rows)
                        continue;
                buf_printf(buf, "%.1f to %.1f%*s", (double)i / MEASURE_BINS, (double)(i + 1) / MEASURE_BINS,
                           NAME_COLUMNS - 10, "");
                count_cell(buf, bin.rows);
                ratio_cell(buf, bin.confidence / (double)bin.rows);
                ratio_cell(buf, (double)bin.hits / (double)bin.rows);
                end_row(buf);
        }
        heading(buf, "coverage of all rows", "share|confidence");
        for (size_t i = 0; i < EVAL_COVERS; i++) {
                buf_printf(buf, "at %.0f %% accuracy%*s", e->covers[i].accuracy * 100, NAME_COLUMNS - 16, "");
                ratio_cell(buf, e->covers[i].share);
                ratio_cell(buf, e->covers[i].share > 0 ? e->covers[i].threshold : (double)NAN);
                end_row(buf);
        }
}

static void write_intents(const struct measure *m, struct buf *buf)
{
        heading(buf, "intent", "rows|category right|intent right");
        for (enum intent i = 0; i < INTENT_COUNT; i++) {
                if (!m->intent_rows[i])
                        continue;
                begin_row(buf, str_from(intent_name(i)));
                count_cell(buf, m->intent_rows[i]);
                ratio_cell(buf, (double)m->intent_category_hits[i] / (double)m->intent_rows[i]);
                ratio_cell(buf, (double)m->intent_hits[i] / (double)m->intent_rows[i]);
                end_row(buf);
        }
}

static void write_groups(const char *what, const struct eval_names *names, const struct measure *measures, struct buf *buf)
{
        if (names->count <= 1)
                return;
        heading(buf, what, "rows|accuracy|macro-F1|safety recall|false alarms|ECE, all rows|o. of s. held");
        for (size_t i = 0; i < names->count; i++) {
                const struct measure *m = &measures[i];
                if (!m->rows)
                        continue;
                begin_row(buf, names->names[i].len ? names->names[i] : STR("(none)"));
                count_cell(buf, m->rows);
                ratio_cell(buf, measure_accuracy(m));
                ratio_cell(buf, measure_macro_f1(m));
                ratio_cell(buf, measure_recall(m, CATEGORY_SAFETY_COMPLIANCE));
                ratio_cell(buf, measure_false_alarms(m));
                ratio_cell(buf, measure_calibration_error(m, false));
                ratio_cell(buf, measure_scope_handled(m));
                end_row(buf);
        }
}

static void write_llm(const struct evaluation *e, struct buf *buf)
{
        if (e->mode == MODE_LOCAL)
                return;
        heading(buf, "decided by", "rows");
        for (enum source i = 0; i < SOURCE_COUNT; i++) {
                begin_row(buf, str_from(source_name(i)));
                count_cell(buf, e->decided_by[i]);
                end_row(buf);
        }
        for (enum llm_status i = LLM_OK + 1; i < LLM_STATUS_COUNT; i++)
                if (e->fallbacks[i])
                        buf_printf(buf, "no answer of an LLM: %zu, %s\n", e->fallbacks[i], llm_status_name(i));
}

static void write_mistakes(const struct evaluation *e, struct buf *buf)
{
        if (e->mistake_count)
                buf_append_str(buf, STR("\nmost confident mistakes, redacted\n"));
        for (size_t i = 0; i < e->mistake_count; i++) {
                const struct eval_row *row = &e->rows->rows[e->mistakes[i]];
                const struct eval_result *result = &e->results[e->mistakes[i]];
                struct arena arena;
                arena_init(&arena, EXCERPT_ARENA_BYTES);
                struct str text = eval_excerpt(row, &arena);
                buf_printf(buf, "%.4f  %s (%s), right is %s  %s:%u\n        %.*s\n", result->measured.confidence,
                           category_name(result->measured.category), intent_name(result->measured.intent),
                           eval_truth_name(row->truth), e->rows->paths[row->file], row->line, STR_ARGS(text));
                arena_deinit(&arena);
        }
}

void eval_write_text(const struct evaluation *e, struct buf *buf)
{
        double rows = (double)e->total.rows;
        write_origin(e, buf);
        write_figures(&e->total, buf);
        write_categories(&e->total, buf);
        write_safety(e, buf);
        write_reliability(e, buf);
        write_intents(&e->total, buf);
        write_groups("source", &e->rows->sources, e->sources, buf);
        write_groups("quality", &e->rows->qualities, e->qualities, buf);
        write_llm(e, buf);
        write_mistakes(e, buf);
        buf_printf(buf, "\n%.0f messages a second, %.2f us a message of %.0f bytes%s\n", rows / e->seconds,
                   e->seconds / rows * 1e6, (double)e->bytes / rows, e->mode == MODE_LOCAL ? ", one thread" : "");
        buf_printf(buf, "temperature for the embedded model on these rows: %.3f (1: as it is)\n", e->temperature);
}
