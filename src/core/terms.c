/* SPDX-License-Identifier: Apache-2.0 */
#include "core/terms.h"

#include <assert.h>

static const char *const categories[CATEGORY_COUNT] = {
#define CATEGORY(symbol, name) [CATEGORY_##symbol] = name,
#include "core/category.def"
#undef CATEGORY
};

static const char *const intents[INTENT_COUNT + 1] = {
#define INTENT(symbol, name, category) [INTENT_##symbol] = name,
#include "core/intent.def"
#undef INTENT
};

static const char *const notices[NOTICE_COUNT] = {
#define NOTICE(symbol, name) [NOTICE_##symbol] = name,
#include "core/notice.def"
#undef NOTICE
};

static const enum category categories_of_intents[INTENT_COUNT] = {
#define INTENT(symbol, name, category) [INTENT_##symbol] = CATEGORY_##category,
#include "core/intent.def"
#undef INTENT
};

static const char *const severities[SEVERITY_COUNT] = {"none", "standard", "high", "urgent"};
static const char *const channels[CHANNEL_COUNT] = {"chat", "voice", "mail", "api"};
static const char *const priorities[PRIORITY_COUNT] = {"low", "medium", "high", "urgent"};
static const char *const ticket_statuses[TICKET_STATUS_COUNT] = {"open", "pending", "resolved", "closed"};
static const char *const sources[SOURCE_COUNT] = {"llm", "local", "safety_net"};
static const char *const bases[BASIS_COUNT] = {"model", "rule", "logprobs", "stated"};

static bool find(const char *const *names, size_t count, struct str name, size_t *ret_index)
{
        for (size_t i = 0; i < count; i++) {
                if (!str_equal(name, str_from(names[i])))
                        continue;
                *ret_index = i;
                return true;
        }
        return false;
}

#define NAME_AND_FIND(term, table, limit)                                   \
        const char *term##_name(enum term term)                             \
        {                                                                   \
                assert((size_t)term < sizeof table / sizeof *table);        \
                return table[term];                                         \
        }                                                                   \
        bool term##_from(struct str name, enum term *ret_##term)            \
        {                                                                   \
                size_t index;                                               \
                bool is_found = find(table, limit, name, &index);           \
                if (is_found)                                               \
                        *ret_##term = (enum term)index;                     \
                return is_found;                                            \
        }

NAME_AND_FIND(category, categories, CATEGORY_COUNT)
NAME_AND_FIND(intent, intents, INTENT_COUNT)
NAME_AND_FIND(severity, severities, SEVERITY_COUNT)
NAME_AND_FIND(channel, channels, CHANNEL_COUNT)
NAME_AND_FIND(priority, priorities, PRIORITY_COUNT)
NAME_AND_FIND(ticket_status, ticket_statuses, TICKET_STATUS_COUNT)
NAME_AND_FIND(notice, notices, NOTICE_COUNT)

const char *source_name(enum source source)
{
        assert(source < SOURCE_COUNT);
        return sources[source];
}

const char *basis_name(enum basis basis)
{
        assert(basis < BASIS_COUNT);
        return bases[basis];
}

enum category intent_category(enum intent intent)
{
        assert(intent < INTENT_OTHER);
        return categories_of_intents[intent];
}

bool locale_is_tag(struct str text)
{
        if (text.len < 2 || text.len > 35)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_letter && (i < 2 || !((c >= '0' && c <= '9') || c == '-')))
                        return false;
        }
        return true;
}
