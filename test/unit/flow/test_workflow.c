/* SPDX-License-Identifier: Apache-2.0 */
/* The workflows under the shipped policy: each row of the table of actions. */
#include "unit/test.h"

#include "fake/world.h"
#include "flow/workflow.h"
#include "text/language.h"

#include <string.h>

enum { RECEIVED_MS = 1000000, MINUTE_MS = 60000 };

static struct world world;
static struct arena arena;
static const struct snapshot *snapshot;

static int set_up(void **state)
{
        (void)state;
        world_init(&world, 1, 1);
        snapshot = snapshot_pin(world.snapshots);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        snapshot_unpin(snapshot);
        world_deinit(&world);
        return 0;
}

static int set_up_arena(void **state)
{
        (void)state;
        arena_init(&arena, 1 << 20);
        return 0;
}

static int tear_down_arena(void **state)
{
        (void)state;
        arena_deinit(&arena);
        return 0;
}

/* A message that was decided: what a workflow looks at. Zeroes are a sure verdict on the channel chat. */
struct decided {
        const char *text;
        enum category category;
        enum intent intent;
        double doubt; /* confidence is 1 less this */
        enum severity severity;
        enum channel channel;
        const char *key, *value; /* one entry of metadata */
        enum source source;
        bool is_foreign;
};

static struct outcome run(const struct decided *decided)
{
        struct metadata_entry entry = {{str_from(decided->key)}, {str_from(decided->value)}};
        const struct message message = {
                .text.raw = str_from(decided->text),
                .channel = decided->channel,
                .metadata = &entry,
                .metadata_count = decided->key != NULL,
                .received_at_ms = RECEIVED_MS,
        };
        struct workflow workflow = {
                .snapshot = snapshot,
                .scratch = world.scratch,
                .message = &message,
                .text.safe = message.text.raw,
                .verdict = {.category = decided->category,
                            .intent = decided->intent,
                            .secondary_intent = INTENT_NONE,
                            .confidence = 1 - decided->doubt,
                            .severity = decided->severity,
                            .source = decided->source,
                            .is_foreign = decided->is_foreign,
                            .language = language_tag(language_guess(message.text.raw))},
                .id = {1, 2},
                .arena = &arena,
        };
        struct outcome outcome;
        assert_true(workflow_run(&workflow, &outcome));
        assert_true(outcome.reply.safe.len > 0);
        assert_true(outcome.next_step.description.len > 0);
        return outcome;
}

static struct str parameter(const struct outcome *outcome, const char *name)
{
        for (size_t i = 0; i < outcome->next_step.parameter_count; i++)
                if (strcmp(outcome->next_step.parameters[i].name, name) == 0)
                        return outcome->next_step.parameters[i].value.safe;
        return (struct str){0};
}

