/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settings_table.h"

#include <inttypes.h>

enum { COMMENT_COLUMN = 44 };

static void print_origin(const struct settings *settings, enum setting setting, struct buf *buf)
{
        const struct setting_origin *origin = &settings->origins[setting];
        char name[SETTING_NAME_BYTES];
        switch (origin->layer) {
        case SETTING_DEFAULT:
                buf_append_str(buf, STR("default"));
                return;
        case SETTING_FILE:
                buf_printf(buf, "%s:%u", printable(str_from(settings->config_path)).text, origin->line);
                return;
        case SETTING_ENVIRONMENT:
                setting_name(setting, SPELLING_ENVIRONMENT, name);
                buf_printf(buf, "environment %s", name);
                return;
        case SETTING_FLAG:
                setting_name(setting, SPELLING_FLAG, name);
                buf_printf(buf, "flag --%s", name);
                return;
        }
}

static void pad(struct buf *buf, size_t line_start, size_t column)
{
        do
                buf_append_char(buf, ' ');
        while (buf->len - line_start < column && !buf->is_over);
}

/* At the end of the section llm. */
static void print_upstreams(const struct settings *settings, struct buf *buf)
{
        if (settings->upstream_count)
                buf_append_str(buf, STR("  upstreams:\n"));
        for (size_t i = 0; i < settings->upstream_count; i++) {
                const struct settings_upstream *upstream = &settings->upstreams[i];
                buf_printf(buf, "    - name: \"%s\"\n", upstream->name);
                for (enum setting setting = SETTING_UPSTREAM_FIRST; setting <= SETTING_UPSTREAM_LAST; setting++) {
                        if (!upstream->overrides[setting - SETTING_UPSTREAM_FIRST])
                                continue;
                        buf_printf(buf, "      %s: ", setting_info(setting)->key + sizeof "llm." - 1);
                        setting_print_value(upstream->settings, setting, buf);
                        buf_append_char(buf, '\n');
                }
        }
}

void settings_print(const struct settings *settings, struct buf *buf)
{
        struct str open = {0};
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                struct str leaf = str_from(setting_info(setting)->key);
                struct str section = str_split(&leaf, '.');
                if (str_equal(open, STR("llm")) && !str_equal(section, open))
                        print_upstreams(settings, buf);
                if (leaf.ptr && !str_equal(section, open)) {
                        buf_printf(buf, "%.*s:\n", STR_ARGS(section));
                        open = section;
                }
                size_t line_start = buf->len;
                struct str name = leaf.ptr ? leaf : section;
                buf_printf(buf, "%s%.*s: ", leaf.ptr ? "  " : "", STR_ARGS(name));
                setting_print_value(settings, setting, buf);
                pad(buf, line_start, COMMENT_COLUMN);
                buf_append_str(buf, STR("# "));
                print_origin(settings, setting, buf);
                buf_append_char(buf, '\n');
        }
}

static const char *placeholder(enum setting_type type)
{
        switch (type) {
        case SETTING_TEXT:
                return "TEXT";
        case SETTING_ADDRESS:
                return "HOST:PORT";
        case SETTING_URL:
                return "URL";
        case SETTING_NUMBER:
                return "N";
        case SETTING_DECIMAL:
                return "N.N";
        case SETTING_SIZE:
                return "BYTES";
        case SETTING_BOOL:
                return "BOOL";
        case SETTING_MODE:
        case SETTING_LEVEL:
        case SETTING_AUTH:
        case SETTING_OUTPUT:
                return "NAME";
        }
        return "";
}

static void help_line(enum setting setting, struct buf *buf)
{
        const struct setting_info *info = setting_info(setting);
        char name[SETTING_NAME_BYTES];
        setting_name(setting, SPELLING_FLAG, name);
        size_t line_start = buf->len;
        buf_printf(buf, "  --%s %s", name, placeholder(info->type));
        pad(buf, line_start, COMMENT_COLUMN);
        buf_append_str(buf, str_from(info->help));
        buf_append_char(buf, '\n');
        line_start = buf->len;
        pad(buf, line_start, COMMENT_COLUMN);
        buf_printf(buf, "(default %s; ", *info->initial ? info->initial : "none");
        setting_expected(setting, buf);
        buf_append_str(buf, STR(")\n"));
}

void settings_help(struct buf *buf)
{
        size_t line_start = buf->len;
        buf_append_str(buf, STR("  --config FILE"));
        pad(buf, line_start, COMMENT_COLUMN);
        buf_append_str(buf, STR("YAML file with these settings, as `triaged config` prints them\n"));
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
                help_line(setting, buf);
}
