/* SPDX-License-Identifier: Apache-2.0 */
/* What transcripts of speech hold: numbers as words, "jane dot doe at example dot com". */
#include "text/redact_scan.h"

#include <string.h>

enum { DIGITS_MAX = 24, LOOK_BACK = 10 };

static bool is_digit_word(const struct token *token)
{
        return token->kind == TOKEN_WORD && token->bits & LEX_DIGIT;
}

/* The topic that is nearest before the token, of the same sentence. */
static enum topic topic_of(const struct scan *scan, ptrdiff_t i)
{
        for (ptrdiff_t at = i - 1; at >= i - LOOK_BACK; at--) {
                if (scan_token(scan, at)->topic)
                        return scan_token(scan, at)->topic;
                if (token_ends_sentence(scan, at))
                        break;
        }
        return TOPIC_NONE;
}

/* What so many digits are after such words; PII_TYPE_COUNT: nothing personal. */
static enum pii_type type_of(size_t digits, enum topic topic)
{
        static const struct {
                unsigned char topic, type, min, max;
        } kinds[] = {
                {TOPIC_CARD, PII_CREDIT_CARD, 12, 19},
                {TOPIC_SSN, PII_US_SSN, 9, 9},
                {TOPIC_CODE, PII_CVV, 3, 8},
                {TOPIC_BANK, PII_BANK_ACCOUNT, 6, 17},
                {TOPIC_POSTCODE, PII_POSTCODE, 4, 6},
                {TOPIC_PHONE, PII_PHONE, 7, 15},
                {TOPIC_NATIONAL, PII_NATIONAL_ID, 6, 14},
                {TOPIC_PASSPORT, PII_PASSPORT, 6, 9},
                {TOPIC_LICENCE, PII_DRIVER_LICENSE, 6, 12},
                {TOPIC_OTHER, PII_OTHER_ID, 5, 17},
        };
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (kinds[i].topic == topic && digits >= kinds[i].min && digits <= kinds[i].max)
                        return (enum pii_type)kinds[i].type;
        if (topic == TOPIC_REFERENCE)
                return PII_TYPE_COUNT;
        return digits == 10 || digits == 11   ? PII_PHONE
               : digits >= 15 && digits <= 16 ? PII_CREDIT_CARD
                                              : PII_TYPE_COUNT;
}

/* "double five" is two digits, "triple" three. */
static size_t times_of(const struct scan *scan, const struct token *token)
{
        return token_is_word(scan, token, STR("double"))   ? 2
               : token_is_word(scan, token, STR("triple")) ? 3
                                                           : 0;
}

static ptrdiff_t find_digits(struct scan *scan, ptrdiff_t i)
{
        size_t digits = 0;
        ptrdiff_t at = i, last = i;
        for (; digits < DIGITS_MAX; at++) {
                const struct token *token = scan_token(scan, at);
                size_t times = times_of(scan, token);
                bool is_joint = at > i && (token_is(scan, token, ',') || token_is(scan, token, '-'));
                if (times && is_digit_word(scan_token(scan, at + 1)))
                        token = scan_token(scan, ++at);
                if (is_digit_word(token)) {
                        digits += times ? times : 1;
                        last = at;
                } else if (!is_joint) {
                        break;
                }
        }
        enum pii_type type = digits >= 3 ? type_of(digits, topic_of(scan, i)) : PII_TYPE_COUNT;
        if (type != PII_TYPE_COUNT)
                scan_note(scan, scan_token(scan, i)->start, scan_token(scan, last)->end, type);
        return at > i ? at : i + 1;
}

static bool is_top_domain(const struct scan *scan, const struct token *token)
{
        static const struct str ends[] = {
                STR_INIT("com"), STR_INIT("net"), STR_INIT("org"),  STR_INIT("de"),  STR_INIT("uk"),
                STR_INIT("io"),  STR_INIT("edu"), STR_INIT("gov"),  STR_INIT("fr"),  STR_INIT("es"),
                STR_INIT("it"),  STR_INIT("nl"),  STR_INIT("info"), STR_INIT("co"),  STR_INIT("ca"),
                STR_INIT("au"),  STR_INIT("eu"),  STR_INIT("us"),   STR_INIT("ch"),  STR_INIT("at"),
                STR_INIT("be"),  STR_INIT("se"),  STR_INIT("no"),   STR_INIT("dk"),  STR_INIT("fi"),
                STR_INIT("pl"),  STR_INIT("pt"),  STR_INIT("ie"),   STR_INIT("in"),  STR_INIT("br"),
                STR_INIT("mx"),  STR_INIT("jp"),  STR_INIT("biz"),  STR_INIT("app"), STR_INIT("dev")};
        return token_is_one_of(scan, token, ends, sizeof ends / sizeof *ends);
}

