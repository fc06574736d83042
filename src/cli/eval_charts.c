/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval_charts.h"

/* The plot is a square of SIDE in a picture that leaves room for the labels of the axes. */
enum { SIDE = 300, LEFT = 54, TOP = 12, WIDTH = 380, HEIGHT = 360, TICKS = 5, CELL_WIDTH = 122, CELL_HEIGHT = 52 };

static const double alarms_shown = 0.25; /* where the axis of false alarms ends */

void html_escape(struct buf *buf, struct str text)
{
        for (size_t i = 0; i < text.len; i++) {
                switch (text.ptr[i]) {
                case '&':
                        buf_append_str(buf, STR("&amp;"));
                        break;
                case '<':
                        buf_append_str(buf, STR("&lt;"));
                        break;
                case '>':
                        buf_append_str(buf, STR("&gt;"));
                        break;
                case '"':
                        buf_append_str(buf, STR("&quot;"));
                        break;
                case '\'':
                        buf_append_str(buf, STR("&#39;"));
                        break;
                default:
                        buf_append_char(buf, text.ptr[i]);
                }
        }
}

static void begin(struct buf *buf, const char *id, int width, int height, const char *title)
{
        buf_printf(buf,
                   "<svg role=\"img\" aria-labelledby=\"%s-t %s-d\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">"
                   "<title id=\"%s-t\">%s</title>",
                   id, id, width, height, width, height, id, title);
}

static double x_of(double share)
{
        return LEFT + SIDE * share;
}

static double y_of(double share)
{
        return TOP + SIDE * (1 - share);
}