static bool contains(struct str text, const char *part)
{
        return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void assert_step(const struct outcome *outcome, const char *action, enum priority priority, const char *system)
{
        assert_str_equal(outcome->next_step.action, action);
        assert_int_equal(outcome->next_step.priority, priority);
        assert_str_equal(outcome->next_step.external_system, system);
}

static void what_a_person_gets_comes_with_the_reply_that_was_held_back(void **state)
{
        (void)state;
        static const struct {
                struct decided decided;
                const char *part; /* NULL: there is nothing to suggest */
        } cases[] = {
                {{.text = "What is your refund policy?", .intent = INTENT_FAQ, .doubt = 0.6}, "days"},
                {{.text = "qwxz vvkj", .intent = INTENT_FAQ, .doubt = 0.6}, NULL},
                {{.text = "cancel ORD-12345", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_CANCELLATION, .doubt = 0.6},
                 "ORD-12345"},
                {{.text = "cancel", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_CANCELLATION, .is_foreign = true},
                 "request to cancel"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct outcome outcome = run(&cases[i].decided);
                struct str suggested = outcome.review.suggested_reply.safe;
                assert_true(outcome.review.is_needed);
                assert_true(cases[i].part ? contains(suggested, cases[i].part) : !suggested.ptr);
                assert_str_equal(outcome.next_step.action, "escalate_to_agent");
                assert_null(outcome.article.id.ptr);
        }
}

static void each_service_intent_has_its_action_and_leaves_a_ticket(void **state)
{
        (void)state;
        static const struct {
                enum intent intent;
                const char *action;
                enum priority priority;
                const char *system;
        } cases[] = {
                {INTENT_CANCELLATION, "cancel_order", PRIORITY_HIGH, "order_management"},
                {INTENT_REFUND, "initiate_refund", PRIORITY_MEDIUM, "refund_system"},
                {INTENT_ORDER_TRACKING, "track_order", PRIORITY_LOW, "order_management"},
                {INTENT_TICKET_CREATION, "create_ticket", PRIORITY_MEDIUM, "ticketing_system"},
                {INTENT_ACCOUNT_UPDATE, "update_account", PRIORITY_MEDIUM, "identity_verification"},
                {INTENT_ORDER_CHANGE, "route_to_support", PRIORITY_MEDIUM, "order_management"},
                {INTENT_PLACE_ORDER, "route_to_support", PRIORITY_MEDIUM, "order_management"},
                {INTENT_BILLING, "route_to_support", PRIORITY_MEDIUM, "billing_system"},
                {INTENT_HUMAN_AGENT, "escalate_to_agent", PRIORITY_MEDIUM, "agent_queue"},
                {INTENT_OTHER, "route_to_support", PRIORITY_MEDIUM, "agent_queue"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct outcome outcome = run(&(struct decided){.text = "please help with ORD-12345",
                                                               .category = CATEGORY_SERVICE_ACTION,
                                                               .intent = cases[i].intent});
                assert_step(&outcome, cases[i].action, cases[i].priority, cases[i].system);
                assert_true(outcome.ticket.is_open);
                assert_int_equal(outcome.ticket.priority, cases[i].priority);
                assert_true(outcome.ticket.queue.len > 0);
                assert_null(outcome.article.id.ptr);
                assert_int_equal(outcome.compliance.severity, SEVERITY_NONE);
                assert_str_equal(parameter(&outcome, "order_id"), "ORD-12345");
        }
}

static void tracking_without_an_order_asks_for_its_number(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){
                .text = "where is my parcel?", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_ORDER_TRACKING});
        assert_step(&outcome, "request_order_id", PRIORITY_LOW, "order_management");
        assert_true(outcome.ticket.is_open);
        assert_null(parameter(&outcome, "order_id").ptr);
}

static void other_requests_do_without_an_order(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){
                .text = "I want my money back", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_REFUND});
        assert_step(&outcome, "initiate_refund", PRIORITY_MEDIUM, "refund_system");
        assert_int_equal(outcome.next_step.parameter_count, 0);
        assert_false(contains(outcome.reply.safe, "order"));
}

static void what_the_text_names_becomes_parameters_and_reply(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){.text = "refund 19.90 EUR for order ORD-12345 please",
                                                       .category = CATEGORY_SERVICE_ACTION,
                                                       .intent = INTENT_REFUND});
        assert_str_equal(parameter(&outcome, "order_id"), "ORD-12345");
        assert_str_equal(parameter(&outcome, "amount"), "19.90 EUR");
        assert_true(contains(outcome.reply.safe, "ORD-12345"));
        assert_true(contains(outcome.reply.safe, "tkt_0000000000000g000000000002"));
        assert_str_equal(outcome.next_step.description, "Check and start the refund of 19.90 EUR for order ORD-12345.");
}

