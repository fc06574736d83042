/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/classify.h"

#include "base/json_reader.h"
#include "cli/cli.h"
#include "text/model_explain.h"

#include <stdio.h>

enum { ARENA_BYTES = 1 << 20, WORDS_MAX = 60, FEATURES_MAX = 15, NAME_COLUMNS = 32 };

static void print_verdict(const struct session *session, const struct verdict *verdict)
{
        const struct policy_facts *policy = policy_facts(session->snapshot.policy);
        double gate = policy->gate[verdict->category];
        printf("verdict     %s, intent %s, confidence %.4f, decided by %s\n", category_name(verdict->category),
               intent_name(verdict->intent), verdict->confidence, source_name(verdict->source));
        printf("            %.*s\n", STR_ARGS(verdict->decision_path));
        if (verdict->category == CATEGORY_SAFETY_COMPLIANCE)
                return;
        if (verdict->is_foreign)
                puts("            in a language that nothing here knows: a person looks at it");
        else if (verdict->confidence < gate)
                printf("            below %.2f, the gate of its category: a person looks at it\n", gate);
}

static void print_finding(const struct safety_finding *finding)
{
        if (finding->severity == SEVERITY_NONE)
                printf("safety net  no rule hits\n");
        else
                printf("safety net  rule %.*s: severity %s, intent %s, right in %.0f %% of its hits\n", STR_ARGS(finding->rule),
                       severity_name(finding->severity), intent_name(finding->intent), finding->precision * 100);
}

static void print_classes(const float classes[MODEL_CLASSES], const char *format)
{
        for (size_t class = 0; class < MODEL_CLASSES; class++)
                printf(*format == '+' ? "%+19.3f" : "%19.4f", (double)classes[class]);
        putchar('\n');
}

static void print_words(const struct model_explanation *explanation)
{
        for (size_t i = 0; i < explanation->word_count && i < WORDS_MAX; i++) {
                printf("  %-*.*s", NAME_COLUMNS, NAME_COLUMNS, explanation->words[i].text);
                print_classes(explanation->words[i].classes, "+");
        }
        if (explanation->word_count > WORDS_MAX)
                printf("  and %zu more words\n", explanation->word_count - WORDS_MAX);
}

static void print_features(const struct model_explanation *explanation)
{
        static const char *const kinds[] = {"word", "pair", "letters"};
        for (size_t i = 0; i < explanation->count && i < FEATURES_MAX; i++) {
                const struct explained *feature = &explanation->features[i];
                int width = NAME_COLUMNS - 14;
                printf("  %3zu x %-7s %-*.*s", feature->count, kinds[feature->kind], width, width, feature->text);
                print_classes(feature->classes, "+");
        }
}

static void print_model(const struct session *session, struct safe_text text)
{
        struct model_explanation explanation = model_explain(session->model, text);
        printf("\n%-*s  %17s%19s%19s%19s\n", NAME_COLUMNS, "model", "informational", "service_action", "safety_compliance",
               "out_of_scope");
        printf("  %-*s", NAME_COLUMNS, "probability");
        print_classes(explanation.probabilities, "");
        printf("  %-*s", NAME_COLUMNS, "before any word");
        print_classes(explanation.start, "+");
        printf("\nwords, each with its letters and the pair that it ends\n");
        print_words(&explanation);
        printf("\nn-grams that matter most, of %zu\n", explanation.count);
        print_features(&explanation);
        model_explanation_free(&explanation);
}

int classify_explain(const struct session *session, const char *operand)
{
        struct arena arena;
        struct sighting sighting;
        struct str text = str_trim(str_from(operand));
        const char *fault = utf8_is_valid(text) ? session_fault_of(text) : "`text` must be valid UTF-8";
        if (fault)
                return cli_complain(CLI_FAILED, "%s", fault);
        arena_init(&arena, ARENA_BYTES);
        bool is_seen = session_look(session, (struct raw_text){text}, &arena, &sighting);
        if (is_seen) {
                struct verdict verdict = decide(&session->snapshot, &sighting.finding, &sighting.classified, NULL, &arena);
                print_verdict(session, &verdict);
                print_finding(&sighting.finding);
                print_model(session, sighting.text);
        }
        arena_deinit(&arena);
        return is_seen ? CLI_OK : cli_complain(CLI_FAILED, "the text cannot be redacted");
}
