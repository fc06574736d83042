/* SPDX-License-Identifier: Apache-2.0 */
#include "text/entities.h"

#include "text/entity_date.h"

#include <ctype.h>
#include <string.h>

/* How many words before a bare number may say that it is an order. */
enum { CUE_WORDS = 5, PRODUCT_MAX_BYTES = 60 };

enum token {
        TOKEN_END,
        TOKEN_OTHER,
        TOKEN_WORD,
        TOKEN_CUE_ORDER,   /* a word that announces an order number */
        TOKEN_CUE_PRODUCT, /* a word that announces a product code */
        TOKEN_CUE_OTHER,   /* a word that announces another number: phone, account … */
        TOKEN_ORDER,       /* an order number that needs no announcement */
        TOKEN_CODE,        /* letters, dash, digits: an order or product code when announced */
        TOKEN_NUMBER,
        TOKEN_AMOUNT,
        TOKEN_QUOTED,
        TOKEN_EMAIL, /* the redactor's tag */
        TOKEN_PHONE,
};

struct scanner {
        const char *cursor;
        const char *limit; /* points to a NUL */
        const char *start; /* of the token */
};

static enum token next_token(struct scanner *s)
{
        const char *marker;
        s->start = s->cursor;
        /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = "s->cursor";
        re2c:define:YYLIMIT = "s->limit";
        re2c:define:YYMARKER = marker;
        re2c:yyfill:enable = 0;
        re2c:eof = 0;