static void an_order_of_the_metadata_is_taken_unless_it_is_personal_data(void **state)
{
        (void)state;
        static const struct {
                const char *value;
                const char *taken; /* NULL: the text's own */
        } cases[] = {
                {"ORD-777", "ORD-777"},
                {"5551234567", "5551234567"}, /* looks like a phone number */
                {"ann@example.com", NULL},
                {"+1 555 123 4567", NULL},
                {"order of ann@example.com, 5551234567", NULL},
                {"", NULL},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct decided decided = {.text = "where is ORD-12345?",
                                          .category = CATEGORY_SERVICE_ACTION,
                                          .intent = INTENT_ORDER_TRACKING,
                                          .key = "order_id",
                                          .value = cases[i].value};
                struct outcome outcome = run(&decided);
                assert_str_equal(parameter(&outcome, "order_id"), cases[i].taken ? cases[i].taken : "ORD-12345");
                decided.text = "where is it?";
                outcome = run(&decided);
                assert_str_equal(outcome.next_step.action, cases[i].taken ? "track_order" : "request_order_id");
        }
}

static void a_product_of_the_metadata_is_taken_unless_it_is_personal_data(void **state)
{
        (void)state;
        struct decided decided = {.text = "it broke",
                                  .category = CATEGORY_SERVICE_ACTION,
                                  .intent = INTENT_TICKET_CREATION,
                                  .key = "product_id",
                                  .value = "kettle-7"};
        struct outcome outcome = run(&decided);
        assert_str_equal(parameter(&outcome, "product"), "kettle-7");
        decided.value = "ann@example.com";
        outcome = run(&decided);
        assert_null(parameter(&outcome, "product").ptr);
}

static void a_doubtful_message_goes_to_a_person_as_what_it_is(void **state)
{
        (void)state;
        static const struct decided cases[] = {
                {.text = "what is your refund policy", .category = CATEGORY_INFORMATIONAL, .intent = INTENT_FAQ},
                {.text = "refund ORD-12345", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_REFUND},
                {.text = "hm", .category = CATEGORY_INFORMATIONAL, .intent = INTENT_OTHER},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct decided doubtful = cases[i];
                doubtful.doubt = 0.51;
                struct outcome outcome = run(&doubtful);
                assert_step(&outcome, "escalate_to_agent", PRIORITY_MEDIUM, "agent_queue");
                assert_true(outcome.next_step.requires_human_review);
                assert_true(outcome.ticket.is_open);
                assert_str_equal(outcome.ticket.queue, "agent_queue");
                assert_null(outcome.article.id.ptr);
                assert_int_equal(outcome.verdict.category, doubtful.category);
                assert_int_equal(outcome.verdict.intent, doubtful.intent);
                assert_true(outcome.review.is_needed);
                assert_string_equal(outcome.review.reason, "low_confidence");
                assert_int_equal(outcome.review.due_at_ms, RECEIVED_MS + 240 * MINUTE_MS);
        }
}

static void a_message_in_an_unknown_language_goes_to_a_person_whoever_decided(void **state)
{
        (void)state;
        for (enum source source = SOURCE_LLM; source <= SOURCE_LOCAL; source++) {
                struct outcome outcome = run(&(struct decided){.text = "vorrei annullare l'ordine e riavere i soldi",
                                                               .category = CATEGORY_SERVICE_ACTION,
                                                               .intent = INTENT_CANCELLATION,
                                                               .source = source,
                                                               .is_foreign = true});
                assert_step(&outcome, "escalate_to_agent", PRIORITY_MEDIUM, "agent_queue");
                assert_true(outcome.next_step.requires_human_review);
                assert_string_equal(outcome.review.reason, "unknown_language");
                assert_int_equal(outcome.review.due_at_ms, RECEIVED_MS + 240 * MINUTE_MS);
                assert_int_equal(outcome.verdict.intent, INTENT_CANCELLATION);
        }
}

static void a_safety_matter_in_an_unknown_language_stays_one(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){.text = "non riesco a respirare dopo le vostre pillole",
                                                       .category = CATEGORY_SAFETY_COMPLIANCE,
                                                       .intent = INTENT_PRODUCT_SAFETY,
                                                       .severity = SEVERITY_HIGH,
                                                       .is_foreign = true});
        assert_string_equal(outcome.review.reason, "safety");
        assert_int_equal(outcome.compliance.severity, SEVERITY_HIGH);
        assert_str_equal(outcome.reply_locale, "en");
}

