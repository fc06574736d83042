/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_check.h"

#include <arpa/inet.h>
#include <string.h>

static bool has_luhn_digit(struct str digits)
{
        unsigned sum = 0;
        for (size_t i = 0; i < digits.len; i++) {
                unsigned digit = (unsigned)(digits.ptr[digits.len - 1 - i] - '0');
                if (i % 2)
                        digit = digit < 5 ? digit * 2 : digit * 2 - 9;
                sum += digit;
        }
        return sum % 10 == 0;
}

/* First four digits and lengths of the networks that issue payment cards. */
static const struct {
        unsigned short first, last;
        unsigned char min_len, max_len;
} issuers[] = {
        {2131, 2131, 15, 15}, {1800, 1800, 15, 15},                       /* JCB, older ranges */
        {2200, 2204, 16, 19},                                             /* Mir */
        {2221, 2720, 16, 16},                                             /* Mastercard */
        {3000, 3059, 14, 19}, {3095, 3095, 14, 19},                       /* Diners Club */
        {3400, 3499, 15, 15}, {3700, 3799, 15, 15},                       /* American Express */
        {3528, 3589, 16, 19},                                             /* JCB */
        {3600, 3699, 14, 19}, {3800, 3999, 14, 19},                       /* Diners Club */
        {4000, 4999, 13, 13}, {4000, 4999, 16, 16}, {4000, 4999, 19, 19}, /* Visa */
        {5000, 5099, 12, 19},                                             /* Maestro, Verve, Elo */
        {5100, 5599, 16, 16},                                             /* Mastercard */
        {5600, 5899, 12, 19},                                             /* Maestro */
        {6000, 6999, 12, 19}, /* Discover, UnionPay, RuPay, Maestro */
        {8100, 8171, 16, 19}, /* UnionPay */
        {9792, 9792, 16, 16}, /* Troy */
};

bool check_issuer(struct str digits)
{
        if (digits.len < 12 || digits.len > 19)
                return false;
        unsigned head = 0;
        for (size_t i = 0; i < 4; i++)
                head = head * 10 + (unsigned)(digits.ptr[i] - '0');
        for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
                if (head >= issuers[i].first && head <= issuers[i].last && digits.len >= issuers[i].min_len &&
                    digits.len <= issuers[i].max_len)
                        return true;
        }
        return false;
}

bool check_card(struct str digits)
{
        return check_issuer(digits) && has_luhn_digit(digits);
}

bool check_ssn(struct str digits)
{
        return digits.len == 9 && digits.ptr[0] != '9' && memcmp(digits.ptr, "000", 3) != 0 &&
               memcmp(digits.ptr, "666", 3) != 0 && memcmp(digits.ptr + 3, "00", 2) != 0 &&
               memcmp(digits.ptr + 5, "0000", 4) != 0;
}

static const struct {
        char country[3];
        unsigned char len;
} ibans[] = {
#define IBAN(country, len) {country, len},
#include "text/pii_iban.def"
#undef IBAN
};

size_t iban_length(struct str text)
{
        if (text.len < 2)
                return 0;
        for (size_t i = 0; i < sizeof ibans / sizeof *ibans; i++)
                if (str_equal_nocase((struct str){text.ptr, 2}, (struct str){ibans[i].country, 2}))
                        return ibans[i].len;
        return 0;
}

/* `value` followed by the character's one or two decimal digits, mod 97. */
static unsigned mod97_append(unsigned value, char c)
{
        if (c >= '0' && c <= '9')
                return (value * 10 + (unsigned)(c - '0')) % 97;
        return (value * 100 + (unsigned)((c | 0x20) - 'a') + 10) % 97;
}

bool check_iban(struct str text)
{
        size_t len = iban_length(text);
        if (len == 0 || text.len != len)
                return false;
        unsigned value = 0, cases = 0;
        for (size_t i = 0; i < len; i++) {
                char c = text.ptr[i];
                if (c > '9')
                        cases |= c >= 'a' ? 1 : 2;
        }
        if (cases == 3)
                return false;
        for (size_t i = 0; i < len; i++)
                value = mod97_append(value, text.ptr[(i + 4) % len]);
        return value == 1;
}

bool check_ip4(struct str text)
{
        char copy[INET_ADDRSTRLEN];
        struct in_addr address;
        if (text.len >= sizeof copy)
                return false;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        return inet_pton(AF_INET, copy, &address) == 1;
}

bool check_ip6(struct str text)
{
        char copy[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (text.len >= sizeof copy)
                return false;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        return strpbrk(copy, "0123456789") && inet_pton(AF_INET6, copy, &address) == 1;
}
