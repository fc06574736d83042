/* SPDX-License-Identifier: Apache-2.0 */
/* `triaged eval` inside: rows are decided (eval_decide.c, eval_llm.c), summed up (eval_sum.c) and reported as text,
 * JSON and HTML (eval_text.c, eval_json.c, eval_html.c). */
#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include "cli/eval_rows.h"
#include "cli/session.h"
#include "text/measure_fit.h"

enum {
        EVAL_MISTAKES_MAX = 1000,
        EVAL_CURVE_MAX = 1024,
        EVAL_BUDGETS = 4,
        EVAL_COVERS = 2,
};

/* What was decided about a row. */
struct eval_result {
        struct measured measured;
        enum source source;
        enum basis basis;
        enum llm_status fallback;
        double raw;    /* the LLM's probability before the policy's calibration; -1: no LLM has decided */
        double danger; /* what the row's place on the curve of false alarms follows from: 1 for a rule of the net */
        double spread[MEASURE_TRUTHS]; /* the embedded model's own probabilities */
};

/* The curve of false alarms at one threshold. */
struct eval_alarm {
        double budget; /* false alarms that were allowed */
        double threshold;
        double false_alarms;
        double recall;
};

struct eval_cover {
        double accuracy; /* wanted */
        double share;    /* of the rows: those from `threshold` on */
        double threshold;
};

/* A Platt scaling for one kind of LLM confidence. */
struct eval_platt { /* slope 0: nothing could be fitted */
        size_t rows;
        double slope;
        double offset;
        double error_before; /* calibration error */
        double error_after;
};

struct evaluation {
        const struct eval_rows *rows;
        const struct session *session;
        struct eval_result *results; /* owns; beside rows->rows */
        enum mode mode;
        double safety_threshold;
        struct measure total;
        struct measure *sources;   /* owns; beside rows->sources */
        struct measure *qualities; /* owns */
        struct measure net;        /* of the safety net alone: what it finds is safety, all else informational */
        struct eval_alarm curve[EVAL_CURVE_MAX];
        size_t curve_count;
        struct eval_alarm alarms[EVAL_BUDGETS];
        struct eval_cover covers[EVAL_COVERS];
        double temperature; /* that the embedded model would want on these rows, on top of its own */
        struct eval_platt platt[BASIS_COUNT]; /* BASIS_LOGPROBS, BASIS_STATED */
        size_t decided_by[SOURCE_COUNT];
        size_t fallbacks[LLM_STATUS_COUNT]; /* [LLM_OK] unused */
        size_t *mistakes;                   /* owns; rows, the most confident first */
        size_t mistake_count;
        double seconds; /* that deciding took */
        size_t bytes;   /* of all texts */
};

/* Decides every row with what this process holds; fills `results`. False after a complaint. */
bool eval_decide_local(struct evaluation *evaluation);

/* The same in mode llm or cascade, `jobs` rows at a time. False after a complaint. */
bool eval_decide_llm(struct evaluation *evaluation, const struct settings *settings, size_t jobs);

/* Puts a verdict beside its row. */
void eval_take_verdict(struct evaluation *evaluation, size_t row, const struct verdict *verdict,
                       const struct sighting *sighting);

/* Fills in all that follows from rows and results. */
void eval_sum(struct evaluation *evaluation, size_t mistakes_wanted);
void eval_free(struct evaluation *evaluation);

/* The row's text, redacted and cut, with no control character in it; in the arena. */
struct str eval_excerpt(const struct eval_row *row, struct arena *arena);

/* "out_of_scope" or the category's name. */
const char *eval_truth_name(size_t truth);

void eval_write_text(const struct evaluation *evaluation, struct buf *buf);
void eval_write_json(const struct evaluation *evaluation, struct buf *buf);
void eval_write_html(const struct evaluation *evaluation, struct buf *buf);

/* The section `calibration` of llm.yaml, with the policy's own values where there was nothing to fit. */
void eval_write_fit(const struct evaluation *evaluation, struct buf *buf);

#endif