static bool is_mail_host(const struct scan *scan, const struct token *token)
{
        static const struct str hosts[] = {
                STR_INIT("gmail"),   STR_INIT("yahoo"),      STR_INIT("hotmail"),    STR_INIT("outlook"),
                STR_INIT("icloud"),  STR_INIT("aol"),        STR_INIT("gmx"),        STR_INIT("web"),
                STR_INIT("proton"),  STR_INIT("protonmail"), STR_INIT("live"),       STR_INIT("msn"),
                STR_INIT("ymail"),   STR_INIT("mail"),       STR_INIT("googlemail"), STR_INIT("comcast"),
                STR_INIT("verizon"), STR_INIT("zoho"),       STR_INIT("fastmail"),   STR_INIT("example")};
        return token_is_one_of(scan, token, hosts, sizeof hosts / sizeof *hosts);
}

static bool is_label(const struct token *token)
{
        return token->kind == TOKEN_WORD || token_has_digit(token);
}

/* The first token of the local part that ends before "at". */
static ptrdiff_t local_start(const struct scan *scan, ptrdiff_t at)
{
        static const struct str joints[] = {STR_INIT("dot"), STR_INIT("underscore"), STR_INIT("dash"),
                                            STR_INIT("hyphen"), STR_INIT("period")};
        ptrdiff_t start = at - 1;
        while (token_is_one_of(scan, scan_token(scan, start - 1), joints, sizeof joints / sizeof *joints) &&
               is_label(scan_token(scan, start - 2)) && at - start < 12)
                start -= 2;
        while (token_touches(scan_token(scan, start - 1), scan_token(scan, start)) && at - start < 12 &&
               (is_label(scan_token(scan, start - 1)) || token_is(scan, scan_token(scan, start - 1), '.') ||
                token_is(scan, scan_token(scan, start - 1), '_')))
                start--;
        return start;
}

/* The token behind the last label of the domain that begins there; 0 when it is none. */
static ptrdiff_t domain_end(const struct scan *scan, ptrdiff_t i)
{
        bool is_host = is_mail_host(scan, scan_token(scan, i)), is_spoken = false;
        ptrdiff_t at = i + 1;
        for (; at < i + 8; at += 2) {
                bool is_dot = token_is_word(scan, scan_token(scan, at), STR("dot"));
                bool is_point = token_is(scan, scan_token(scan, at), '.') &&
                                token_touches(scan_token(scan, at), scan_token(scan, at + 1));
                if ((!is_dot && !is_point) || !is_label(scan_token(scan, at + 1)))
                        break;
                is_spoken = is_spoken || is_dot;
        }
        return at > i + 1 && (is_spoken || is_host) && is_top_domain(scan, scan_token(scan, at - 1)) ? at : 0;
}

static void find_address(struct scan *scan, ptrdiff_t at)
{
        const struct token *local = scan_token(scan, at - 1);
        ptrdiff_t end = is_label(scan_token(scan, at + 1)) ? domain_end(scan, at + 1) : 0;
        bool is_prose = local->bits & LEX_COMMON && !(local->bits & (LEX_GIVEN | LEX_FAMILY)) &&
                        !token_is_word(scan, scan_token(scan, at - 2), STR("dot"));
        if (end && is_label(local) && !is_prose)
                scan_note(scan, scan_token(scan, local_start(scan, at))->start,
                          scan_token(scan, end - 1)->end, PII_EMAIL);
}

void scan_spoken(struct scan *scan)
{
        for (ptrdiff_t i = 0; (size_t)i < scan->count;) {
                const struct token *token = scan_token(scan, i);
                if (token_is_word(scan, token, STR("at")))
                        find_address(scan, i);
                i = is_digit_word(token) || times_of(scan, token) ? find_digits(scan, i) : i + 1;
        }
}
