/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_number.h"

#include "text/redact_check.h"

#include <string.h>

enum { GROUPS_MAX = 20, DIGITS_MAX = 20, CUE_BYTES = 56 };

struct group {
        const char *start;
        const char *end;
        enum joint joint; /* to the group before it */
        size_t digits;    /* in this group and those before it */
};

struct run {
        struct group groups[GROUPS_MAX];
        size_t count;
        char digits[DIGITS_MAX]; /* the first ones, without their joints */
        const char *start;       /* with the plus or parenthesis before it */
        const char *end;         /* of the text */
        enum cue cue;
        bool has_plus;
        bool has_paren;
        bool is_glued;        /* letters stand right before it */
        bool follows_a_group; /* it may be the tail of a longer number */
};

/* The first groups of a run: their digits, borrowed from it, without joints. */
struct window {
        const char *digits;
        size_t len;
        size_t groups;
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static size_t group_len(const struct group *group)
{
        return (size_t)(group->end - group->start);
}

static const char *skip_digits(const char *at, const char *end)
{
        while (at < end && is_digit(*at))
                at++;
        return at;
}

enum cue number_cue(const struct number_site *site, const char *at)
{
        const char *from = at - site->floor > CUE_BYTES ? at - CUE_BYTES : site->floor;
        /* A word that the window cuts is not a word. */
        if (from > site->floor)
                while (from < at && is_letter(*from))
                        from++;
        const char *tag = memrchr(from, ']', (size_t)(at - from));
        from = tag ? tag + 1 : from;
        enum cue cue = lex_cue((struct str){from, (size_t)(at - from)});
        return cue == CUE_NONE && at > from && at[-1] == '#' ? CUE_REFERENCE : cue;
}

static void read_groups(struct run *run, const char *at)
{
        enum joint joint = JOINT_NONE;
        size_t digits = 0;
        run->count = 0;
        while (run->count < GROUPS_MAX) {
                const char *end = skip_digits(at, run->end);
                for (const char *digit = at; digit < end && digits + (size_t)(digit - at) < DIGITS_MAX;
                     digit++)
                        run->digits[digits + (size_t)(digit - at)] = *digit;
                digits += (size_t)(end - at);
                run->groups[run->count++] = (struct group){at, end, joint, digits};
                at = lex_joint(end, run->end, &joint);
                if (!at || at == run->end || !is_digit(*at))
                        return;
        }
}

static void read_prefix(struct run *run, const struct number_site *site)
{
        const char *start = site->at;
        if (start > site->floor && start[-1] == '(') {
                start--;
                run->has_paren = true;
        }
        if (start > site->floor && start[-1] == '+') {
                start--;
                run->has_plus = true;
        }
        run->start = start;
        run->is_glued = start > site->floor && is_letter(start[-1]);
        run->follows_a_group = start - site->floor >= 2 && start[-1] == ' ' && is_digit(start[-2]);
}

/* A group that hangs on the one before it by a dash, dot or slash starts nothing; nor does one of
 * at most three digits behind a comma or colon, which is a part of an amount or a time. */
static bool hangs_on_digits(const struct number_site *site, const char *at)
{
        if (at - site->floor < 2 || !is_digit(at[-2]))
                return false;
        if (at[-1] == ',' || at[-1] == ':')
                return skip_digits(at, site->end) - at <= 3;
        return memchr("-./", at[-1], 3) != NULL;
}

static enum joint joint_behind(const struct run *run, size_t groups)
{
        return groups < run->count ? run->groups[groups].joint : JOINT_NONE;
}

/* Whether a number may end behind so many groups: no letter follows, and what follows is joined
 * otherwise than the window is in itself. */
static bool may_end(const struct run *run, size_t groups)
{
        const char *end = run->groups[groups - 1].end;
        if (end < run->end && (is_letter(*end) || *end == '_'))
                return lex_extension(end, run->end) != NULL;
        if (run->end - end >= 2 && (*end == ':' || *end == ',') && is_digit(end[1]) &&
            group_len(&run->groups[groups - 1]) < 4)
                return false;
        enum joint behind = joint_behind(run, groups);
        if (behind == JOINT_NONE || behind == JOINT_LINE || behind == JOINT_PAREN)
                return true;
        if (groups == 1)
                return behind == JOINT_SPACE;
        return behind != run->groups[groups - 1].joint;
}

/* The same for a window whose shape is complete in itself, or that the words before it announce:
 * a space may follow with whatever comes next ("4111 1111 1111 1111 12/27"). */
static bool may_end_at_space(const struct run *run, size_t groups)
{
        return may_end(run, groups) || (groups > 1 && joint_behind(run, groups) == JOINT_SPACE);
}

static bool window_of(const struct run *run, size_t groups, struct window *ret_window)
{
        *ret_window = (struct window){run->digits, run->groups[groups - 1].digits, groups};
        return ret_window->len <= DIGITS_MAX;
}

static struct str window_str(const struct window *window)
{
        return (struct str){window->digits, window->len};
}

/* "334" for groups of three, three and four digits. */
static bool has_shape(const struct run *run, size_t groups, const char *shape)
{
        if (strlen(shape) != groups)
                return false;
        for (size_t i = 0; i < groups; i++)
                if (group_len(&run->groups[i]) != (size_t)(shape[i] - '0'))
                        return false;
        return true;
}

static bool is_joined_by(const struct run *run, size_t groups, enum joint joint)
{
        for (size_t i = 1; i < groups; i++)
                if (run->groups[i].joint != joint)
                        return false;
        return true;
}

static bool is_evenly_joined(const struct run *run, size_t groups)
{
        return groups == 1 || is_joined_by(run, groups, run->groups[1].joint);
}

bool number_is_whose(const struct number_site *site, const char *at)
{
        static const struct str words[] = {STR_INIT("ip"),     STR_INIT("ips"),    STR_INIT("ipv4"),
                                           STR_INIT("ipv6"),   STR_INIT("from"),   STR_INIT("src"),
                                           STR_INIT("dst"),    STR_INIT("source"), STR_INIT("client"),
                                           STR_INIT("remote"), STR_INIT("peer")};
        const char *end = at;
        while (end > site->floor && end[-1] && memchr(" :=[(\"'", end[-1], 7))
                end--;
        const char *start = end;
        while (start > site->floor && (is_letter(start[-1]) || is_digit(start[-1])))
                start--;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (str_equal_nocase((struct str){start, (size_t)(end - start)}, words[i]))
                        return true;
        return false;
}

/* A version has the same form as an address: the words before it tell, or a neighbour that was a
 * version with the same first parts ("1.2.3.4 fails, 1.2.3.3 worked"). */
static bool is_version(struct number_site *site, const struct run *run)
{
        size_t head = (size_t)(run->groups[1].end - run->groups[0].start);
        if (run->cue == CUE_VERSION) {
                site->version.ptr = run->groups[0].start;
                site->version.len = head;
                return true;
        }
        return site->version.ptr && site->version.len == head &&
               memcmp(site->version.ptr, run->groups[0].start, head) == 0;
}

static bool is_ip4(struct number_site *site, const struct run *run)
{
        if (run->is_glued || run->count < 4 || !is_joined_by(run, 4, JOINT_DOT) ||
            joint_behind(run, 4) == JOINT_DOT)
                return false;
        const char *start = run->groups[0].start, *end = run->groups[3].end;
        if (end < run->end && is_letter(*end))
                return false;
        bool is_nobodys;
        return check_ip4((struct str){start, (size_t)(end - start)}, &is_nobodys) && !is_version(site, run) &&
               (!is_nobodys || number_is_whose(site, start));
}

/* Groups of a social security number: 3, or 1 when it stands unbroken; 0: it is none. */
static size_t ssn_groups(const struct run *run)
{
        struct window window;
        if (run->cue == CUE_REFERENCE)
                return 0;
        if (run->cue == CUE_SSN && group_len(&run->groups[0]) == 9)
                return may_end(run, 1) && window_of(run, 1, &window) && check_ssn(window_str(&window)) ? 1
                                                                                                       : 0;
        if (run->count < 3 || !has_shape(run, 3, "324") || !is_evenly_joined(run, 3) ||
            !may_end_at_space(run, 3))
                return 0;
        if (run->cue == CUE_SSN)
                return 3;
        return run->groups[1].joint == JOINT_DASH && window_of(run, 3, &window) &&
                               check_ssn(window_str(&window))
                       ? 3
                       : 0;
}

static bool is_all_single(const struct run *run, size_t groups)
{
        for (size_t i = 0; i < groups; i++)
                if (group_len(&run->groups[i]) != 1)
                        return false;
        return true;
}

/* How cards are printed: in one piece, in fours, as 4-6-5 or 4-6-4, or digit by digit. */
static bool has_card_shape(const struct run *run, size_t groups)
{
        if (groups == 1 || has_shape(run, groups, "465") || has_shape(run, groups, "464") ||
            is_all_single(run, groups))
                return true;
        for (size_t i = 0; i + 1 < groups; i++)
                if (group_len(&run->groups[i]) != 4)
                        return false;
        return groups >= 3 && group_len(&run->groups[groups - 1]) <= 4;
}

/* The less common lengths are also those of bar codes and tracking numbers: they need the word. */
static bool is_card_len(size_t len, enum cue cue)
{
        if (cue == CUE_CARD)
                return true;
        if (cue == CUE_REFERENCE || cue == CUE_RECORD)
                return len == 15 || len == 16;
        return (len >= 14 && len <= 16) || len == 19;
}

/* Where the words before it call it a card, a wrong check digit is a slip of the hand. */
static bool is_card(const struct window *window, enum cue cue)
{
        struct str digits = window_str(window);
        return check_card(digits) || (cue == CUE_CARD && (digits.len == 15 || digits.len == 16));
}

static size_t card_groups(const struct run *run)
{
        struct window window;
        for (size_t groups = run->count; groups > 0; groups--) {
                if (!window_of(run, groups, &window) || window.len < 12 || !is_card_len(window.len, run->cue))
                        continue;
                bool may_be = run->cue == CUE_CARD ||
                              (has_card_shape(run, groups) && is_evenly_joined(run, groups));
                if (may_be && may_end_at_space(run, groups) && is_card(&window, run->cue))
                        return groups;
        }
        return 0;
}

static bool is_year(const struct group *group)
{
        return group_len(group) == 4 &&
               (memcmp(group->start, "19", 2) == 0 || memcmp(group->start, "20", 2) == 0);
}

/* Whether three neighbouring groups of the window read as a date. */
static bool has_date(const struct run *run, size_t groups)
{
        for (size_t i = 0; i + 2 < groups; i++) {
                const struct group *group = run->groups + i;
                bool ends_in_year = group_len(group) <= 2 && group_len(group + 1) <= 2 && is_year(group + 2);
                bool starts_with_year =
                        is_year(group) && group_len(group + 1) <= 2 && group_len(group + 2) <= 2;
                if (ends_in_year || starts_with_year)
                        return true;
        }
        return false;
}

/* "+44 20 7123 4567": E.164 has at most 15 digits; the shortest numbers of small countries 7. */
static size_t international_groups(const struct run *run)
{
        struct window window;
        if (run->groups[0].start[0] == '0')
                return 0;
        for (size_t groups = run->count; groups > 0; groups--) {
                if (!window_of(run, groups, &window) || window.len < 7 || window.len > 15 ||
                    !may_end(run, groups))
                        continue;
                bool is_whole_before = groups > 1 && group_len(&run->groups[0]) >= 9;
                bool crosses_line =
                        groups > 1 && !run->has_paren && run->groups[groups - 1].joint == JOINT_LINE;
                if (!is_whole_before && !crosses_line)
                        return groups;
        }
        return 0;
}

/* "415-555-0132", the North American form; with spaces only where area and exchange can exist. */
static bool is_nanp(const struct run *run, size_t groups)
{
        bool has_trunk = has_shape(run, groups, "1334");
        if (!has_trunk && !has_shape(run, groups, "334"))
                return false;
        const struct group *area = run->groups + has_trunk;
        if (area[1].joint != JOINT_SPACE || area[2].joint != JOINT_SPACE)
                return true;
        return !run->follows_a_group && area[0].start[0] >= '2' && area[1].start[0] >= '2';
}

/* National numbers with the trunk zero: "030 123456", "01.84.17.61.18", "09171234567". */
static bool is_trunk_zero(const struct run *run, const struct window *window)
{
        if (window->digits[0] != '0' || window->groups > 6)
                return false;
        if (window->digits[1] == '0')
                return window->len >= 10 && window->len <= 17;
        if (window->groups == 1)
                return window->len == 10 || window->len == 11;
        bool is_decimal = run->groups[1].joint == JOINT_DOT && window->groups < 3;
        return window->len >= 9 && window->len <= 11 && !is_decimal;
}

static bool is_national(const struct run *run, const struct window *window)
{
        size_t groups = window->groups;
        if (is_nanp(run, groups))
                return run->cue != CUE_RECORD || run->groups[groups - 1].joint != JOINT_SPACE;
        if (run->cue != CUE_NONE && run->cue != CUE_PHONE)
                return false;
        if (window->len <= 12 && run->cue == CUE_PHONE)
                return true;
        if (run->has_paren && groups > 1 && run->groups[1].joint == JOINT_PAREN)
                return window->len <= 12;
        if (has_shape(run, groups, "3322") && is_evenly_joined(run, groups) &&
            run->groups[1].joint != JOINT_DOT)
                return true;
        return (!run->follows_a_group && is_trunk_zero(run, window)) ||
               (window->len <= 12 && lex_is_phone_word(run->groups[groups - 1].end, run->end));
}

static size_t phone_groups(const struct run *run)
{
        struct window window;
        if (run->has_plus)
                return international_groups(run);
        if (run->cue == CUE_REFERENCE || run->cue == CUE_VERSION)
                return 0;
        for (size_t groups = run->count < 7 ? run->count : 7; groups > 0; groups--) {
                bool crosses_line = false;
                for (size_t i = 1; i < groups; i++)
                        crosses_line |= run->groups[i].joint == JOINT_LINE;
                if (crosses_line || !window_of(run, groups, &window) || window.len < 7 || window.len > 17)
                        continue;
                bool is_announced = run->cue == CUE_PHONE || is_nanp(run, groups);
                bool may_be = is_announced ? may_end_at_space(run, groups) : may_end(run, groups);
                if (may_be && !has_date(run, groups) && is_national(run, &window))
                        return groups;
        }
        return 0;
}

static bool end_match(const struct run *run, size_t groups, enum pii_type type,
                      struct number_match *ret_match)
{
        if (groups == 0)
                return false;
        const char *start = run->groups[0].start, *end = run->groups[groups - 1].end;
        if (type == PII_PHONE) {
                /* "(415) …" begins with its parenthesis, "(415-555-0132)" stands in parentheses. */
                if (run->has_plus || memchr(start, ')', (size_t)(end - start)))
                        start = run->start;
                const char *extension = lex_extension(end, run->end);
                end = extension ? extension : end;
        }
        *ret_match = (struct number_match){start, end, type};
        return true;
}

bool number_match(struct number_site *site, struct number_match *ret_match)
{
        struct run run;
        run.end = site->end;
        run.has_plus = run.has_paren = false;
        if (hangs_on_digits(site, site->at))
                return false;
        read_groups(&run, site->at);
        const struct group *last = run.groups + run.count - 1;
        if (last->end - run.groups[0].start < 7)
                return false; /* shorter than any of them: the usual "2 times" ends here */
        read_prefix(&run, site);
        run.cue = number_cue(site, run.start);
        if (is_ip4(site, &run))
                return end_match(&run, 4, PII_IP_ADDRESS, ret_match);
        return (!run.has_plus && end_match(&run, ssn_groups(&run), PII_US_SSN, ret_match)) ||
               (!run.has_plus && end_match(&run, card_groups(&run), PII_CREDIT_CARD, ret_match)) ||
               end_match(&run, phone_groups(&run), PII_PHONE, ret_match);
}
