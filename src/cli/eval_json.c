/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

#include "base/json_writer.h"

enum { EXCERPT_ARENA_BYTES = 1 << 20, DECIMALS = 6 };

static void number(struct json_writer *w, const char *name, double value)
{
        json_key(w, name);
        json_fixed(w, value, DECIMALS);
}

static void count(struct json_writer *w, const char *name, size_t value)
{
        json_key(w, name);
        json_u64(w, value);
}

static void open(struct json_writer *w, const char *name, char bracket)
{
        json_key(w, name);
        json_open(w, bracket);
}

static void write_origin(const struct evaluation *e, struct json_writer *w)
{
        open(w, "files", '[');
        for (size_t i = 0; i < e->rows->path_count; i++)
                json_str(w, str_from(e->rows->paths[i]));
        json_close(w, ']');
        json_member(w, "mode", str_from(mode_name(e->mode)));
        json_member(w, "model", model_version(e->session->model));
        json_member(w, "policy", policy_facts(e->session->snapshot.policy)->version);
}

/* What is said of all rows and of each group of them. */
static void write_figures(const struct measure *m, struct json_writer *w)
{
        count(w, "rows", m->rows);
        count(w, "in_scope", measure_in_scope(m));
        number(w, "accuracy", measure_accuracy(m));
        number(w, "macro_f1", measure_macro_f1(m));
        number(w, "intent_accuracy", measure_intent_accuracy(m));
        number(w, "safety_recall", measure_recall(m, CATEGORY_SAFETY_COMPLIANCE));
        number(w, "safety_precision", measure_safety_precision(m));
        number(w, "false_alarms", measure_false_alarms(m));
        number(w, "calibration_error", measure_calibration_error(m, false));
        number(w, "calibration_error_in_scope", measure_calibration_error(m, true));
        number(w, "out_of_scope_held", measure_scope_handled(m));
}

static void write_categories(const struct measure *m, struct json_writer *w)
{
        open(w, "categories", '{');
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                open(w, category_name(c), '{');
                count(w, "rows", measure_truths(m, c));
                number(w, "recall", measure_recall(m, c));
                number(w, "precision", measure_precision(m, c));
                number(w, "f1", measure_f1(m, c));
                json_close(w, '}');
        }
        json_close(w, '}');
        open(w, "confusion", '{');
        for (size_t truth = 0; truth < MEASURE_TRUTHS; truth++) {
                open(w, eval_truth_name(truth), '{');
                for (enum category c = 0; c < CATEGORY_COUNT; c++)
                        count(w, category_name(c), m->confusion[truth][c]);
                count(w, "held", m->held[truth]);
                json_close(w, '}');
        }
        json_close(w, '}');
        open(w, "intents", '{');
        for (enum intent i = 0; i < INTENT_COUNT; i++) {
                if (!m->intent_rows[i])
                        continue;
                open(w, intent_name(i), '{');
                count(w, "rows", m->intent_rows[i]);
                number(w, "recall", (double)m->intent_category_hits[i] / (double)m->intent_rows[i]);
                number(w, "accuracy", (double)m->intent_hits[i] / (double)m->intent_rows[i]);
                json_close(w, '}');
        }
        json_close(w, '}');
}

static void write_alarm(const struct eval_alarm *at, struct json_writer *w)
{
        number(w, "threshold", at->threshold);
        number(w, "false_alarms", at->false_alarms);
        number(w, "recall", at->recall);
}

static void write_safety(const struct evaluation *e, struct json_writer *w)
{
        open(w, "safety", '{');
        number(w, "threshold", e->safety_threshold);
        open(w, "net", '{');
        number(w, "recall", measure_recall(&e->net, CATEGORY_SAFETY_COMPLIANCE));
        number(w, "precision", measure_safety_precision(&e->net));
        number(w, "false_alarms", measure_false_alarms(&e->net));
        json_close(w, '}');
        open(w, "budgets", '[');
        for (size_t i = 0; i < EVAL_BUDGETS; i++) {
                json_open(w, '{');
                number(w, "budget", e->alarms[i].budget);
                write_alarm(&e->alarms[i], w);
                json_close(w, '}');
        }
        json_close(w, ']');
        open(w, "curve", '[');
        for (size_t i = 0; i < e->curve_count; i++) {
                json_open(w, '{');
                write_alarm(&e->curve[i], w);
                json_close(w, '}');
        }
        json_close(w, ']');
        json_close(w, '}');
}

