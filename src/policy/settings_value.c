/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settings_table.h"

#include "base/alloc.h"
#include "base/json_reader.h"
#include "base/json_writer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>

static const char *const mode_names[MODE_COUNT] = {"local", "llm", "cascade"};
static const char *const level_names[LOG_ERROR + 1] = {"debug", "info", "warn", "error"};
static const char *const auth_names[AUTH_COUNT] = {"bearer", "api_key"};
static const char *const output_names[OUTPUT_COUNT] = {"json_schema", "json_object", "label"};

/* A type whose values have names: an enum from 0 on. */
struct choice {
        const char *const *names;
        size_t count;
};

static struct choice choice_of(enum setting_type type)
{
        switch (type) {
        case SETTING_MODE:
                return (struct choice){mode_names, MODE_COUNT};
        case SETTING_LEVEL:
                return (struct choice){level_names, LOG_ERROR + 1};
        case SETTING_AUTH:
                return (struct choice){auth_names, AUTH_COUNT};
        case SETTING_OUTPUT:
                return (struct choice){output_names, OUTPUT_COUNT};
        case SETTING_TEXT:
        case SETTING_ADDRESS:
        case SETTING_URL:
        case SETTING_NUMBER:
        case SETTING_SIZE:
        case SETTING_BOOL:
        case SETTING_DECIMAL:
                break;
        }
        return (struct choice){NULL, 0};
}

const char *mode_name(enum mode mode)
{
        assert(mode < MODE_COUNT);
        return mode_names[mode];
}

static void *value_of(struct settings *settings, enum setting setting)
{
        return (char *)settings + setting_info(setting)->offset;
}

static const void *const_value_of(const struct settings *settings, enum setting setting)
{
        return (const char *)settings + setting_info(setting)->offset;
}

/* Plain UTF-8 without control characters, so that it can be a path, a header or a line of YAML. */
static bool is_text(struct str text)
{
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                if (c < 0x20 || c == 0x7f)
                        return false;
        }
        return utf8_is_valid(text);
}

static bool is_host(struct str host)
{
        char text[64];
        if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
                struct in6_addr address;
                snprintf(text, sizeof text, "%.*s", (int)host.len - 2, host.ptr + 1);
                return host.len - 2 < sizeof text && inet_pton(AF_INET6, text, &address) == 1;
        }
        for (size_t i = 0; i < host.len; i++) {
                char c = host.ptr[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_letter && !(c >= '0' && c <= '9') && c != '.' && c != '-')
                        return false;
        }
        return host.len > 0;
}

static bool is_address(struct str text)
{
        size_t colon = text.len;
        while (colon && text.ptr[colon - 1] != ':')
                colon--;
        if (colon == 0)
                return false;
        uint64_t port;
        struct str digits = {text.ptr + colon, text.len - colon};
        return is_host((struct str){text.ptr, colon - 1}) && digits.len <= 5 && str_to_u64(digits, &port) &&
               port <= 65535;
}

static bool is_url(struct str text)
{
        if (text.len == 0)
                return true;
        return (str_starts_with(text, STR("http://")) && text.len > 7) ||
               (str_starts_with(text, STR("https://")) && text.len > 8);
}

static bool text_fits(const struct setting_info *info, struct str text)
{
        if (text.len < info->min || text.len > info->max || !is_text(text))
                return false;
        if (info->type == SETTING_ADDRESS)
                return is_address(text);
        return info->type != SETTING_URL || is_url(text);
}

/* 65536, 64KiB, 1MiB, 1GiB. */
static bool size_from(struct str text, uint64_t *ret_value)
{
        static const char *const units[] = {"KiB", "MiB", "GiB"};
        int shift = 0;
        for (int i = 0; i < 3 && text.len > 3; i++)
                if (str_equal((struct str){text.ptr + text.len - 3, 3}, str_from(units[i])))
                        shift = 10 * (i + 1);
        if (shift)
                text.len -= 3;
        uint64_t value;
        if (!str_to_u64(text, &value) || value > UINT64_MAX >> shift)
                return false;
        *ret_value = value << shift;
        return true;
}

static bool number_from(const struct setting_info *info, struct str text, uint64_t *ret_value)
{
        uint64_t value;
        bool is_number = info->type == SETTING_SIZE ? size_from(text, &value) : str_to_u64(text, &value);
        if (!is_number || value < info->min || value > info->max)
                return false;
        *ret_value = value;
        return true;
}

static bool bool_from(struct str text, bool *ret_value)
{
        bool is_true = str_equal(text, STR("true"));
        if (!is_true && !str_equal(text, STR("false")))
                return false;
        *ret_value = is_true;
        return true;
}

/* All enums of settings are as wide as an int. */
static bool set_choice(void *value, const struct setting_info *info, struct str text)
{
        struct choice choice = choice_of(info->type);
        for (size_t i = 0; i < choice.count; i++) {
                if (!str_equal(text, str_from(choice.names[i])))
                        continue;
                *(unsigned *)value = (unsigned)i;
                return true;
        }
        return false;
}

/* Digits with at most one point, "0.25"; "" is -1 where the default is empty, too. */
static bool set_decimal(double *value, const struct setting_info *info, struct str text)
{
        char digits[32];
        size_t points = 0;
        if (text.len == 0 && !*info->initial) {
                *value = -1;
                return true;
        }
        for (size_t i = 0; i < text.len; i++) {
                bool is_point = text.ptr[i] == '.';
                points += is_point;
                if (!is_point && !(text.ptr[i] >= '0' && text.ptr[i] <= '9'))
                        return false;
        }
        if (text.len == 0 || text.len == points || text.len >= sizeof digits || points > 1)
                return false;
        memcpy(digits, text.ptr, text.len);
        digits[text.len] = '\0';
        double number = strtod(digits, NULL);
        if (number < (double)info->min || number > (double)info->max)
                return false;
        *value = number;
        return true;
}

