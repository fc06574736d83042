/* SPDX-License-Identifier: Apache-2.0 */
/* The safety net, with the shipped rules and with one rule from the input: the first line is its
 * phrase, the rest is the text. Words far before and behind a text take no finding back; a phrase of
 * plain words is found where it is written, a word with '*' in every longer word too. */
#include "fuzz.h"

#include "base/buf.h"
#include "policy/policy_parts.h"

enum { PADDING_WORDS = SAFETY_NET_MAX_DISTANCE + SAFETY_NET_MAX_WORDS, TEXT_MAX_BYTES = 1 << 18 };

static struct safety_finding scan(const struct safety_net *net, struct str text)
{
        return safety_net_scan(net, (struct raw_text){text});
}

static void pad(struct buf *buf)
{
        for (int i = 0; i < PADDING_WORDS; i++)
                buf_append_str(buf, STR(" zz ."));
}

/* The shipped rules know no "zz". A text may begin with a mark that would change it: the dot parts. */
static void check_padding(const struct safety_net *net, struct str text)
{
        struct buf buf;
        buf_init(&buf, TEXT_MAX_BYTES);
        pad(&buf);
        buf_append_str(&buf, text);
        buf_append_char(&buf, '.');
        pad(&buf);
        struct safety_finding alone = scan(net, text);
        struct safety_finding padded = scan(net, buf_str(&buf));
        assert(buf.is_over || (alone.severity == padded.severity && str_equal(alone.rule, padded.rule)));
        assert((alone.severity == SEVERITY_NONE) == (alone.rule.ptr == NULL));
        buf_deinit(&buf);
}

static bool is_plain(struct str phrase)
{
        bool is_letter = false;
        for (size_t i = 0; i < phrase.len; i++) {
                char c = phrase.ptr[i];
                if (c == '*' ? !is_letter : c != ' ' && !(c >= 'a' && c <= 'z'))
                        return false;
                is_letter = c >= 'a' && c <= 'z';
        }
        return true;
}

static void check_is_found(const struct safety_net *net, struct str phrase)
{
        struct buf buf;
        buf_init(&buf, TEXT_MAX_BYTES);
        buf_append_str(&buf, STR("Zz "));
        for (size_t i = 0; i < phrase.len; i++) {
                if (phrase.ptr[i] == '*')
                        buf_append_str(&buf, STR("qux"));
                else
                        buf_append_char(&buf, phrase.ptr[i]);
        }
        buf_append_str(&buf, STR("! zz"));
        assert(buf.is_over || scan(net, buf_str(&buf)).severity == SEVERITY_HIGH);
        buf_deinit(&buf);
}

static void check_rule(struct str phrase, struct str text)
{
        struct safety_rule rule = {.id = STR("rule"),
                                   .severity = SEVERITY_HIGH,
                                   .intent = INTENT_PRODUCT_SAFETY,
                                   .precision = 1,
                                   .phrases = &phrase,
                                   .phrase_count = 1};
        struct safety_net *net = NULL;
        struct err_note note = {0};
        if (safety_net_new(&rule, 1, &net, &note) != ERR_OK) {
                assert(note.text[0] && !net);
                return;
        }
        struct safety_finding finding = scan(net, text);
        assert(finding.severity == SEVERITY_NONE || str_equal(finding.rule, STR("rule")));
        if (is_plain(phrase))
                check_is_found(net, phrase);
        safety_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct policy *policy;
        if (!policy) {
                enum err err = policy_load(NULL, &policy, NULL);
                assert(err == ERR_OK);
        }
        struct str text = fuzz_input(data, size);
        struct str phrase = str_split(&text, '\n');
        if (!text.ptr)
                text = STR("");
        check_padding(policy_facts(policy)->safety_net, text);
        if (phrase.ptr)
                check_rule(phrase, text);
        return 0;
}
