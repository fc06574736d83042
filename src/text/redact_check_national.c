/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_check_national.h"

#include <string.h>

static unsigned digit(struct str text, size_t i)
{
        return (unsigned)(text.ptr[i] - '0');
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static unsigned number(struct str text, size_t from, size_t len)
{
        unsigned value = 0;
        for (size_t i = from; i < from + len; i++)
                value = value * 10 + digit(text, i);
        return value;
}

static unsigned weighted(struct str text, const unsigned char *weights, size_t count)
{
        unsigned sum = 0;
        for (size_t i = 0; i < count; i++)
                sum += digit(text, i) * weights[i];
        return sum;
}

static bool is_date(unsigned month, unsigned day)
{
        return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool check_luhn(struct str text)
{
        unsigned sum = 0;
        for (size_t i = 0; i < text.len; i++) {
                unsigned value = digit(text, text.len - 1 - i) * (i % 2 ? 2 : 1);
                sum += value > 9 ? value - 9 : value;
        }
        return sum % 10 == 0;
}

/* Verhoeff 1969: the dihedral group of order ten. */
bool check_verhoeff(struct str text)
{
        static const unsigned char permutation[10] = {1, 5, 7, 6, 2, 8, 3, 0, 9, 4};
        unsigned check = 0;
        for (size_t i = 0; i < text.len; i++) {
                unsigned value = digit(text, text.len - 1 - i);
                for (size_t times = 0; times < i % 8; times++)
                        value = permutation[value];
                unsigned rotated = check < 5 ? (value < 5 ? (check + value) % 5 : 5 + (check + value) % 5)
                                             : (value < 5 ? 5 + (check - value) % 5 : (check - value + 5) % 5);
                check = rotated;
        }
        return check == 0 && text.ptr[0] >= '2';
}

bool check_hetu(struct str text)
{
        size_t serial = text.len == 11 ? 7 : 6;
        if (text.len == 11 && !strchr("ABCDEFUVWXY", text.ptr[6]))
                return false;
        unsigned rest = (number(text, 0, 6) * 1000 + number(text, serial, 3)) % 31;
        return is_date(number(text, 2, 2), number(text, 0, 2)) &&
               text.ptr[text.len - 1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[rest];
}

static const char nif_letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";

bool check_nif(struct str text)
{
        return text.ptr[8] == nif_letters[number(text, 0, 8) % 23];
}

bool check_nie(struct str text)
{
        unsigned place = (unsigned)(text.ptr[0] - 'X');
        return place <= 2 && text.ptr[8] == nif_letters[(place * 10000000 + number(text, 1, 7)) % 23];
}

bool check_sg_fin(struct str text)
{
        static const unsigned char weights[] = {2, 7, 6, 5, 4, 3, 2};
        unsigned sum = weighted((struct str){text.ptr + 1, 7}, weights, 7);
        switch (text.ptr[0]) {
        case 'S':
                return text.ptr[8] == "JZIHGFEDCBA"[sum % 11];
        case 'T':
                return text.ptr[8] == "JZIHGFEDCBA"[(sum + 4) % 11];
        case 'F':
                return text.ptr[8] == "XWUTRQPNMLK"[sum % 11];
        case 'G':
                return text.ptr[8] == "XWUTRQPNMLK"[(sum + 4) % 11];
        case 'M':
                return text.ptr[8] == "KLJNPQRTUWX"[10 - (sum + 3) % 11];
        default: /* a letter, not our enum */
                return false;
        }
}

bool check_in_pan(struct str text)
{
        return strchr("ABCFGHJLPT", text.ptr[3]) != NULL;
}

bool check_in_gstin(struct str text)
{
        unsigned state = number(text, 0, 2);
        return state >= 1 && state <= 38;
}

bool check_in_passport(struct str text)
{
        return text.ptr[1] != '0' && text.ptr[7] != '0';
}

bool check_kvnr(struct str text)
{
        unsigned letter = (unsigned)(text.ptr[0] - 'A') + 1, sum = 0;
        char plain[10] = {(char)('0' + letter / 10), (char)('0' + letter % 10)};
        memcpy(plain + 2, text.ptr + 1, 8);
        for (size_t i = 0; i < 10; i++) {
                unsigned value = (unsigned)(plain[i] - '0') * (i % 2 ? 2 : 1);
                sum += value > 9 ? value - 9 : value;
        }
        return sum % 10 == digit(text, 9);
}

bool check_de_insurance(struct str text)
{
        unsigned day = number(text, 2, 2);
        return is_date(number(text, 4, 2), day > 50 ? day - 50 : day);
}

bool check_de_tax(struct str text)
{
        unsigned product = 10;
        for (size_t i = 0; i < 10; i++) {
                unsigned sum = (digit(text, i) + product) % 10;
                product = (sum ? sum : 10) * 2 % 11;
        }
        return text.ptr[0] != '0' && (11 - product) % 10 == digit(text, 10);
}

bool check_de_passport(struct str text)
{
        static const unsigned char weights[] = {7, 3, 1};
        unsigned sum = 0;
        for (size_t i = 0; i < 8; i++) {
                char c = text.ptr[i];
                if (!is_digit(c) && !strchr("CFGHJKLMNPRTVWXYZ", c))
                        return false;
                sum += weights[i % 3] * (is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10);
        }
        return sum % 10 == digit(text, 8);
}

bool check_kr_resident(struct str text)
{
        return is_date(number(text, 2, 2), number(text, 4, 2)) && text.ptr[6] >= '1' && text.ptr[6] <= '8';
}

bool check_kr_business(struct str text)
{
        static const unsigned char weights[] = {1, 3, 7, 1, 3, 7, 1, 3, 5};
        unsigned sum = weighted(text, weights, 9) + digit(text, 8) * 5 / 10;
        return (10 - sum % 10) % 10 == digit(text, 9);
}

bool check_tr(struct str text)
{
        unsigned odd = 0, even = 0;
        for (size_t i = 0; i < 9; i++)
                *(i % 2 ? &even : &odd) += digit(text, i);
        unsigned tenth = (odd * 7 + 100 - even) % 10;
        return text.ptr[0] != '0' && tenth == digit(text, 9) && (odd + even + tenth) % 10 == digit(text, 10);
}

bool check_pesel(struct str text)
{
        static const unsigned char weights[] = {1, 3, 7, 9, 1, 3, 7, 9, 1, 3};
        return is_date(number(text, 2, 2) % 20, number(text, 4, 2)) &&
               (10 - weighted(text, weights, 10) % 10) % 10 == digit(text, 10);
}

bool check_se(struct str text)
{
        struct str short_form = {text.ptr + text.len - 10, 10};
        unsigned month = number(short_form, 2, 2), day = number(short_form, 4, 2);
        bool is_organisation = text.len == 10 && month >= 20 && strchr("2356789", text.ptr[0]);
        bool is_century = text.len == 10 || number(text, 0, 2) == 19 || number(text, 0, 2) == 20;
        return check_luhn(short_form) && is_century &&
               (is_organisation || is_date(month, day > 60 ? day - 60 : day));
}

bool check_acn(struct str text)
{
        static const unsigned char weights[] = {8, 7, 6, 5, 4, 3, 2, 1};
        return (10 - weighted(text, weights, 8) % 10) % 10 == digit(text, 8);
}

bool check_abn(struct str text)
{
        static const unsigned char weights[] = {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};
        return text.ptr[0] != '0' && (weighted(text, weights, 11) - 10) % 89 == 0;
}

bool check_au_medicare(struct str text)
{
        static const unsigned char weights[] = {1, 3, 7, 9, 1, 3, 7, 9};
        return text.ptr[0] >= '2' && text.ptr[0] <= '6' && weighted(text, weights, 8) % 10 == digit(text, 8);
}

bool check_nhs(struct str text)
{
        static const unsigned char weights[] = {10, 9, 8, 7, 6, 5, 4, 3, 2};
        return (11 - weighted(text, weights, 9) % 11) % 11 == digit(text, 9);
}

bool check_nino(struct str text)
{
        static const char *const never[] = {"BG", "GB", "NK", "KN", "NT", "TN", "ZZ"};
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
                if (memcmp(text.ptr, never[i], 2) == 0)
                        return false;
        return !strchr("DFIQUV", text.ptr[0]) && !strchr("DFIOQUV", text.ptr[1]) && text.ptr[8] <= 'D';
}

/* Five letters of the name (filled up with 9), then the date of birth with the month of a woman plus 50. */
bool check_uk_driver(struct str text)
{
        size_t letters = 0;
        while (letters < 5 && !is_digit(text.ptr[letters]))
                letters++;
        for (size_t i = letters; i < 5; i++)
                if (text.ptr[i] != '9')
                        return false;
        return letters >= 2 && is_date(number(text, 6, 2) % 50, number(text, 8, 2));
}

bool check_za(struct str text)
{
        return is_date(number(text, 2, 2), number(text, 4, 2)) && text.ptr[10] <= '2' && check_luhn(text);
}

bool check_th(struct str text)
{
        static const unsigned char weights[] = {13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2};
        return text.ptr[0] >= '1' && text.ptr[0] <= '8' &&
               (11 - weighted(text, weights, 12) % 11) % 10 == digit(text, 12);
}

bool check_itin(struct str text)
{
        return text.ptr[0] == '9' && text.ptr[3] >= '5';
}

bool check_npi(struct str text)
{
        char whole[16] = "80840";
        memcpy(whole + 5, text.ptr, 10);
        return (text.ptr[0] == '1' || text.ptr[0] == '2') && check_luhn((struct str){whole, 15});
}

bool check_aba(struct str text)
{
        static const unsigned char weights[] = {3, 7, 1, 3, 7, 1, 3, 7, 1};
        unsigned head = number(text, 0, 2);
        bool is_district = head <= 12 || (head >= 21 && head <= 32) || (head >= 61 && head <= 72) || head == 80;
        return is_district && weighted(text, weights, 9) % 10 == 0;
}

bool check_vin(struct str text)
{
        static const unsigned char weights[] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
        static const char values[] = "12345678.12345.7.923456789"; /* of A to Z; I, O and Q are not used */
        unsigned sum = 0, letters = 0;
        for (size_t i = 0; i < 17; i++) {
                char c = text.ptr[i], value = is_digit(c) ? c : values[c - 'A'];
                if (value == '.')
                        return false;
                letters += !is_digit(c);
                sum += (unsigned)(value - '0') * weights[i];
        }
        return letters >= 3 && text.ptr[8] == "0123456789X"[sum % 11];
}
