/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and tokens by their prefix, or by the word that announces them and how mixed they are; credentials in
 * URLs; addresses of wallets; MAC addresses. */
#include "text/redact_check.h"
#include "text/redact_scan.h"

#include <string.h>

enum {
        VALUE_MAX = 512,
        ANNOUNCED_MIN = 16,
        WALLET_MIN = 14,
        LOOK_BACK = 8,
        USERINFO_MAX = 256,
        HOOK_MIN = 20,
        PRIVATE_KEY_MAX = 16 << 10
};

static const struct {
        struct str prefix;
        size_t least;
} keys[] = {
#define KEY(prefix_, least_) {.prefix = STR_INIT(prefix_), .least = least_},
#include "text/pii_secret.def"
#undef KEY
};

static bool is_alnum(char c)
{
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_value_char(char c)
{
        static const bool signs[128] = {['_'] = true, ['-'] = true, ['.'] = true, ['~'] = true,
                                        ['+'] = true, ['/'] = true, ['='] = true};
        return is_alnum(c) || ((unsigned char)c < 128 && signs[(unsigned char)c]);
}

/* Digits, capitals and small letters in a value, and how many different characters it has. */
struct mixture {
        size_t digits, capitals, small, different;
};

static struct mixture mixture_of(struct str value)
{
        struct mixture mixture = {0};
        uint64_t seen[4] = {0};
        for (size_t i = 0; i < value.len; i++) {
                unsigned char c = (unsigned char)value.ptr[i];
                mixture.digits += c >= '0' && c <= '9';
                mixture.capitals += c >= 'A' && c <= 'Z';
                mixture.small += c >= 'a' && c <= 'z';
                mixture.different += !(seen[c >> 6] >> (c & 63) & 1);
                seen[c >> 6] |= UINT64_C(1) << (c & 63);
        }
        return mixture;
}

static struct str value_at(struct str text, size_t start)
{
        size_t end = start;
        while (end < text.len && end - start < VALUE_MAX && is_value_char(text.ptr[end]))
                end++;
        while (end > start && (text.ptr[end - 1] == '.' || text.ptr[end - 1] == '-'))
                end--;
        return (struct str){text.ptr + start, end - start};
}

static void note_value(struct scan *scan, struct str value, enum pii_type type)
{
        size_t start = (size_t)(value.ptr - scan->text.ptr), end = start + value.len;
        while (value.len == VALUE_MAX && end < scan->text.len && is_value_char(scan->text.ptr[end]))
                end++;
        scan_note(scan, start, end, type);
}

/* JSON Web Tokens: two or three parts, the first of which is a JSON object in base64. */
static bool is_web_token(struct str value)
{
        const char *dot = memchr(value.ptr, '.', value.len);
        return str_starts_with(value, STR("eyJ")) && dot && value.ptr + value.len - dot > 10;
}

static bool is_known_key(struct str value)
{
        if (str_starts_with(value, STR("eyJ")))
                return is_web_token(value);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                struct str prefix = keys[i].prefix;
                if (prefix.ptr[0] != value.ptr[0] || !str_starts_with(value, prefix) ||
                    value.len < prefix.len + keys[i].least)
                        continue;
                struct mixture mixture =
                        mixture_of((struct str){value.ptr + prefix.len, value.len - prefix.len});
                if (mixture.digits >= 2 && mixture.different >= 8 && mixture.capitals + mixture.small)
                        return true;
        }
        return false;
}

/* "AKIA" and sixteen capitals and digits; also the temporary ones. */
static bool is_cloud_key(struct str value)
{
        static const struct str heads[] = {STR_INIT("AKIA"), STR_INIT("ASIA"), STR_INIT("ABIA"),
                                           STR_INIT("ACCA")};
        if (value.len != 20)
                return false;
        struct mixture mixture = mixture_of(value);
        if (mixture.small || mixture.capitals + mixture.digits != 20)
                return false;
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
                if (memcmp(value.ptr, heads[i].ptr, 4) == 0)
                        return true;
        return false;
}

/* "A3-ASWWYB-798JRY-…": groups of six and five capitals and digits. */
static bool is_grouped_key(struct str value)
{
        if (!str_starts_with(value, STR("A3-")) || value.len < 34 || value.len > 42)
                return false;
        struct mixture mixture = mixture_of(value);
        return !mixture.small && mixture.digits >= 4;
}

static bool is_hex(struct str value)
{
        for (size_t i = 0; i < value.len; i++)
                if (!(value.ptr[i] >= '0' && value.ptr[i] <= '9') &&
                    !((value.ptr[i] | 0x20) >= 'a' && (value.ptr[i] | 0x20) <= 'f'))
                        return false;
        return value.len > 0;
}

/* Whether the name of a variable ends with what says that it holds a secret: "hubspotKey". */
static bool names_a_secret(struct str word)
{
        static const struct str ends[] = {STR_INIT("key"), STR_INIT("token"), STR_INIT("secret"),
                                          STR_INIT("apikey")};
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                size_t len = ends[i].len;
                if (word.len > len && word.len < 40 &&
                    str_equal_nocase((struct str){word.ptr + word.len - len, len}, ends[i]))
                        return true;
        }
        return false;
}

