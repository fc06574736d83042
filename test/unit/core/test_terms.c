/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/terms.h"

/* The names are the API's contract and stand in every record, so they are spelled out here once more. */
static const struct {
        enum intent intent;
        const char *name;
        enum category category;
} intents[] = {
        {INTENT_FAQ, "faq", CATEGORY_INFORMATIONAL},
        {INTENT_TICKET_CREATION, "ticket_creation", CATEGORY_SERVICE_ACTION},
        {INTENT_ORDER_TRACKING, "order_tracking", CATEGORY_SERVICE_ACTION},
        {INTENT_ORDER_CHANGE, "order_change", CATEGORY_SERVICE_ACTION},
        {INTENT_REFUND, "refund", CATEGORY_SERVICE_ACTION},
        {INTENT_CANCELLATION, "cancellation", CATEGORY_SERVICE_ACTION},
        {INTENT_ACCOUNT_UPDATE, "account_update", CATEGORY_SERVICE_ACTION},
        {INTENT_PLACE_ORDER, "place_order", CATEGORY_SERVICE_ACTION},
        {INTENT_BILLING, "billing", CATEGORY_SERVICE_ACTION},
        {INTENT_HUMAN_AGENT, "human_agent", CATEGORY_SERVICE_ACTION},
        {INTENT_FRAUD, "fraud", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_PRODUCT_SAFETY, "product_safety", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_LEGAL_REGULATORY, "legal_regulatory", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_HARASSMENT_ABUSE, "harassment_abuse", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_PRIVACY, "privacy", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_SELF_HARM, "self_harm", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_THREAT, "threat", CATEGORY_SAFETY_COMPLIANCE},
        {INTENT_OTHER, "other", CATEGORY_COUNT},
};

static void every_intent_has_its_name_and_category(void **state)
{
        (void)state;
        assert_int_equal(sizeof intents / sizeof *intents, INTENT_COUNT);
        for (size_t i = 0; i < INTENT_COUNT; i++) {
                enum intent found = INTENT_NONE;
                assert_string_equal(intent_name(intents[i].intent), intents[i].name);
                assert_true(intent_from(str_from(intents[i].name), &found));
                assert_int_equal(found, intents[i].intent);
                if (intents[i].category != CATEGORY_COUNT)
                        assert_int_equal(intent_category(found), intents[i].category);
        }
}

/* One vocabulary through its name and its finder. */
#define TERM(term)                                                                      \
        static const char *term##_text(int value)                                       \
        {                                                                               \
                return term##_name((enum term)value);                                   \
        }                                                                               \
        static int term##_found(const char *name)                                       \
        {                                                                               \
                enum term value = (enum term)77;                                        \
                bool is_found = term##_from(str_from(name), &value);                    \
                if (!is_found)                                                          \
                        assert_int_equal(value, 77);                                    \
                return is_found ? (int)value : -1;                                      \
        }

TERM(category)
TERM(severity)
TERM(channel)
TERM(priority)
TERM(ticket_status)
TERM(notice)
TERM(intent)

static void no_intent_has_no_name(void **state)
{
        (void)state;
        assert_null(intent_text(INTENT_NONE));
}

static const struct {
        const char *(*text)(int value);
        int (*found)(const char *name);
        const char *names[9];
} vocabularies[] = {
        {category_text, category_found, {"informational", "service_action", "safety_compliance"}},
        {severity_text, severity_found, {"none", "standard", "high", "urgent"}},
        {channel_text, channel_found, {"chat", "voice", "mail", "api"}},
        {priority_text, priority_found, {"low", "medium", "high", "urgent"}},
        {ticket_status_text, ticket_status_found, {"open", "pending", "resolved", "closed"}},
        {notice_text, notice_found, {"ticket.created", "compliance.created", "review.created", "review.reminder",
                                     "review.breached", "review.escalated", "subject.erased", "audit.checkpoint"}},
};

static void every_vocabulary_is_found_by_the_names_that_it_gives(void **state)
{
        (void)state;
        for (size_t v = 0; v < sizeof vocabularies / sizeof *vocabularies; v++)
                for (int i = 0; vocabularies[v].names[i]; i++) {
                        assert_string_equal(vocabularies[v].text(i), vocabularies[v].names[i]);
                        assert_int_equal(vocabularies[v].found(vocabularies[v].names[i]), i);
                }
}

static void a_name_is_whole_and_exact(void **state)
{
        (void)state;
        static const char *const strangers[] = {NULL,    "",        "Chat", "chat ",
                                                "urgen", "urgents", "faqs", "informational\n"};
        for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
                for (size_t v = 0; v < sizeof vocabularies / sizeof *vocabularies; v++)
                        assert_int_equal(vocabularies[v].found(strangers[i]), -1);
                assert_int_equal(intent_found(strangers[i]), -1);
        }
}

static void severities_are_ordered(void **state)
{
        (void)state;
        assert_true(SEVERITY_NONE < SEVERITY_STANDARD);
        assert_true(SEVERITY_STANDARD < SEVERITY_HIGH);
        assert_true(SEVERITY_HIGH < SEVERITY_URGENT);
}

static void sources_have_the_names_of_the_contract(void **state)
{
        (void)state;
        assert_string_equal(source_name(SOURCE_LLM), "llm");
        assert_string_equal(source_name(SOURCE_LOCAL), "local");
        assert_string_equal(source_name(SOURCE_SAFETY_NET), "safety_net");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_intent_has_its_name_and_category),
                cmocka_unit_test(no_intent_has_no_name),
                cmocka_unit_test(every_vocabulary_is_found_by_the_names_that_it_gives),
                cmocka_unit_test(a_name_is_whole_and_exact),
                cmocka_unit_test(severities_are_ordered),
                cmocka_unit_test(sources_have_the_names_of_the_contract),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