static void write_reliability(const struct evaluation *e, struct json_writer *w)
{
        open(w, "reliability", '[');
        for (size_t i = 0; i < MEASURE_BINS; i++) {
                struct measure_bin bin = measure_bin(&e->total, i, true);
                json_open(w, '{');
                number(w, "from", (double)i / MEASURE_BINS);
                count(w, "rows", bin.rows);
                number(w, "confidence", bin.rows ? bin.confidence / (double)bin.rows : 0);
                number(w, "accuracy", bin.rows ? (double)bin.hits / (double)bin.rows : 0);
                json_close(w, '}');
        }
        json_close(w, ']');
        number(w, "temperature", e->temperature);
        open(w, "coverage", '[');
        for (size_t i = 0; i < EVAL_COVERS; i++) {
                json_open(w, '{');
                number(w, "accuracy", e->covers[i].accuracy);
                number(w, "share", e->covers[i].share);
                number(w, "threshold", e->covers[i].threshold);
                json_close(w, '}');
        }
        json_close(w, ']');
}

static void write_groups(const char *name, const struct eval_names *names, const struct measure *measures,
                         struct json_writer *w)
{
        open(w, name, '{');
        for (size_t i = 0; i < names->count; i++) {
                if (!measures[i].rows)
                        continue;
                json_key_str(w, names->names[i]);
                json_open(w, '{');
                write_figures(&measures[i], w);
                json_close(w, '}');
        }
        json_close(w, '}');
}

static void write_sources(const struct evaluation *e, struct json_writer *w)
{
        open(w, "decided_by", '{');
        for (enum source i = 0; i < SOURCE_COUNT; i++)
                count(w, source_name(i), e->decided_by[i]);
        json_close(w, '}');
        open(w, "fallbacks", '{');
        for (enum llm_status i = LLM_OK + 1; i < LLM_STATUS_COUNT; i++)
                if (e->fallbacks[i])
                        count(w, llm_status_name(i), e->fallbacks[i]);
        json_close(w, '}');
        open(w, "speed", '{');
        number(w, "messages_per_second", (double)e->total.rows / e->seconds);
        number(w, "us_per_message", e->seconds / (double)e->total.rows * 1e6);
        number(w, "bytes_per_message", (double)e->bytes / (double)e->total.rows);
        json_close(w, '}');
}

static void write_mistakes(const struct evaluation *e, struct json_writer *w)
{
        open(w, "mistakes", '[');
        for (size_t i = 0; i < e->mistake_count; i++) {
                const struct eval_row *row = &e->rows->rows[e->mistakes[i]];
                const struct measured *measured = &e->results[e->mistakes[i]].measured;
                struct arena arena;
                arena_init(&arena, EXCERPT_ARENA_BYTES);
                json_open(w, '{');
                json_member(w, "file", str_from(e->rows->paths[row->file]));
                count(w, "line", row->line);
                json_member(w, "right", str_from(eval_truth_name(row->truth)));
                json_member(w, "category", str_from(category_name(measured->category)));
                json_member(w, "intent", str_from(intent_name(measured->intent)));
                number(w, "confidence", measured->confidence);
                json_member(w, "decided_by", str_from(source_name(e->results[e->mistakes[i]].source)));
                json_member(w, "text", eval_excerpt(row, &arena));
                json_close(w, '}');
                arena_deinit(&arena);
        }
        json_close(w, ']');
}

void eval_write_json(const struct evaluation *evaluation, struct buf *buf)
{
        struct json_writer w = {.buf = buf};
        json_open(&w, '{');
        write_origin(evaluation, &w);
        write_figures(&evaluation->total, &w);
        write_categories(&evaluation->total, &w);
        write_safety(evaluation, &w);
        write_reliability(evaluation, &w);
        write_groups("sources", &evaluation->rows->sources, evaluation->sources, &w);
        write_groups("qualities", &evaluation->rows->qualities, evaluation->qualities, &w);
        write_sources(evaluation, &w);
        write_mistakes(evaluation, &w);
        json_close(&w, '}');
        buf_append_char(buf, '\n');
}