/* Whether what stands before the i-th token says that a secret follows: a topic, with signs such as := "
 * between. A sentence ("the key is under the mat") is not enough. */
static bool is_announced(const struct scan *scan, ptrdiff_t i)
{
        size_t signs = 0;
        for (ptrdiff_t at = i - 1; at >= i - LOOK_BACK; at--) {
                const struct token *token = scan_token(scan, at);
                if (token->kind == TOKEN_PUNCT && memchr(":=\"'>?({[`,", scan->text.ptr[token->start], 11)) {
                        signs++;
                } else if (token->topic == TOPIC_SECRET) {
                        return signs > 0 || str_equal_nocase(token_text(scan, token), STR("bearer"));
                } else if (token->kind == TOKEN_WORD || token->kind == TOKEN_MIXED) {
                        return signs && names_a_secret(token_text(scan, token));
                } else if (!token_is(scan, token, '_') && !token_is(scan, token, '-')) {
                        return false;
                }
        }
        return false;
}

static bool is_mixed_enough(struct str value)
{
        if (value.len < ANNOUNCED_MIN)
                return false;
        struct mixture mixture = mixture_of(value);
        if (mixture.digits < 2 || mixture.different < 8)
                return false;
        if (memchr(value.ptr, '/', value.len) && mixture.digits * 8 < value.len)
                return false; /* a path */
        return mixture.capitals + mixture.small >= 4;
}

static bool begins_value(const struct scan *scan, const struct token *token)
{
        return token->start == 0 || !is_value_char(scan->text.ptr[token->start - 1]) ||
               scan->text.ptr[token->start - 1] == '=' || scan->text.ptr[token->start - 1] == '/';
}

/* Two words of eight hexadecimal digits with a colon between them: what package registries hand out. */
static bool find_hex_pair(struct scan *scan, struct str value)
{
        struct str rest = {value.ptr, scan->text.len - (size_t)(value.ptr - scan->text.ptr)};
        if (rest.len < 17 || rest.ptr[8] != ':' || (rest.len > 17 && is_alnum(rest.ptr[17])))
                return false;
        struct str left = {rest.ptr, 8}, right = {rest.ptr + 9, 8};
        if (!is_hex(left) || !is_hex(right))
                return false;
        note_value(scan, (struct str){rest.ptr, 17}, PII_SECRET);
        return true;
}

/* A web hook's address is its key; with "https://" where that stands before it. */
static bool find_hook(struct scan *scan, struct str value)
{
        static const char host[] = "hooks.slack.com/";
        if (!str_starts_with(value, STR("hooks.slack.com/")) || value.len < sizeof host + HOOK_MIN ||
            mixture_of(value).digits < 2)
                return false;
        const char *text = scan->text.ptr, *start = value.ptr;
        if (start - text >= 3 && memcmp(start - 3, "://", 3) == 0)
                for (start -= 3; start > text && is_alnum(start[-1]); start--)
                        ;
        note_value(scan, (struct str){start, value.len + (size_t)(value.ptr - start)}, PII_SECRET);
        return true;
}

static const char *const words_of_wallets = "13bLMDD0x";

static bool is_base58(struct str value)
{
        for (size_t i = 0; i < value.len; i++)
                if (!is_alnum(value.ptr[i]) || memchr("0OIl", value.ptr[i], 4))
                        return false;
        return true;
}

static bool topic_before(const struct scan *scan, ptrdiff_t i, enum topic topic)
{
        for (ptrdiff_t at = i - 1; at >= i - LOOK_BACK && !token_ends_sentence(scan, at); at--)
                if (scan_token(scan, at)->topic == topic)
                        return true;
        return false;
}

/* A wallet's address by its check digits; a shortened or mistyped one where a wallet is spoken of. */
static bool find_wallet(struct scan *scan, ptrdiff_t i, struct str value)
{
        if (value.len < WALLET_MIN)
                return false;
        struct mixture mixture = mixture_of(value);
        bool is_segwit = (str_starts_with(value, STR("bc1")) || str_starts_with(value, STR("tb1")) ||
                          str_starts_with(value, STR("BC1"))) &&
                         value.len <= 90 && mixture.digits >= 3;
        bool is_account = str_starts_with(value, STR("0x")) && value.len > 2 &&
                          is_hex((struct str){value.ptr + 2, value.len - 2});
        bool is_coin = value.len >= 25 && value.len <= 44 && memchr(words_of_wallets, value.ptr[0], 7) &&
                       is_base58(value) && mixture.digits >= 2 && mixture.capitals >= 3 && mixture.small >= 3;
        bool is_sure = (is_segwit && check_bech32(value)) || (is_account && value.len == 42) ||
                       (is_coin && check_base58(value));
        bool is_told = (is_segwit || is_coin || (is_account && value.len >= 18)) &&
                       topic_before(scan, i, TOPIC_WALLET);
        if (!is_sure && !is_told)
                return false;
        note_value(scan, value, PII_CRYPTO);
        return true;
}

