/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of policy/settings: the table as data, and the one way to set a value.
 *
 * The sources (file, environment, flags) find a setting by its name in their own spelling and
 * hand over text; nothing else knows the types.
 */
#ifndef POLICY_SETTINGS_TABLE_H
#define POLICY_SETTINGS_TABLE_H

#include "policy/settings.h"

enum setting_type {
        SETTING_TEXT,
        SETTING_ADDRESS,
        SETTING_URL,
        SETTING_NUMBER,
        SETTING_SIZE,
        SETTING_BOOL,
        SETTING_DECIMAL,
        SETTING_MODE,
        SETTING_LEVEL,
        SETTING_AUTH,
        SETTING_OUTPUT
};

struct setting_info {
        const char *key;
        enum setting_type type;
        const char *initial;
        uint64_t min;
        uint64_t max;
        bool is_secret;
        const char *help;
        size_t offset; /* of the value in struct settings */
};

const struct setting_info *setting_info(enum setting setting);

/* How a name is spelt: llm.base_url, TRIAGED_LLM_BASE_URL, llm-base-url. */
enum setting_spelling { SPELLING_KEY, SPELLING_ENVIRONMENT, SPELLING_FLAG };

enum { SETTING_NAME_BYTES = 64 };

void setting_name(enum setting setting, enum setting_spelling spelling, char ret_name[SETTING_NAME_BYTES]);

/* SETTING_COUNT when there is none of that name. */
enum setting setting_find(struct str name, enum setting_spelling spelling);

/* Sets note to `unknown key "x"; the nearest known one is "y"` and returns ERR_INVALID. */
enum err setting_unknown(struct str name, enum setting_spelling spelling, struct err_note *note);

/* Reads `text` as the setting's type. Fails with a note that names what is allowed. */
enum err setting_set(struct settings *settings, enum setting setting, struct str text,
                     struct err_note *note) MUST_USE;

/* "a whole number from 0 to 8", "true or false", … */
void setting_expected(enum setting setting, struct buf *buf);

/* The value as YAML; secrets hidden. */
void setting_print_value(const struct settings *settings, enum setting setting, struct buf *buf);

/* At most 63 bytes of it, what is not printable ASCII replaced, so that notes stay one line. */
struct printable {
        char text[64];
};
struct printable printable(struct str text);

/* The chain of LLMs (settings_upstream.c): an entry is added, named and given its values, each with an error
 * that says what is wrong; at the end all are resolved. */
bool setting_is_of_upstream(enum setting setting);
enum err settings_add_upstream(struct settings *settings, struct settings_upstream **ret_upstream,
                               struct err_note *note) MUST_USE;
enum err settings_name_upstream(const struct settings *settings, struct settings_upstream *upstream, struct str name,
                                struct err_note *note) MUST_USE;
enum err settings_override(struct settings_upstream *upstream, enum setting setting, struct str text,
                           struct err_note *note) MUST_USE;
void settings_resolve_upstreams(struct settings *settings);
void settings_free_upstreams(struct settings *settings);

/* Applies settings->config_path (settings_yaml.c). */
enum err settings_load_file(struct settings *settings, struct err_note *note) MUST_USE;

#endif
