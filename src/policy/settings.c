/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/settings_table.h"

#include "base/alloc.h"

#include <assert.h>

static const struct setting_info table[SETTING_COUNT] = {
/* clang-format off */
#define SETTING(field, key, type, initial, min, max, is_secret, help) \
        [SETTING_##field] = {key, SETTING_##type, initial, min, max, is_secret, help, \
                             offsetof(struct settings, field)},
/* clang-format on */
#include "policy/settings.def"
#undef SETTING
};

static const char environment_prefix[] = "TRIAGED_";

const struct setting_info *setting_info(enum setting setting)
{
        assert(setting < SETTING_COUNT);
        return &table[setting];
}

static char spell(char c, enum setting_spelling spelling)
{
        switch (spelling) {
        case SPELLING_KEY:
                return c;
        case SPELLING_ENVIRONMENT:
                return c == '.' ? '_' : (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        case SPELLING_FLAG:
                return c == '.' || c == '_' ? '-' : c;
        }
        return c;
}

/* "config" is no setting, and is spelt like one. */
static void spell_name(const char *key, enum setting_spelling spelling, char ret_name[SETTING_NAME_BYTES])
{
        const char *prefix = spelling == SPELLING_ENVIRONMENT ? environment_prefix : "";
        int len = snprintf(ret_name, SETTING_NAME_BYTES, "%s%s", prefix, key);
        assert(len > 0 && len < SETTING_NAME_BYTES);
        for (char *at = ret_name + str_from(prefix).len; *at; at++)
                *at = spell(*at, spelling);
}

void setting_name(enum setting setting, enum setting_spelling spelling, char ret_name[SETTING_NAME_BYTES])
{
        spell_name(setting_info(setting)->key, spelling, ret_name);
}

enum setting setting_find(struct str name, enum setting_spelling spelling)
{
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                char known[SETTING_NAME_BYTES];
                setting_name(setting, spelling, known);
                if (str_equal(name, str_from(known)))
                        return setting;
        }
        return SETTING_COUNT;
}

struct printable printable(struct str text)
{
        struct printable shown;
        size_t len = text.len < sizeof shown.text ? text.len : sizeof shown.text - 1;
        for (size_t i = 0; i < len; i++)
                shown.text[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
        shown.text[len] = '\0';
        return shown;
}

enum err setting_unknown(struct str name, enum setting_spelling spelling, struct err_note *note)
{
        static const char *const what[] = {"key", "variable", "flag"};
        const char *dashes = spelling == SPELLING_FLAG ? "--" : "";
        struct printable shown = printable(name);
        char nearest[SETTING_NAME_BYTES];
        size_t best = SIZE_MAX;
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                char known[SETTING_NAME_BYTES];
                setting_name(setting, spelling, known);
                size_t found = str_distance(str_from(shown.text), str_from(known));
                if (found < best) {
                        best = found;
                        memcpy(nearest, known, sizeof nearest);
                }
        }
        return err_set(note, ERR_INVALID, "unknown %s \"%s%s\"; the nearest known one is \"%s%s\"",
                       what[spelling], dashes, shown.text, dashes, nearest);
}

static void set_defaults(struct settings *settings)
{
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                enum err err = setting_set(settings, setting, str_from(table[setting].initial), NULL);
                assert(err == ERR_OK);
        }
}

static enum err load_variable(struct settings *settings, struct str name, struct str value,
                              struct err_note *note)
{
        enum setting setting = setting_find(name, SPELLING_ENVIRONMENT);
        if (setting == SETTING_COUNT)
                return setting_unknown(name, SPELLING_ENVIRONMENT, note);
        enum err err = setting_set(settings, setting, value, note);
        if (err == ERR_OK && settings->origins[setting].layer == SETTING_ENVIRONMENT)
                err = err_set(note, ERR_INVALID, "set twice");
        settings->origins[setting] = (struct setting_origin){.layer = SETTING_ENVIRONMENT};
        return err == ERR_OK ? ERR_OK : err_prefix(note, err, "%.*s: ", STR_ARGS(name));
}

static enum err load_environment(struct settings *settings, char *const *environment, struct err_note *note)
{
        enum err err = ERR_OK;
        for (; *environment && err == ERR_OK; environment++) {
                struct str value = str_from(*environment);
                if (!str_starts_with(value, str_from(environment_prefix)))
                        continue;
                struct str name = str_split(&value, '=');
                if (!str_equal(name, STR("TRIAGED_CONFIG")))
                        err = load_variable(settings, name, value.ptr ? value : STR(""), note);
        }
        return err;
}

static const char *config_variable(char *const *environment)
{
        struct str start = STR("TRIAGED_CONFIG=");
        for (; *environment; environment++)
                if (str_starts_with(str_from(*environment), start) && (*environment)[start.len])
                        return *environment + start.len;
        return NULL;
}