static void confidence_at_the_gate_is_enough(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){.text = "refund ORD-12345",
                                                       .category = CATEGORY_SERVICE_ACTION,
                                                       .intent = INTENT_REFUND,
                                                       .doubt = 0.5});
        assert_str_equal(outcome.next_step.action, "initiate_refund");
        assert_false(outcome.review.is_needed);
        assert_false(outcome.next_step.requires_human_review);
}

static void who_asks_for_a_person_gets_one(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){
                .text = "let me talk to a human", .category = CATEGORY_SERVICE_ACTION, .intent = INTENT_HUMAN_AGENT});
        assert_true(outcome.next_step.requires_human_review);
        assert_true(outcome.review.is_needed);
        assert_string_equal(outcome.review.reason, "human_requested");
        assert_int_equal(outcome.review.due_at_ms, RECEIVED_MS + 240 * MINUTE_MS);
}

static void a_question_gets_the_article_that_answers_it(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){
                .text = "What is your refund policy?", .category = CATEGORY_INFORMATIONAL, .intent = INTENT_FAQ});
        assert_str_equal(outcome.next_step.action, "provide_information");
        assert_null(outcome.next_step.external_system.ptr);
        assert_true(outcome.article.id.len > 0);
        assert_true(outcome.article.score >= policy_facts(snapshot->policy)->answer_threshold);
        assert_true(str_equal(parameter(&outcome, "article_id"), outcome.article.id));
        assert_true(outcome.article.snippet.len > 0 && outcome.article.snippet.len <= KB_SNIPPET_BYTES_MAX);
        assert_false(outcome.ticket.is_open);
        assert_false(outcome.review.is_needed);
        for (size_t i = 0; i < kb_index_count(snapshot->knowledge); i++) {
                const struct article *article = kb_index_article(snapshot->knowledge, i);
                if (str_equal(article->id, outcome.article.id))
                        assert_true(str_starts_with(outcome.reply.safe, article->body));
        }
}

static void an_article_in_another_language_is_not_given(void **state)
{
        (void)state;
        static const struct {
                const char *locale;
                bool is_given;
        } cases[] = {{NULL, true}, {"en-GB", true}, {"de", false}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct outcome outcome = run(&(struct decided){.text = "What is your refund policy?",
                                                               .category = CATEGORY_INFORMATIONAL,
                                                               .intent = INTENT_FAQ,
                                                               .key = cases[i].locale ? "locale" : NULL,
                                                               .value = cases[i].locale});
                assert_int_equal(outcome.article.id.ptr != NULL, cases[i].is_given);
        }
}

static void a_question_that_nothing_answers_gets_the_ways_to_a_person(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){.text = "why do zebras gallop over frozen volcanoes",
                                                       .category = CATEGORY_INFORMATIONAL,
                                                       .intent = INTENT_FAQ});
        assert_str_equal(outcome.next_step.action, "suggest_contact");
        assert_null(outcome.article.id.ptr);
        assert_null(parameter(&outcome, "article_id").ptr);
        assert_false(outcome.ticket.is_open);
}

static void a_safety_matter_is_always_reviewed_in_its_time(void **state)
{
        (void)state;
        static const struct {
                enum severity severity;
                const char *action;
                int64_t minutes;
                bool is_report_candidate;
        } cases[] = {
                {SEVERITY_URGENT, "urgent_escalation", 15, true},
                {SEVERITY_HIGH, "specialist_review", 120, true},
                {SEVERITY_STANDARD, "compliance_review", 1440, false},
        };
        static const double doubts[] = {0, 0.02, 0.5, 1};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                for (size_t d = 0; d < sizeof doubts / sizeof *doubts; d++) {
                        struct outcome outcome = run(&(struct decided){.text = "it made me ill",
                                                                       .category = CATEGORY_SAFETY_COMPLIANCE,
                                                                       .intent = INTENT_PRODUCT_SAFETY,
                                                                       .severity = cases[i].severity,
                                                                       .doubt = doubts[d]});
                        int64_t due_at_ms = RECEIVED_MS + cases[i].minutes * MINUTE_MS;
                        assert_str_equal(outcome.next_step.action, cases[i].action);
                        assert_true(outcome.next_step.requires_human_review);
                        assert_int_equal(outcome.compliance.severity, cases[i].severity);
                        assert_int_equal(outcome.compliance.due_at_ms, due_at_ms);
                        assert_int_equal(outcome.compliance.is_report_candidate, cases[i].is_report_candidate);
                        assert_true(outcome.review.is_needed);
                        assert_int_equal(outcome.review.due_at_ms, due_at_ms);
                        assert_string_equal(outcome.review.reason, "safety");
                        assert_false(outcome.ticket.is_open);
                }
}