static bool find_secret(struct scan *scan, ptrdiff_t i)
{
        const struct token *token = scan_token(scan, i);
        if (!begins_value(scan, token))
                return false;
        struct str value = value_at(scan->text, token->start);
        if (value.len < 8)
                return false;
        if (find_hex_pair(scan, value) || find_hook(scan, value) || find_wallet(scan, i, value))
                return true;
        if (!is_known_key(value) && !is_cloud_key(value) && !is_grouped_key(value) &&
            !(is_mixed_enough(value) && is_announced(scan, i)))
                return false;
        note_value(scan, value, PII_SECRET);
        return true;
}

/* "https://user:secret@host": of a web address both are secret, of others ("postgres://") the second. */
static void find_userinfo(struct scan *scan, const struct token *slash)
{
        struct str text = scan->text;
        size_t start = slash->end, at = start, colon = 0;
        while (at < text.len && at - start < USERINFO_MAX && (unsigned char)text.ptr[at] > ' ' &&
               !memchr("/@?#\"'<>", text.ptr[at], 8)) {
                if (text.ptr[at] == ':' && !colon)
                        colon = at;
                at++;
        }
        if (at == text.len || text.ptr[at] != '@' || !colon || colon + 1 == at || colon == start)
                return;
        /* `slash` is the second one. */
        bool is_web = (slash->start >= 7 && memcmp(text.ptr + slash->start - 7, "https:/", 7) == 0) ||
                      (slash->start >= 6 && memcmp(text.ptr + slash->start - 6, "http:/", 6) == 0);
        scan_note(scan, is_web ? start : colon + 1, at, is_web ? PII_SECRET : PII_PASSWORD);
}

/* Six pairs of hexadecimal digits with colons or dashes between, or three fours with dots. */
static bool find_mac(struct scan *scan, size_t at)
{
        struct str text = scan->text;
        size_t step = at + 3 <= text.len && (text.ptr[at + 2] == ':' || text.ptr[at + 2] == '-') ? 3 : 5;
        size_t groups = step == 3 ? 6 : 3, len = groups * step - 1;
        if (at + len > text.len || (at && is_alnum(text.ptr[at - 1])) ||
            (at + len < text.len && is_alnum(text.ptr[at + len])))
                return false;
        char sign = text.ptr[at + step - 1];
        if (step == 5 && sign != '.')
                return false;
        for (size_t group = 0; group < groups; group++) {
                struct str digits = {text.ptr + at + group * step, step - 1};
                if (!is_hex(digits) || (group + 1 < groups && digits.ptr[step - 1] != sign))
                        return false;
        }
        bool is_one_more =
                at + len + 1 < text.len && text.ptr[at + len] == sign && is_alnum(text.ptr[at + len + 1]);
        if (is_one_more || (at >= 2 && text.ptr[at - 1] == sign && is_alnum(text.ptr[at - 2])))
                return false;
        scan_note(scan, at, at + len, PII_MAC_ADDRESS);
        return true;
}

/* The lines of a private key between their marks, or to the end of the text. */
static void find_private_key(struct scan *scan, size_t at)
{
        enum { KEY_MIN = 100 };
        size_t left = scan->text.len - at;
        struct str rest = {scan->text.ptr + at, left < PRIVATE_KEY_MAX ? left : PRIVATE_KEY_MAX};
        const char *head = memmem(rest.ptr, rest.len < 64 ? rest.len : 64, "PRIVATE KEY", 11);
        if (!str_starts_with(rest, STR("-----BEGIN ")) || !head)
                return;
        const char *end = memmem(head, (size_t)(rest.ptr + rest.len - head), "-----END", 8);
        size_t stop = end ? (size_t)(end - scan->text.ptr) : at + rest.len;
        if (stop - at >= KEY_MIN)
                scan_note(scan, at, stop, PII_SECRET);
}

void scan_secrets(struct scan *scan)
{
        for (size_t i = 0; i < scan->count; i++) {
                const struct token *token = &scan->tokens[i], *next = scan_token(scan, (ptrdiff_t)i + 1);
                size_t len = token->end - token->start;
                if (token->kind == TOKEN_PUNCT) {
                        if (token_is(scan, token, '/') && i && token_is(scan, &scan->tokens[i - 1], '/'))
                                find_userinfo(scan, token);
                        else if (token_is(scan, token, '-') && token_is(scan, next, '-') &&
                                 !(i && token_is(scan, &scan->tokens[i - 1], '-')))
                                find_private_key(scan, token->start);
                        continue;
                }
                bool goes_on = next->kind == TOKEN_PUNCT && token_touches(token, next);
                bool is_short_word = token->kind == TOKEN_WORD && !goes_on && len < 20;
                if (is_short_word || token->kind == TOKEN_LINE || token->kind == TOKEN_TAG)
                        continue;
                if ((len == 2 || len == 4) && goes_on && find_mac(scan, token->start))
                        continue;
                find_secret(scan, (ptrdiff_t)i);
        }
}
