/* SPDX-License-Identifier: Apache-2.0 */
/* What deciding needs without a server: the policy and the model, and the steps of flow/triage.c up to
 * the verdict, in the same order and with the same code. Nothing is recorded.
 *
 * A session does not change once it is open: any number of threads may use it.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/buf.h"
#include "flow/decide.h"
#include "policy/settings.h"

struct session {
        struct snapshot snapshot; /* `knowledge` is the caller's, if it wants one */
        struct model *model;      /* owns */
        struct buf model_file;    /* owns; empty with the embedded model */
};

/* What safety net, redactor and model see in a text; decide() makes a verdict of it. */
struct sighting {
        struct safety_finding finding;
        struct safe_text text;
        bool is_withheld; /* danger in a text that cannot be redacted: `text` only says that */
        struct model_verdict classified;
};

/* `model_path` NULL: the embedded model. Close it whatever the result. */
enum err session_open(const struct settings *settings, const char *model_path, struct session *session,
                      struct err_note *note) MUST_USE;
void session_close(struct session *session);

/* NULL, or what is wrong with the field `text` as a message. */
const char *session_fault_of(struct str trimmed);

/* False: it cannot be redacted, and there is no sign of danger in it. Borrows from text and arena. */
bool session_look(const struct session *session, struct raw_text text, struct arena *arena,
                  struct sighting *ret_sighting) MUST_USE;

/* The categories' probabilities behind a verdict: the model's, raised for what a rule or an LLM has
 * decided, so that the verdict's category has the verdict's confidence. What is missing to 1 is out of scope. */
void session_probabilities(const struct verdict *verdict, const struct model_verdict *classified,
                           double ret_probabilities[CATEGORY_COUNT]);

#endif
