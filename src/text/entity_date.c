/* SPDX-License-Identifier: Apache-2.0 */
#include "text/entity_date.h"

#include <string.h>

struct date {
        unsigned year; /* 0: not said */
        unsigned month, day;
        bool is_ambiguous;
        size_t bytes; /* of the text */
};

struct cursor {
        struct str text;
        size_t at;
};

static char peek(const struct cursor *c)
{
        return c->at < c->text.len ? c->text.ptr[c->at] : '\0';
}

static bool is_digit(char ch)
{
        return ch >= '0' && ch <= '9';
}

static bool is_word_char(char ch)
{
        return is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'z') || (unsigned char)ch >= 0x80;
}

/* The number's digits; 0 when it has none, or more than four. */
static unsigned read_number(struct cursor *c, unsigned *ret_number)
{
        unsigned digits = 0, number = 0;
        for (; is_digit(peek(c)) && digits < 5; c->at++, digits++)
                number = 10 * number + (unsigned)(peek(c) - '0');
        *ret_number = number;
        return digits == 5 ? 0 : digits;
}

static bool skip(struct cursor *c, const char *text)
{
        size_t len = strlen(text);
        if (c->text.len - c->at < len ||
            !str_equal_nocase((struct str){c->text.ptr + c->at, len}, (struct str){text, len}))
                return false;
        c->at += len;
        return true;
}

static bool is_date(const struct date *date)
{
        static const unsigned days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool is_year = date->year == 0 || (date->year >= 1900 && date->year <= 2199);
        return is_year && date->month >= 1 && date->month <= 12 && date->day >= 1 && date->day <= days[date->month - 1];
}

/* ---- In digits ---- */

static void order_day_and_month(struct date *date, unsigned first, unsigned second, char separator)
{
        bool is_day_first = separator == '.' || first > 12;
        date->day = is_day_first ? first : second;
        date->month = is_day_first ? second : first;
        date->is_ambiguous = separator != '.' && first <= 12 && second <= 12 && first != second;
}

static bool read_digits(struct cursor *c, struct date *date)
{
        unsigned numbers[3] = {0}, digits[3];
        digits[0] = read_number(c, &numbers[0]);
        char separator = peek(c);
        if (digits[0] == 0 || !strchr("-./", separator) || !separator)
                return false;
        c->at++;
        digits[1] = read_number(c, &numbers[1]);
        if (digits[1] == 0 || digits[1] > 2 || peek(c) != separator)
                return false;
        c->at++;
        digits[2] = read_number(c, &numbers[2]);
        if (digits[0] == 4 && digits[2] >= 1 && digits[2] <= 2) {
                *date = (struct date){numbers[0], numbers[1], numbers[2], false, c->at};
                return digits[1] == 2 && digits[2] == 2;
        }
        if (digits[0] > 2 || (digits[2] == 0 && separator != '.'))
                return false;
        order_day_and_month(date, numbers[0], numbers[1], separator);
        date->year = digits[2] == 2 ? 2000 + numbers[2] : numbers[2];
        return digits[2] == 0 || digits[2] == 2 || digits[2] == 4;
}

/* ---- With the month's name ---- */

/* A name that begins another one stands behind it. */
static const struct {
        const char *name;
        unsigned month;
} names[] = {
        {"january", 1}, {"januar", 1}, {"janvier", 1}, {"janeiro", 1}, {"jan", 1}, {"enero", 1},
        {"february", 2}, {"februar", 2}, {"février", 2}, {"fevrier", 2}, {"febrero", 2}, {"fevereiro", 2}, {"feb", 2},
        {"march", 3}, {"märz", 3}, {"maerz", 3}, {"março", 3}, {"marzo", 3}, {"mars", 3}, {"mar", 3},
        {"april", 4}, {"avril", 4}, {"abril", 4}, {"apr", 4},
        {"mayo", 5}, {"maio", 5}, {"may", 5}, {"mai", 5},
        {"junio", 6}, {"junho", 6}, {"juni", 6}, {"juin", 6}, {"june", 6}, {"jun", 6},
        {"juillet", 7}, {"julio", 7}, {"julho", 7}, {"juli", 7}, {"july", 7}, {"jul", 7},
        {"august", 8}, {"agosto", 8}, {"août", 8}, {"aout", 8}, {"aug", 8},
        {"september", 9}, {"septembre", 9}, {"septiembre", 9}, {"setembro", 9}, {"sept", 9}, {"sep", 9},
        {"october", 10}, {"oktober", 10}, {"octobre", 10}, {"octubre", 10}, {"outubro", 10}, {"oct", 10}, {"okt", 10},
        {"november", 11}, {"novembre", 11}, {"noviembre", 11}, {"novembro", 11}, {"nov", 11},
        {"december", 12}, {"dezember", 12}, {"décembre", 12}, {"decembre", 12}, {"diciembre", 12}, {"dezembro", 12},
        {"dec", 12}, {"dez", 12},
};

