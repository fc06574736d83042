/* SPDX-License-Identifier: Apache-2.0 */
/* The charts of the HTML report, as inline SVG: each is an image with a title and a description, coloured by the
 * page's variables (--ink, --faint, --accent, --other). */
#ifndef CLI_EVAL_CHARTS_H
#define CLI_EVAL_CHARTS_H

#include "cli/eval.h"

/* Text from elsewhere, safe between tags and in quoted attributes. */
void html_escape(struct buf *buf, struct str text);

void chart_reliability(const struct evaluation *evaluation, struct buf *buf);
void chart_alarms(const struct evaluation *evaluation, struct buf *buf);
void chart_confusion(const struct evaluation *evaluation, struct buf *buf);

#endif