static bool set_text(char **value, const struct setting_info *info, struct str text)
{
        if (!text_fits(info, text))
                return false;
        free(*value);
        *value = alloc_copy(text.ptr, text.len);
        return true;
}

static bool set_number(void *value, const struct setting_info *info, struct str text)
{
        uint64_t number;
        if (!number_from(info, text, &number))
                return false;
        if (info->type == SETTING_SIZE)
                *(uint64_t *)value = number;
        else
                *(uint32_t *)value = (uint32_t)number;
        return true;
}

static bool set_any(void *value, const struct setting_info *info, struct str text)
{
        switch (info->type) {
        case SETTING_TEXT:
        case SETTING_ADDRESS:
        case SETTING_URL:
                return set_text(value, info, text);
        case SETTING_NUMBER:
        case SETTING_SIZE:
                return set_number(value, info, text);
        case SETTING_BOOL:
                return bool_from(text, value);
        case SETTING_DECIMAL:
                return set_decimal(value, info, text);
        case SETTING_MODE:
        case SETTING_LEVEL:
        case SETTING_AUTH:
        case SETTING_OUTPUT:
                return set_choice(value, info, text);
        }
        return false;
}

enum err setting_set(struct settings *settings, enum setting setting, struct str text, struct err_note *note)
{
        const struct setting_info *info = setting_info(setting);
        if (set_any(value_of(settings, setting), info, text))
                return ERR_OK;
        struct buf expected;
        buf_init(&expected, 256);
        setting_expected(setting, &expected);
        struct printable shown = printable(text);
        if (info->is_secret)
                err_set(note, ERR_INVALID, "the value is not %.*s", STR_ARGS(buf_str(&expected)));
        else
                err_set(note, ERR_INVALID, "\"%s\" is not %.*s", shown.text, STR_ARGS(buf_str(&expected)));
        buf_deinit(&expected);
        return ERR_INVALID;
}

static void append_choice(struct buf *buf, struct choice choice)
{
        buf_append_str(buf, STR("one of "));
        for (size_t i = 0; i < choice.count; i++)
                buf_printf(buf, "%s%s", i ? ", " : "", choice.names[i]);
}

void setting_expected(enum setting setting, struct buf *buf)
{
        const struct setting_info *info = setting_info(setting);
        switch (info->type) {
        case SETTING_TEXT:
                buf_printf(buf, "text of %" PRIu64 " to %" PRIu64 " bytes without control characters",
                           info->min, info->max);
                return;
        case SETTING_ADDRESS:
                buf_append_str(buf, STR("HOST:PORT (IPv6 in brackets, port 0 to 65535)"));
                return;
        case SETTING_URL:
                buf_printf(buf, "a URL with http:// or https:// of at most %" PRIu64 " bytes", info->max);
                return;
        case SETTING_NUMBER:
                buf_printf(buf, "a whole number from %" PRIu64 " to %" PRIu64, info->min, info->max);
                return;
        case SETTING_SIZE:
                buf_printf(buf, "a number of bytes from %" PRIu64 " to %" PRIu64 " (KiB, MiB, GiB allowed)",
                           info->min, info->max);
                return;
        case SETTING_BOOL:
                buf_append_str(buf, STR("true or false"));
                return;
        case SETTING_DECIMAL:
                buf_printf(buf, "a decimal number from %" PRIu64 " to %" PRIu64, info->min, info->max);
                return;
        case SETTING_MODE:
        case SETTING_LEVEL:
        case SETTING_AUTH:
        case SETTING_OUTPUT:
                append_choice(buf, choice_of(info->type));
                return;
        }
}

static void print_text(const char *text, bool is_secret, struct buf *buf)
{
        buf_append_char(buf, '"');
        /* The escapes of JSON are also those of YAML's double quotes. */
        json_escape(buf, is_secret && *text ? STR("***") : str_from(text));
        buf_append_char(buf, '"');
}

void setting_print_value(const struct settings *settings, enum setting setting, struct buf *buf)
{
        const void *value = const_value_of(settings, setting);
        switch (setting_info(setting)->type) {
        case SETTING_TEXT:
        case SETTING_ADDRESS:
        case SETTING_URL:
                print_text(*(char *const *)value, setting_info(setting)->is_secret, buf);
                return;
        case SETTING_NUMBER:
                buf_append_u64(buf, *(const uint32_t *)value);
                return;
        case SETTING_SIZE:
                buf_append_u64(buf, *(const uint64_t *)value);
                return;
        case SETTING_BOOL:
                buf_append_str(buf, *(const bool *)value ? STR("true") : STR("false"));
                return;
        case SETTING_DECIMAL:
                if (*(const double *)value < 0)
                        buf_append_str(buf, STR("\"\""));
                else
                        buf_printf(buf, "%.15g", *(const double *)value);
                return;
        case SETTING_MODE:
        case SETTING_LEVEL:
        case SETTING_AUTH:
        case SETTING_OUTPUT:
                buf_append_str(buf, str_from(choice_of(setting_info(setting)->type).names[*(const unsigned *)value]));
                return;
        }
}
