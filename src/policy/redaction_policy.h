/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says about personal data, by where a text goes: redaction.yaml. Part of a policy (policy.h). */
#ifndef POLICY_REDACTION_POLICY_H
#define POLICY_REDACTION_POLICY_H

#include "text/redact.h"

enum redaction_sink { SINK_RECORD, SINK_LLM, SINK_EXPORT, SINK_COUNT };

/* "record"; SINK_COUNT for a name that is none. */
const char *redaction_sink_name(enum redaction_sink sink);
enum redaction_sink redaction_sink_from(struct str name);

struct redaction_policy {
        struct redact_manner manners[SINK_COUNT];
};

#endif
