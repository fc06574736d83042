/* SPDX-License-Identifier: Apache-2.0 */
/* The closed vocabularies of triage: category, intent, severity, channel, priority, source.
 *
 * Each is an enum with a name as the API, the policy and the records spell it. x_name() gives the
 * name; x_from() finds the value, false for an unknown name.
 */
#ifndef CORE_TERMS_H
#define CORE_TERMS_H

#include "base/str.h"

enum category {
#define CATEGORY(symbol, name) CATEGORY_##symbol,
#include "core/category.def"
#undef CATEGORY
        CATEGORY_COUNT
};

enum intent {
#define INTENT(symbol, name, category) INTENT_##symbol,
#include "core/intent.def"
#undef INTENT
        INTENT_COUNT,
        INTENT_NONE = INTENT_COUNT
};

/* Ordered: the highest of several severities is their maximum. */
enum severity { SEVERITY_NONE, SEVERITY_STANDARD, SEVERITY_HIGH, SEVERITY_URGENT, SEVERITY_COUNT };

enum channel { CHANNEL_CHAT, CHANNEL_VOICE, CHANNEL_MAIL, CHANNEL_API, CHANNEL_COUNT };

enum priority { PRIORITY_LOW, PRIORITY_MEDIUM, PRIORITY_HIGH, PRIORITY_URGENT, PRIORITY_COUNT };

/* Of a ticket. */
enum ticket_status { TICKET_OPEN, TICKET_PENDING, TICKET_RESOLVED, TICKET_CLOSED, TICKET_STATUS_COUNT };

/* Who decided. */
enum source { SOURCE_LLM, SOURCE_LOCAL, SOURCE_SAFETY_NET, SOURCE_COUNT };

/* What another system is told of. */
enum notice {
#define NOTICE(symbol, name) NOTICE_##symbol,
#include "core/notice.def"
#undef NOTICE
        NOTICE_COUNT
};

/* Where a verdict's confidence comes from: the embedded model, the rule's measured precision, the LLM's
 * token probabilities, or what the LLM states about itself; the last two are calibrated by the policy. */
enum basis { BASIS_MODEL, BASIS_RULE, BASIS_LOGPROBS, BASIS_STATED, BASIS_COUNT };

const char *category_name(enum category category);
const char *intent_name(enum intent intent); /* INTENT_NONE: NULL */
const char *severity_name(enum severity severity);
const char *channel_name(enum channel channel);
const char *priority_name(enum priority priority);
const char *ticket_status_name(enum ticket_status ticket_status);
const char *notice_name(enum notice notice);
const char *source_name(enum source source);
const char *basis_name(enum basis basis);

bool category_from(struct str name, enum category *ret_category);
bool intent_from(struct str name, enum intent *ret_intent);
bool severity_from(struct str name, enum severity *ret_severity);
bool channel_from(struct str name, enum channel *ret_channel);
bool priority_from(struct str name, enum priority *ret_priority);
bool ticket_status_from(struct str name, enum ticket_status *ret_ticket_status);
bool notice_from(struct str name, enum notice *ret_notice);

/* Whether the text has the form of a BCP 47 language tag: "en", "de-AT". */
bool locale_is_tag(struct str text);

/* The category that the intent belongs to; not asked for INTENT_OTHER and INTENT_NONE. */
enum category intent_category(enum intent intent);

#endif
