/* SPDX-License-Identifier: Apache-2.0 */
/* What an LLM answers, as the body of a 200 or of an error. The first byte chooses how it was asked, and
 * whether the rest is the body or the model's own text in a body of ours. An answer that is taken has
 * values of the vocabularies, numbers in their ranges, and words that are clean. */
#include "fuzz.h"

#include "adapt/llm_dialect.h"
#include "base/json_writer.h"
#include "text/redact.h"

enum { BODY_MAX_BYTES = 256 << 10, JSON_DEPTH = 32 };

static bool is_probability(double value)
{
        return value >= 0 && value <= 1;
}

static void check_answer(const struct llm_answer *answer, enum llm_output output)
{
        bool is_label = output == LLM_OUTPUT_LABEL;
        assert(answer->category < CATEGORY_COUNT);
        assert(is_label ? answer->intent == INTENT_NONE : answer->intent < INTENT_COUNT);
        assert(is_label || answer->intent == INTENT_OTHER || intent_category(answer->intent) == answer->category);
        assert(is_label ? answer->stated == -1 : is_probability(answer->stated));
        assert(answer->token_probability == -1 || is_probability(answer->token_probability));
        assert(answer->reasoning_bytes <= LLM_REASONING_BYTES);
        struct str reasoning = {answer->reasoning, answer->reasoning_bytes};
        assert(utf8_is_valid(reasoning) && redact_is_clean(reasoning));
        for (size_t i = 0; i < reasoning.len; i++)
                assert((unsigned char)reasoning.ptr[i] >= 0x20 && reasoning.ptr[i] != 0x7f);
}

static void wrap(struct str text, struct buf *body)
{
        buf_append_str(body, STR("{\"choices\":[{\"message\":{\"content\":\""));
        json_escape(body, text);
        buf_append_str(body, STR("\"},\"logprobs\":{\"content\":[{\"token\":\""));
        json_escape(body, text);
        buf_append_str(body, STR("\",\"logprob\":-1,\"top_logprobs\":[{\"token\":\"safety\",\"logprob\":-2}]}]}}]}"));
}

static void check_body(const struct llm_upstream_config *config, struct json_parser *parser, struct str body)
{
        struct llm_answer answer;
        struct llm_usage usage;
        struct ident code;
        enum llm_status status = llm_openai.read(config, parser, body, &usage, &answer);
        assert(status < LLM_STATUS_COUNT);
        if (status == LLM_OK)
                check_answer(&answer, config->output);
        status = llm_openai.read_error(parser, 429, body, &code);
        assert(status == LLM_RATE_LIMITED || status == LLM_QUOTA);
        assert(code.text[0] == '\0' || (ident_from(ident_str(&code), &code) && redact_is_clean(ident_str(&code))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str input = fuzz_input(data, size);
        uint8_t choice = fuzz_take_byte(&input);
        struct llm_upstream_config config = {.output = (enum llm_output)(choice % 3)};
        struct json_parser *parser = json_parser_new(BODY_MAX_BYTES, JSON_DEPTH);
        struct buf body;
        buf_init(&body, BODY_MAX_BYTES);
        if (choice & 4)
                wrap(input, &body);
        else
                buf_append_str(&body, input);
        if (!body.is_over)
                check_body(&config, parser, buf_str(&body));
        buf_deinit(&body);
        json_parser_free(parser);
        return 0;
}