/* Both axes with their ticks; `x_end` is the value at the right end. */
static void axes(struct buf *buf, double x_end, const char *x_label, const char *y_label)
{
        for (int i = 0; i <= TICKS; i++) {
                double share = (double)i / TICKS;
                buf_printf(buf, "<path class=\"grid\" d=\"M%d %.1fH%dM%.1f %dV%d\"/>", LEFT, y_of(share), LEFT + SIDE,
                           x_of(share), TOP, TOP + SIDE);
                buf_printf(buf, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.2g</text>", x_of(share),
                           TOP + SIDE + 16, share * x_end);
                buf_printf(buf, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.2g</text>", LEFT - 6, y_of(share) + 4, share);
        }
        buf_printf(buf, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", LEFT + SIDE / 2, TOP + SIDE + 36, x_label);
        buf_printf(buf, "<text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>", TOP + SIDE / 2,
                   y_label);
}

void chart_reliability(const struct evaluation *e, struct buf *buf)
{
        begin(buf, "reliability", WIDTH, HEIGHT, "Reliability diagram");
        buf_printf(buf, "<desc id=\"reliability-d\">How often decisions of each tenth of confidence were right; on the diagonal "
                        "confidence is honest. The table below has the numbers.</desc>");
        axes(buf, 1, "confidence", "share that was right");
        for (size_t i = 0; i < MEASURE_BINS; i++) {
                struct measure_bin bin = measure_bin(&e->total, i, true);
                if (!bin.rows)
                        continue;
                double was = (double)bin.hits / (double)bin.rows, said = bin.confidence / (double)bin.rows;
                buf_printf(buf, "<g><title>%zu rows: said %.3f, was %.3f</title><rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" "
                                "width=\"%.1f\" height=\"%.1f\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></g>",
                           bin.rows, said, was, x_of((double)i / MEASURE_BINS) + 1, y_of(was),
                           (double)SIDE / MEASURE_BINS - 2, SIDE * was, x_of(said), y_of(was));
        }
        buf_printf(buf, "<path class=\"ideal\" d=\"M%d %dL%d %d\"/></svg>\n", LEFT, TOP + SIDE, LEFT + SIDE, TOP);
}

static void mark(struct buf *buf, const char *class, const struct measure *m, const char *name)
{
        double recall = measure_recall(m, CATEGORY_SAFETY_COMPLIANCE), alarms = measure_false_alarms(m);
        double share = alarms < alarms_shown ? alarms / alarms_shown : 1;
        buf_printf(buf, "<g><title>%s: recall %.4f at %.4f false alarms</title><circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" "
                        "r=\"5\"/><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text></g>",
                   name, recall, alarms, class, x_of(share), y_of(recall), x_of(share) + (share > 0.7 ? -9 : 9),
                   y_of(recall) + 14, share > 0.7 ? "end" : "start", name);
}

void chart_alarms(const struct evaluation *e, struct buf *buf)
{
        size_t dangers = measure_truths(&e->total, CATEGORY_SAFETY_COMPLIANCE);
        if (dangers == 0 || dangers == e->total.rows) {
                buf_append_str(buf, STR("<p>Safety matters and others are needed for this chart.</p>"));
                return;
        }
        begin(buf, "alarms", WIDTH, HEIGHT, "False-alarm curve of safety matters");
        buf_printf(buf, "<desc id=\"alarms-d\">Recall of safety matters against false alarms for every threshold, up to a share of "
                        "%.2f. As decided: recall %.4f at %.4f false alarms. The table below has more points.</desc>",
                   alarms_shown, measure_recall(&e->total, CATEGORY_SAFETY_COMPLIANCE), measure_false_alarms(&e->total));
        axes(buf, alarms_shown, "false alarms (share of all other rows)", "recall");
        buf_append_str(buf, STR("<path class=\"curve\" d=\""));
        for (size_t i = 0; i < e->curve_count && e->curve[i].false_alarms <= alarms_shown; i++)
                buf_printf(buf, "%c%.1f %.1f", i ? 'L' : 'M', x_of(e->curve[i].false_alarms / alarms_shown),
                           y_of(e->curve[i].recall));
        buf_append_str(buf, STR("\"/>"));
        mark(buf, "dot", &e->total, "as decided");
        mark(buf, "other", &e->net, "rules alone");
        buf_append_str(buf, STR("</svg>\n"));
}

static void confusion_row(const struct measure *m, size_t truth, struct buf *buf)
{
        size_t rows = measure_truths(m, truth);
        int y = 28 + (int)truth * CELL_HEIGHT;
        buf_printf(buf, "<text x=\"134\" y=\"%d\" text-anchor=\"end\">%s</text>", y + CELL_HEIGHT / 2 + 4, eval_truth_name(truth));
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                int x = 142 + (int)c * CELL_WIDTH;
                double share = rows ? (double)m->confusion[truth][c] / (double)rows : 0;
                buf_printf(buf, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill-opacity=\"%.2f\"/>",
                           truth == (size_t)c ? "right" : "wrong", x, y, CELL_WIDTH - 2, CELL_HEIGHT - 2, 0.05 + 0.6 * share);
                buf_printf(buf, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%zu</text>"
                                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.1f %%</text>",
                           x + CELL_WIDTH / 2, y + 22, m->confusion[truth][c], x + CELL_WIDTH / 2, y + 40, share * 100);
        }
}

void chart_confusion(const struct evaluation *e, struct buf *buf)
{
        begin(buf, "confusion", 142 + CATEGORY_COUNT * CELL_WIDTH, 28 + MEASURE_TRUTHS * CELL_HEIGHT, "Confusion matrix");
        buf_append_str(buf, STR("<desc id=\"confusion-d\">What rows of each label (down) were decided to be (across), as a count and "
                                "as a share of the label's rows.</desc>"));
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                buf_printf(buf, "<text x=\"%d\" y=\"18\" text-anchor=\"middle\">%s</text>",
                           142 + (int)c * CELL_WIDTH + CELL_WIDTH / 2, category_name(c));
        for (size_t truth = 0; truth < MEASURE_TRUTHS; truth++)
                confusion_row(&e->total, truth, buf);
        buf_append_str(buf, STR("</svg>\n"));
}
