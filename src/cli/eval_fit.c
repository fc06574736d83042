/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

static void write_platt(const struct evaluation *e, enum basis basis, const char *key,
                        const struct policy_calibration *now, struct buf *buf)
{
        const struct eval_platt *fit = &e->platt[basis];
        bool is_fitted = fit->slope > 0;
        if (is_fitted)
                buf_printf(buf, "  # %zu rows; calibration error %.4f before, %.4f after\n", fit->rows, fit->error_before,
                           fit->error_after);
        else
                buf_printf(buf, "  # not fitted: %zu rows, and both right and wrong ones are needed\n", fit->rows);
        buf_printf(buf, "  %s:\n    slope: %.4f\n    offset: %.4f\n", key, is_fitted ? fit->slope : now->slope,
                   is_fitted ? fit->offset : now->offset);
}

void eval_write_fit(const struct evaluation *e, struct buf *buf)
{
        const struct policy_facts *policy = policy_facts(e->session->snapshot.policy);
        const struct str model = model_version(e->session->model);
        buf_printf(buf, "# Fitted by `triaged eval` on %zu rows, mode %s; replaces `calibration` in llm.yaml.\n"
                        "# The embedded model %.*s wants a temperature of %.3f on these rows, on top of its own.\n"
                        "calibration:\n",
                   e->total.rows, mode_name(e->mode), STR_ARGS(model), e->temperature);
        write_platt(e, BASIS_LOGPROBS, "token_probability", &policy->llm.token_probability, buf);
        write_platt(e, BASIS_STATED, "stated", &policy->llm.stated, buf);
}