static void self_harm_is_answered_with_the_approved_text(void **state)
{
        (void)state;
        for (enum channel channel = 0; channel < CHANNEL_COUNT; channel++) {
                struct decided decided = {.text = "I do not want to live any more",
                                          .category = CATEGORY_SAFETY_COMPLIANCE,
                                          .intent = INTENT_SELF_HARM,
                                          .severity = SEVERITY_URGENT,
                                          .channel = channel};
                const struct policy_variable recorded = {"recorded", STR("")};
                const struct safety_finding finding = {.severity = SEVERITY_URGENT, .intent = INTENT_SELF_HARM};
                const struct message message = {.channel = channel};
                struct str locale;
                struct str text =
                        policy_reply(snapshot->policy, STR("self_harm"), channel, (struct str){0}, &locale);
                struct str approved = policy_fill(&arena, text, &recorded, 1);
                struct outcome outcome = run(&decided);
                assert_true(str_equal(outcome.reply.safe, approved));
                struct record_id stored = {1, 1}, none = {0};
                struct safe_text refused =
                        workflow_refusal_reply(snapshot->policy, &finding, &message, stored, &arena);
                assert_true(str_equal(refused.safe, approved));
                refused = workflow_refusal_reply(snapshot->policy, &finding, &message, none, &arena);
                assert_true(contains(refused.safe, "emergency number"));
                assert_false(contains(refused.safe, "our team has been told"));
                decided.intent = INTENT_PRODUCT_SAFETY;
                assert_false(str_equal(run(&decided).reply.safe, approved));
        }
}

static void an_emergency_says_whom_to_call_and_names_its_record(void **state)
{
        (void)state;
        struct outcome outcome = run(&(struct decided){.text = "chest pain",
                                                       .category = CATEGORY_SAFETY_COMPLIANCE,
                                                       .intent = INTENT_OTHER,
                                                       .severity = SEVERITY_URGENT});
        assert_true(contains(outcome.reply.safe, "emergency number"));
        assert_true(contains(outcome.reply.safe, "cmp_0000000000000g000000000002"));
}

static void the_locale_of_the_metadata_chooses_the_text(void **state)
{
        (void)state;
        static const struct {
                const char *sent, *used;
        } cases[] = {{"de", "de"}, {"de-AT", "de"}, {"fr", "fr"}, {"xx", "en"}, {NULL, "en"}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct outcome outcome = run(&(struct decided){.text = "I do not want to live any more",
                                                               .category = CATEGORY_SAFETY_COMPLIANCE,
                                                               .intent = INTENT_SELF_HARM,
                                                               .severity = SEVERITY_URGENT,
                                                               .key = cases[i].sent ? "locale" : NULL,
                                                               .value = cases[i].sent});
                assert_str_equal(outcome.reply_locale, cases[i].used);
        }
}