/* What the command line says, NULL where it says nothing. */
struct flags {
        const char *values[SETTING_COUNT];
        const char *config;
};

static bool is_own_flag(const struct settings_args *args, const char *arg, bool *ret_takes_next)
{
        struct str value = str_from(arg + 2);
        struct str name = str_split(&value, '=');
        for (const char *const *own = args->own_flags; own && *own; own++) {
                struct str rest = str_from(*own);
                if (!str_equal(str_split(&rest, '='), name))
                        continue;
                *ret_takes_next = rest.ptr && !value.ptr;
                return true;
        }
        return false;
}

static bool is_flag(const char *arg)
{
        return arg[0] == '-' && arg[1] == '-' && arg[2];
}

/* The value of the flag at items[*at], which moves on when that is the next argument. */
static const char *flag_value(const struct settings_args *args, size_t *at, struct str inline_value,
                              bool is_switch)
{
        if (inline_value.ptr)
                return inline_value.ptr;
        const char *next = *at + 1 < args->count ? args->items[*at + 1] : NULL;
        bool is_bool = next &&
                       (str_equal(str_from(next), STR("true")) || str_equal(str_from(next), STR("false")));
        if (is_switch && !is_bool)
                return "true";
        if (!next || is_flag(next))
                return NULL;
        ++*at;
        return next;
}

static enum err take_flag(struct settings_args *args, size_t *at, struct flags *flags, struct err_note *note)
{
        struct str rest = str_from(args->items[*at] + 2);
        struct str name = str_split(&rest, '=');
        enum setting setting = setting_find(name, SPELLING_FLAG);
        bool is_config = str_equal(name, STR("config"));
        if (setting == SETTING_COUNT && !is_config)
                return setting_unknown(name, SPELLING_FLAG, note);
        const char **value = is_config ? &flags->config : &flags->values[setting];
        if (*value)
                return err_set(note, ERR_INVALID, "--%.*s: given twice", STR_ARGS(name));
        *value = flag_value(args, at, rest, !is_config && table[setting].type == SETTING_BOOL);
        if (!*value)
                return err_set(note, ERR_INVALID, "--%.*s: needs a value", STR_ARGS(name));
        return ERR_OK;
}

/* What the settings do not take moves to the front of the array. */
static enum err take_flags(struct settings_args *args, struct flags *flags, struct err_note *note)
{
        size_t kept = 0;
        bool is_ended = false;
        enum err err = ERR_OK;
        for (size_t i = 0; i < args->count && err == ERR_OK; i++) {
                char *arg = args->items[i];
                bool takes_next = false;
                if (!is_ended && str_equal(str_from(arg), STR("--")))
                        is_ended = true;
                else if (is_ended || !is_flag(arg) || is_own_flag(args, arg, &takes_next))
                        args->items[kept++] = arg;
                else
                        err = take_flag(args, &i, flags, note);
                if (takes_next && i + 1 < args->count)
                        args->items[kept++] = args->items[++i];
        }
        args->count = kept;
        return err;
}

static enum err load_flags(struct settings *settings, const struct flags *flags, struct err_note *note)
{
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                if (!flags->values[setting])
                        continue;
                enum err err = setting_set(settings, setting, str_from(flags->values[setting]), note);
                char name[SETTING_NAME_BYTES];
                setting_name(setting, SPELLING_FLAG, name);
                if (err != ERR_OK)
                        return err_prefix(note, err, "--%s: ", name);
                settings->origins[setting] = (struct setting_origin){.layer = SETTING_FLAG};
        }
        return ERR_OK;
}

enum err settings_load(struct settings_args *args, char *const *environment, struct settings *ret_settings,
                       struct err_note *note)
{
        struct flags flags = {0};
        enum err err = take_flags(args, &flags, note);
        if (err != ERR_OK)
                return err;
        struct settings settings = {0};
        set_defaults(&settings);
        const char *path = flags.config ? flags.config : config_variable(environment);
        if (path) {
                settings.config_path = alloc_copy(path, str_from(path).len);
                err = settings_load_file(&settings, note);
        }
        if (err == ERR_OK)
                err = load_environment(&settings, environment, note);
        if (err == ERR_OK)
                err = load_flags(&settings, &flags, note);
        if (err != ERR_OK) {
                settings_free(&settings);
                return err;
        }
        settings_resolve_upstreams(&settings);
        *ret_settings = settings;
        return err;
}

void settings_free(struct settings *settings)
{
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                enum setting_type type = table[setting].type;
                char **text = (char **)(void *)((char *)settings + table[setting].offset);
                if (type == SETTING_TEXT || type == SETTING_ADDRESS || type == SETTING_URL)
                        free(*text);
        }
        settings_free_upstreams(settings);
        free(settings->config_path);
        *settings = (struct settings){0};
}