        digit = [0-9];
        letter = [A-Za-z\x80-\xff];
        word = letter (letter | digit | ['_])*;
        number = digit+;
        money = digit+ ([.,] digit+)*;
        sign = "$" | "\xe2\x82\xac" | "\xc2\xa3";
        code = 'eur' | 'usd' | 'gbp' | 'chf' | 'cad' | 'aud';
        unit = code | 'euro' 's'? | 'dollar' 's'? | 'pound' 's'? | 'bucks' | 'quid' | sign;

        $                                               { return TOKEN_END; }
        ('ord' | 'order') [-#_] digit+                  { return TOKEN_ORDER; }
        "#" number                                      { return TOKEN_ORDER; }
        [A-Za-z]{1,5} digit* "-" digit+ ("-" [0-9A-Za-z]+)*  { return TOKEN_CODE; }
        [A-Za-z]{1,4} digit{3,12}                       { return TOKEN_CODE; }
        (sign | code " "?) money | money " "? unit      { return TOKEN_AMOUNT; }
        money " "? 'pound' 's'? " of "                  { return TOKEN_OTHER; }
        'order' 's'? | 'purchase' | 'parcel' | 'package' | 'shipment' | 'tracking' | 'delivery' | 'booking'
                                                        { return TOKEN_CUE_ORDER; }
        'sku' | 'model' | 'product' | 'item' | 'article'  { return TOKEN_CUE_PRODUCT; }
        'phone' | 'tel' | 'call' | 'mobile' | 'account' | 'card' | 'fax' | 'policy' | 'customer'
                                                        { return TOKEN_CUE_OTHER; }
        "[EMAIL_REDACTED" [_0-9]* "]"                   { return TOKEN_EMAIL; }
        "[PHONE_REDACTED" [_0-9]* "]"                   { return TOKEN_PHONE; }
        ["] [^"\n\x00]+ ["]                             { return TOKEN_QUOTED; }
        "\xe2\x80\x9c" [^"\n\x00\xe2]+ "\xe2\x80\x9d"   { return TOKEN_QUOTED; }
        word                                            { return TOKEN_WORD; }
        number                                          { return TOKEN_NUMBER; }
        money ("/" | "-" | ":") [0-9/:.-]*              { return TOKEN_OTHER; }
        "+"? number [ ./-] [0-9 ()./-]+ digit           { return TOKEN_OTHER; }
        *                                               { return TOKEN_OTHER; }
        */
}

static struct str token_text(const struct scanner *s)
{
        return (struct str){s->start, (size_t)(s->cursor - s->start)};
}

static size_t digits_in(struct str text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++)
                count += text.ptr[i] >= '0' && text.ptr[i] <= '9';
        return count;
}

/* A unit that stands before or behind the number, as its ISO 4217 code. */
static const char *currency_code(struct str unit)
{
        static const struct {
                const char *prefix;
                const char *code;
        } units[] = {
                {"$", "USD"},   {"usd", "USD"},   {"dollar", "USD"}, {"bucks", "USD"}, {"\xe2\x82\xac", "EUR"},
                {"eur", "EUR"}, {"\xc2\xa3", "GBP"}, {"gbp", "GBP"}, {"pound", "GBP"}, {"quid", "GBP"},
                {"chf", "CHF"}, {"cad", "CAD"},   {"aud", "AUD"},
        };
        for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
                struct str prefix = str_from(units[i].prefix);
                if (unit.len >= prefix.len && str_equal_nocase((struct str){unit.ptr, prefix.len}, prefix))
                        return units[i].code;
        }
        return NULL;
}

static bool is_money_char(char c)
{
        return (c >= '0' && c <= '9') || c == '.' || c == ',';
}

/* Thousands are separated by what does not stand before the last two digits. */
static struct str plain_number(struct str number, struct arena *arena)
{
        char *text = arena_alloc(arena, number.len + 1);
        if (!text)
                return (struct str){0};
        size_t len = 0;
        for (size_t i = 0; i < number.len; i++) {
                char c = number.ptr[i];
                size_t behind = number.len - i - 1;
                if (c >= '0' && c <= '9')
                        text[len++] = c;
                else if (behind == 1 || behind == 2)
                        text[len++] = '.';
        }
        text[len] = '\0';
        return (struct str){text, len};
}

static bool take_amount(struct str token, struct arena *arena, struct entities *found)
{
        size_t start = 0;
        while (start < token.len && !(token.ptr[start] >= '0' && token.ptr[start] <= '9'))
                start++;
        size_t end = start;
        while (end < token.len && is_money_char(token.ptr[end]))
                end++;
        struct str before = {token.ptr, start};
        struct str behind = str_trim((struct str){token.ptr + end, token.len - end});
        const char *code = currency_code(start ? before : behind);
        struct str number = plain_number((struct str){token.ptr + start, end - start}, arena);
        if (!code || !number.ptr)
                return code == NULL;
        found->amount.safe = arena_format(arena, "%.*s %s", STR_ARGS(number), code);
        return found->amount.safe.ptr != NULL;
}

/* The bytes of the quote at each end of `name`; 0 when it is not quoted. */
static size_t quote_bytes(struct str name)
{
        if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
                return 1;
        bool is_curly = name.len >= 6 && memcmp(name.ptr, "\xe2\x80\x9c", 3) == 0 &&
                        memcmp(name.ptr + name.len - 3, "\xe2\x80\x9d", 3) == 0;
        return is_curly ? 3 : 0;
}

static bool take_product(struct str token, struct arena *arena, struct entities *found)
{
        struct str name = token;
        for (size_t quote; (quote = quote_bytes(name)) > 0;)
                name = (struct str){name.ptr + quote, name.len - 2 * quote};
        if (name.len == 0 || name.len > PRODUCT_MAX_BYTES || found->product.safe.ptr)
                return true;
        found->product.safe = arena_copy(arena, name);
        return found->product.safe.ptr != NULL;
}

static bool take_order(struct str token, struct arena *arena, struct entities *found)
{
        while (token.len && token.ptr[0] == '#')
                token = (struct str){token.ptr + 1, token.len - 1};
        found->order_id.safe = arena_copy(arena, token);
        return found->order_id.safe.ptr != NULL;
}

/* Which announcement is in force, and for how many more words. */
struct cue {
        enum token kind;
        unsigned words_left;
};

static bool is_order(enum token kind, struct str token, const struct cue *cue)
{
        size_t digits = digits_in(token);
        bool is_announced = cue->kind == TOKEN_CUE_ORDER && cue->words_left > 0;
        if (kind == TOKEN_ORDER)
                return token.ptr[0] == '#' ? digits >= 5 && digits <= 12 : digits >= 4 && digits <= 12;
        if (kind == TOKEN_CODE)
                return is_announced && digits >= 4 && digits <= 16;
        return kind == TOKEN_NUMBER && is_announced && digits >= 8 && digits <= 12;
}

static void hear(struct cue *cue, enum token kind)
{
        if (kind == TOKEN_CUE_ORDER || kind == TOKEN_CUE_PRODUCT || kind == TOKEN_CUE_OTHER)
                *cue = (struct cue){kind, CUE_WORDS};
        else if (kind != TOKEN_OTHER && cue->words_left)
                cue->words_left--;
}

/* Whether a date can begin with such a token. */
static bool may_begin_date(enum token kind)
{
        return kind == TOKEN_NUMBER || kind == TOKEN_OTHER || kind == TOKEN_WORD || kind == TOKEN_AMOUNT;
}

static bool take_date(const struct scanner *s, struct arena *arena, struct entities *found)
{
        struct str rest = {s->start, (size_t)(s->limit - s->start)};
        return entity_date_read(rest, arena, &found->date.safe) || !arena->is_full;
}

static void take_contact(enum token kind, struct entities *found)
{
        bool is_email = kind == TOKEN_EMAIL;
        if (!found->contact.safe.ptr)
                found->contact = is_email ? SAFE_LITERAL("email") : SAFE_LITERAL("phone");
        else if (!str_equal(found->contact.safe, is_email ? STR("email") : STR("phone")))
                found->contact = SAFE_LITERAL("email, phone");
}

static bool take(enum token kind, struct str token, const struct cue *cue, struct arena *arena, struct entities *found)
{
        if (!found->order_id.safe.ptr && is_order(kind, token, cue))
                return take_order(token, arena, found);
        if (kind == TOKEN_AMOUNT && !found->amount.safe.ptr)
                return take_amount(token, arena, found);
        bool is_announced = cue->kind == TOKEN_CUE_PRODUCT && cue->words_left > 0;
        if (kind == TOKEN_QUOTED || (kind == TOKEN_CODE && is_announced))
                return take_product(token, arena, found);
        return true;
}

bool entities_find(struct safe_text text, struct arena *arena, struct entities *ret_entities)
{
        /* The scanner wants a NUL behind the text. */
        struct str copy = arena_copy(arena, text.safe);
        if (!copy.ptr)
                return false;
        struct scanner scanner = {.cursor = copy.ptr, .limit = copy.ptr + copy.len};
        struct entities found = {0};
        struct cue cue = {0};
        enum token kind;
        while ((kind = next_token(&scanner)) != TOKEN_END) {
                if (kind == TOKEN_EMAIL || kind == TOKEN_PHONE)
                        take_contact(kind, &found);
                if (!found.date.safe.ptr && may_begin_date(kind) && !take_date(&scanner, arena, &found))
                        return false;
                if (!take(kind, token_text(&scanner), &cue, arena, &found))
                        return false;
                hear(&cue, kind);
        }
        *ret_entities = found;
        return true;
}