static void without_a_locale_the_language_of_the_message_chooses_the_text(void **state)
{
        (void)state;
        static const struct {
                const char *text, *sent, *used;
        } cases[] = {
                {"quiero morir, no aguanto más", NULL, "es"},
                {"je n'ai plus envie de vivre", NULL, "fr"},
                {"ich will nicht mehr leben", NULL, "de"},
                {"não quero mais viver", NULL, "pt"},
                {"I do not want to live any more", NULL, "en"},
                {"voglio morire, non ce la faccio più", NULL, "en"},
                {"quiero morir, no aguanto más", "fr", "fr"},
                {"quiero morir, no aguanto más", "xx", "en"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct outcome outcome = run(&(struct decided){.text = cases[i].text,
                                                               .category = CATEGORY_SAFETY_COMPLIANCE,
                                                               .intent = INTENT_SELF_HARM,
                                                               .severity = SEVERITY_URGENT,
                                                               .key = cases[i].sent ? "locale" : NULL,
                                                               .value = cases[i].sent});
                assert_str_equal(outcome.reply_locale, cases[i].used);
        }
}

static void the_channel_shapes_the_reply(void **state)
{
        (void)state;
        struct str replies[CHANNEL_COUNT];
        for (enum channel channel = 0; channel < CHANNEL_COUNT; channel++)
                replies[channel] = run(&(struct decided){.text = "refund ORD-12345",
                                                         .category = CATEGORY_SERVICE_ACTION,
                                                         .intent = INTENT_REFUND,
                                                         .channel = channel}).reply.safe;
        assert_true(replies[CHANNEL_VOICE].len < replies[CHANNEL_CHAT].len);
        assert_false(contains(replies[CHANNEL_VOICE], "tkt_")); /* nobody can listen to that */
        assert_true(str_starts_with(replies[CHANNEL_MAIL], STR("Hello,")));
        assert_true(str_equal(replies[CHANNEL_CHAT], replies[CHANNEL_API]));
}

static void a_full_arena_fails_the_workflow(void **state)
{
        (void)state;
        static const struct {
                enum category category;
                enum intent intent;
        } cases[] = {{CATEGORY_SERVICE_ACTION, INTENT_REFUND},
                     {CATEGORY_INFORMATIONAL, INTENT_FAQ},
                     {CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct arena none;
                arena_init(&none, 0);
                const struct message message = {.text.raw = STR("What is your refund policy? ORD-12345")};
                struct workflow workflow = {
                        .snapshot = snapshot,
                        .scratch = world.scratch,
                        .message = &message,
                        .text.safe = message.text.raw,
                        .verdict = {.category = cases[i].category,
                                    .intent = cases[i].intent,
                                    .confidence = 1,
                                    .severity = SEVERITY_HIGH},
                        .arena = &none,
                };
                struct outcome outcome;
                assert_false(workflow_run(&workflow, &outcome));
                arena_deinit(&none);
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_arena, tear_down_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_a_person_gets_comes_with_the_reply_that_was_held_back),                TEST(each_service_intent_has_its_action_and_leaves_a_ticket),
                TEST(tracking_without_an_order_asks_for_its_number),
                TEST(other_requests_do_without_an_order),
                TEST(what_the_text_names_becomes_parameters_and_reply),
                TEST(an_order_of_the_metadata_is_taken_unless_it_is_personal_data),
                TEST(a_product_of_the_metadata_is_taken_unless_it_is_personal_data),
                TEST(a_doubtful_message_goes_to_a_person_as_what_it_is),
                TEST(a_message_in_an_unknown_language_goes_to_a_person_whoever_decided),
                TEST(a_safety_matter_in_an_unknown_language_stays_one),
                TEST(confidence_at_the_gate_is_enough),
                TEST(who_asks_for_a_person_gets_one),
                TEST(a_question_gets_the_article_that_answers_it),
                TEST(an_article_in_another_language_is_not_given),
                TEST(a_question_that_nothing_answers_gets_the_ways_to_a_person),
                TEST(a_safety_matter_is_always_reviewed_in_its_time),
                TEST(self_harm_is_answered_with_the_approved_text),
                TEST(an_emergency_says_whom_to_call_and_names_its_record),
                TEST(the_locale_of_the_metadata_chooses_the_text),
                TEST(without_a_locale_the_language_of_the_message_chooses_the_text),
                TEST(the_channel_shapes_the_reply),
                TEST(a_full_arena_fails_the_workflow),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
