/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval_charts.h"

#include <math.h>

enum { EXCERPT_ARENA_BYTES = 1 << 20 };

/* Nothing is loaded, whatever stands in the texts: the policy of the page forbids it, too. */
static const char head[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        "<title>triaged eval</title>\n<style>\n"
        ":root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#c9d0d8;--accent:#1f6feb;--other:#b35900}\n"
        "@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e3e8ee;--faint:#3b4552;--accent:#6cb0ff;--other:#ffa657}}\n"
        "body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;"
        "padding:0 1rem}\n"
        "table{border-collapse:collapse;margin:.5rem 0;font-variant-numeric:tabular-nums}\n"
        "caption{text-align:left;font-weight:600}th,td{padding:.2rem .7rem;border-bottom:1px solid var(--faint);text-align:right}\n"
        "th:first-child,td:first-child,td.text{text-align:left}.scroll{overflow-x:auto}\n"
        ".charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0}svg{max-width:100%;height:auto}\n"
        "svg text{fill:var(--ink);font-size:12px}.grid{stroke:var(--faint);fill:none}.bar{fill:var(--accent);fill-opacity:.35}\n"
        ".ideal{stroke:var(--ink);stroke-dasharray:4 4;fill:none}.curve{stroke:var(--accent);stroke-width:2;fill:none}\n"
        ".dot,.right{fill:var(--accent)}.other,.wrong{fill:var(--other)}\n"
        "</style></head><body><main>\n<h1>Decisions on labelled messages</h1>\n";

static void escape(struct buf *buf, const char *before, struct str text, const char *behind)
{
        buf_append_str(buf, str_from(before));
        html_escape(buf, text);
        buf_append_str(buf, str_from(behind));
}

/* Column headings separated by '|'. */
static void begin_table(struct buf *buf, const char *caption, const char *columns)
{
        struct str rest = str_from(columns);
        escape(buf, "<div class=\"scroll\"><table><caption>", str_from(caption), "</caption><thead><tr>");
        while (rest.ptr)
                escape(buf, "<th scope=\"col\">", str_split(&rest, '|'), "</th>");
        buf_append_str(buf, STR("</tr></thead><tbody>\n"));
}

static void end_table(struct buf *buf)
{
        buf_append_str(buf, STR("</tbody></table></div>\n"));
}

static void begin_row(struct buf *buf, struct str name)
{
        escape(buf, "<tr><th scope=\"row\">", name, "</th>");
}

static void count_cell(struct buf *buf, size_t value)
{
        buf_printf(buf, "<td>%zu</td>", value);
}

static void ratio_cell(struct buf *buf, double value)
{
        if (isnan(value))
                buf_append_str(buf, STR("<td>–</td>"));
        else
                buf_printf(buf, "<td>%.4f</td>", value);
}

static void write_origin(const struct evaluation *e, struct buf *buf)
{
        buf_printf(buf, "<p>%zu rows, mode %s, model ", e->total.rows, mode_name(e->mode));
        escape(buf, "", model_version(e->session->model), ", policy ");
        escape(buf, "", policy_facts(e->session->snapshot.policy)->version, "; files:");
        for (size_t i = 0; i < e->rows->path_count; i++)
                escape(buf, " <code>", str_from(e->rows->paths[i]), "</code>");
        buf_printf(buf, ". %.0f messages a second.</p>\n", (double)e->total.rows / e->seconds);
        buf_append_str(buf, STR("<p>Accuracy, F1 and recall are over rows in scope. A row out of scope has no right category: it is "
                                "handled well when the answer is held for a person because of its low confidence.</p>\n"));
}

static void write_groups(const char *caption, const char *what, const struct eval_names *names,
                         const struct measure *measures, struct buf *buf)
{
        begin_table(buf, caption, what);
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
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
}

#define GROUP_COLUMNS "|rows|accuracy|macro-F1|safety recall|false alarms|ECE, all rows|out of scope held"

static void write_totals(const struct evaluation *e, struct buf *buf)
{
        const struct eval_names all = {{STR_INIT("all")}, 1};
        write_groups("Figures", "rows" GROUP_COLUMNS, &all, &e->total, buf);
        begin_table(buf, "Categories", "category|rows|recall|precision|F1");
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                begin_row(buf, str_from(category_name(c)));
                count_cell(buf, measure_truths(&e->total, c));
                ratio_cell(buf, measure_recall(&e->total, c));
                ratio_cell(buf, measure_precision(&e->total, c));
                ratio_cell(buf, measure_f1(&e->total, c));
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
}

static void write_charts(const struct evaluation *e, struct buf *buf)
{
        buf_append_str(buf, STR("<h2>Charts</h2>\n<div class=\"charts\">\n<figure>"));
        chart_reliability(e, buf);
        buf_append_str(buf, STR("<figcaption>Reliability: the dots should be on the line.</figcaption></figure>\n<figure>"));
        chart_alarms(e, buf);
        buf_append_str(buf, STR("<figcaption>Safety: recall against false alarms.</figcaption></figure>\n<figure>"));
        chart_confusion(e, buf);
        buf_append_str(buf, STR("<figcaption>Confusion: labels down, decisions across.</figcaption></figure>\n</div>\n"));
}

static void write_safety(const struct evaluation *e, struct buf *buf)
{
        begin_table(buf, "Safety", "|recall|false alarms|threshold");
        begin_row(buf, STR("as decided"));
        ratio_cell(buf, measure_recall(&e->total, CATEGORY_SAFETY_COMPLIANCE));
        ratio_cell(buf, measure_false_alarms(&e->total));
        ratio_cell(buf, e->safety_threshold);
        buf_append_str(buf, STR("</tr>\n"));
        for (size_t i = 0; i < EVAL_BUDGETS; i++) {
                buf_printf(buf, "<tr><th scope=\"row\">at most %.0f %% false alarms</th>", e->alarms[i].budget * 100);
                ratio_cell(buf, e->alarms[i].recall);
                ratio_cell(buf, e->alarms[i].false_alarms);
                ratio_cell(buf, e->alarms[i].threshold);
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
}

static void write_confidence(const struct evaluation *e, struct buf *buf)
{
        begin_table(buf, "Reliability, rows in scope", "confidence from|rows|said|was");
        for (size_t i = 0; i < MEASURE_BINS; i++) {
                struct measure_bin bin = measure_bin(&e->total, i, true);
                double rows = bin.rows ? (double)bin.rows : 1;
                buf_printf(buf, "<tr><th scope=\"row\">%.1f</th>", (double)i / MEASURE_BINS);
                count_cell(buf, bin.rows);
                ratio_cell(buf, bin.confidence / rows);
                ratio_cell(buf, (double)bin.hits / rows);
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
        begin_table(buf, "Coverage of all rows", "accuracy|share|confidence from");
        for (size_t i = 0; i < EVAL_COVERS; i++) {
                buf_printf(buf, "<tr><th scope=\"row\">%.2f</th>", e->covers[i].accuracy);
                ratio_cell(buf, e->covers[i].share);
                ratio_cell(buf, e->covers[i].threshold);
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
}

static void write_intents(const struct measure *m, struct buf *buf)
{
        begin_table(buf, "Intents", "intent|rows|in its category|intent right");
        for (enum intent i = 0; i < INTENT_COUNT; i++) {
                if (!m->intent_rows[i])
                        continue;
                begin_row(buf, str_from(intent_name(i)));
                count_cell(buf, m->intent_rows[i]);
                ratio_cell(buf, (double)m->intent_category_hits[i] / (double)m->intent_rows[i]);
                ratio_cell(buf, (double)m->intent_hits[i] / (double)m->intent_rows[i]);
                buf_append_str(buf, STR("</tr>\n"));
        }
        end_table(buf);
}

static void write_mistakes(const struct evaluation *e, struct buf *buf)
{
        begin_table(buf, "Most confident mistakes, redacted", "row|confidence|decided|right|text");
        for (size_t i = 0; i < e->mistake_count; i++) {
                const struct eval_row *row = &e->rows->rows[e->mistakes[i]];
                const struct measured *measured = &e->results[e->mistakes[i]].measured;
                struct arena arena;
                arena_init(&arena, EXCERPT_ARENA_BYTES);
                begin_row(buf, arena_format(&arena, "%s:%u", e->rows->paths[row->file], row->line));
                ratio_cell(buf, measured->confidence);
                buf_printf(buf, "<td>%s, %s</td><td>%s</td>", category_name(measured->category),
                           intent_name(measured->intent), eval_truth_name(row->truth));
                escape(buf, "<td class=\"text\">", eval_excerpt(row, &arena), "</td></tr>\n");
                arena_deinit(&arena);
        }
        end_table(buf);
}

void eval_write_html(const struct evaluation *e, struct buf *buf)
{
        buf_append_str(buf, str_from(head));
        write_origin(e, buf);
        write_totals(e, buf);
        write_charts(e, buf);
        buf_append_str(buf, STR("<h2>Tables</h2>\n"));
        write_safety(e, buf);
        write_confidence(e, buf);
        write_intents(&e->total, buf);
        write_groups("Sources", "source" GROUP_COLUMNS, &e->rows->sources, e->sources, buf);
        write_groups("Qualities", "quality" GROUP_COLUMNS, &e->rows->qualities, e->qualities, buf);
        write_mistakes(e, buf);
        buf_append_str(buf, STR("</main></body></html>\n"));
}
