/* SPDX-License-Identifier: Apache-2.0 */
/* What a model wrote, checked: the same for every dialect.
 *
 * Nothing is believed because a schema was sent along: form, types, vocabularies and ranges are looked at
 * here, and the model's words are redacted, since it may repeat or make up what was kept from it. Pure.
 */
#ifndef ADAPT_LLM_ANSWER_H
#define ADAPT_LLM_ANSWER_H

#include "adapt/llm_http.h"
#include "base/json_reader.h"

/* A longer text is no answer to what is asked. */
enum { LLM_TEXT_BYTES = 8192 };

/* Fills category, intent, stated and reasoning from the model's text; LLM_OK or LLM_INVALID.
 *
 * JSON: exactly the four members category, intent, confidence, reasoning. Where the form was only described
 * in words (LLM_OUTPUT_JSON_OBJECT), other members are passed over and one code fence may stand around it;
 * under a strict schema either says that the schema was not kept to. Label: the name of a category, in
 * quotes or with a full stop if need be.
 *
 * `text` may not be the parser's: what it parsed before is gone afterwards. */
enum llm_status llm_answer_read(struct json_parser *parser, enum llm_output output, struct str text,
                                struct llm_answer *ret_answer);

/* The probability of the answer's category among the categories, from its tokens: a JSON array of
 * {"token","logprob","top_logprobs":[{"token","logprob"}…]} that spell `text` from its beginning (white
 * space aside). -1 when they do not say.
 *
 * At the token in which the category's name begins, the alternatives that begin a category share the
 * probability (softmax); where they leave more than one category, the next token is looked at, too, and
 * the shares are multiplied. Call it before llm_answer_read() when `tokens` are the same parser's. */
double llm_answer_probability(struct json tokens, enum llm_output output, struct str text);

#endif
