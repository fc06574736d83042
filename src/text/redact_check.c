/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_check.h"

#include "base/hash.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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

bool check_ip4(struct str text, bool *ret_is_nobodys)
{
        char copy[INET_ADDRSTRLEN];
        struct in_addr address;
        if (text.len >= sizeof copy)
                return false;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        if (inet_pton(AF_INET, copy, &address) != 1)
                return false;
        uint32_t host = ntohl(address.s_addr);
        *ret_is_nobodys = host == 0 || host == UINT32_MAX || host >> 24 == 127;
        return true;
}

bool check_ip6(struct str text, bool *ret_is_nobodys)
{
        char copy[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (text.len >= sizeof copy)
                return false;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        if (inet_pton(AF_INET6, copy, &address) != 1)
                return false;
        *ret_is_nobodys = IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_LOOPBACK(&address);
        return *ret_is_nobodys || strpbrk(copy, "0123456789");
}

bool check_uk_postcode(struct str text)
{
        static const char areas[] = " AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD "
                                    "DE DG DH DL DN DT DY E EC "
                                    "EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT "
                                    "KW KY L LA LD LE LL LN LS LU "
                                    "M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE "
                                    "SG SK SL SM SN SO SP SR SS "
                                    "ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE ";
        size_t letters = 0;
        while (letters < text.len && text.ptr[letters] >= 'A' && text.ptr[letters] <= 'Z')
                letters++;
        if (text.len < 5 || text.len > 7 || letters < 1 || letters > 2)
                return false;
        char area[5] = {' ', text.ptr[0], letters == 2 ? text.ptr[1] : ' ', letters == 2 ? ' ' : '\0'};
        size_t district = text.len - 3;
        for (size_t i = letters; i < district; i++) {
                bool is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
                if (!is_digit && (i == letters || i + 1 != district))
                        return false;
        }
        const char *inward = text.ptr + district;
        return letters < district && strstr(areas, area) && inward[0] >= '0' && inward[0] <= '9' &&
               inward[1] >= 'A' && inward[2] >= 'A' && !strchr("CIKMOV", inward[1]) &&
               !strchr("CIKMOV", inward[2]);
}

bool check_base58(struct str text)
{
        static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        unsigned char bytes[25] = {0};
        for (size_t i = 0; i < text.len; i++) {
                const char *place = text.ptr[i] ? strchr(alphabet, text.ptr[i]) : NULL;
                unsigned carry = place ? (unsigned)(place - alphabet) : 58;
                if (carry == 58)
                        return false;
                for (size_t k = sizeof bytes; k > 0; k--) {
                        carry += 58U * bytes[k - 1];
                        bytes[k - 1] = (unsigned char)carry;
                        carry >>= 8;
                }
                if (carry)
                        return false;
        }
        struct digest once = digest_sha256((struct str){(const char *)bytes, 21});
        struct digest twice = digest_sha256((struct str){(const char *)once.bytes, sizeof once.bytes});
        return memcmp(twice.bytes, bytes + 21, 4) == 0;
}

static uint32_t bech32_step(uint32_t check, unsigned value)
{
        static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
        uint32_t top = check >> 25;
        check = (check & 0x1ffffff) << 5 ^ value;
        for (size_t i = 0; i < 5; i++)
                check ^= top >> i & 1 ? generator[i] : 0;
        return check;
}

bool check_bech32(struct str text)
{
        static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
        const char *separator = memrchr(text.ptr, '1', text.len);
        uint32_t check = 1;
        if (!separator || separator == text.ptr || text.len > 90)
                return false;
        for (const char *at = text.ptr; at < separator; at++)
                check = bech32_step(check, (unsigned)(*at | 0x20) >> 5);
        check = bech32_step(check, 0);
        for (const char *at = text.ptr; at < separator; at++)
                check = bech32_step(check, (unsigned)*at & 31);
        for (const char *at = separator + 1; at < text.ptr + text.len; at++) {
                char c = (char)(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
                const char *place = c ? strchr(alphabet, c) : NULL;
                if (!place)
                        return false;
                check = bech32_step(check, (unsigned)(place - alphabet));
        }
        return check == 1 || check == 0x2bc830a3;
}