/* The first letters of all names: most words are none by theirs. */
static bool begins_month(char c)
{
        return (c | 32) >= 'a' && (c | 32) <= 'z' && strchr("jefmasond", c | 32);
}

/* A whole word. "may" is a verb more often than not. */
static bool read_month(struct cursor *c, struct date *date)
{
        if (!begins_month(peek(c)))
                return false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct cursor behind = *c;
                if ((peek(c) | 32) != names[i].name[0])
                        continue;
                if (!skip(&behind, names[i].name) || is_word_char(peek(&behind)))
                        continue;
                if (strcmp(names[i].name, "may") == 0 && peek(c) == 'm')
                        return false;
                *c = behind;
                (void)skip(c, ".");
                date->month = names[i].month;
                return true;
        }
        return false;
}

static bool read_day(struct cursor *c, struct date *date)
{
        static const char *const ends[] = {"st", "nd", "rd", "th", "er", "."};
        unsigned digits = read_number(c, &date->day);
        for (size_t i = 0; i < sizeof ends / sizeof *ends && !skip(c, ends[i]); i++)
                continue;
        return digits >= 1 && digits <= 2 && !is_word_char(peek(c));
}

/* A year of four digits; none is none. */
static void read_year(struct cursor *c, struct date *date)
{
        struct cursor at = *c;
        unsigned year;
        (void)skip(&at, ",");
        bool is_apart = skip(&at, " ");
        (void)skip(&at, "de ");
        if (!is_apart || read_number(&at, &year) != 4 || is_word_char(peek(&at)) || year < 1900 || year > 2199)
                return;
        date->year = year;
        *c = at;
}

static bool read_named(struct cursor *c, struct date *date)
{
        struct cursor start = *c;
        if (read_month(c, date))
                return skip(c, " ") && read_day(c, date);
        *c = start;
        if (!read_day(c, date) || !skip(c, " "))
                return false;
        (void)(skip(c, "of ") || skip(c, "de "));
        return read_month(c, date);
}

/* Not one of a longer chain, such as a version or an address. */
static bool ends_well(const struct cursor *c)
{
        char next = peek(c);
        char behind = c->at + 1 < c->text.len ? c->text.ptr[c->at + 1] : '\0';
        bool goes_on = (next == '.' || next == '-' || next == '/') && is_digit(behind);
        return !is_digit(next) && !goes_on;
}

bool entity_date_read(struct str text, struct arena *arena, struct str *ret_date)
{
        if (text.len == 0 || !(is_digit(text.ptr[0]) || begins_month(text.ptr[0])))
                return false;
        struct cursor c = {.text = text};
        struct date date = {0};
        bool is_found = read_digits(&c, &date) && ends_well(&c);
        if (!is_found) {
                c.at = 0;
                date = (struct date){0};
                is_found = read_named(&c, &date);
                if (is_found)
                        read_year(&c, &date);
        }
        if (!is_found || !is_date(&date))
                return false;
        if (date.is_ambiguous)
                *ret_date = arena_copy(arena, (struct str){text.ptr, c.at});
        else if (date.year)
                *ret_date = arena_format(arena, "%04u-%02u-%02u", date.year, date.month, date.day);
        else
                *ret_date = arena_format(arena, "--%02u-%02u", date.month, date.day);
        return ret_date->ptr != NULL;
}
