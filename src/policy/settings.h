/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: what an operator decides about one process, from one table (settings.def).
 *
 * Defaults < YAML file (--config, TRIAGED_CONFIG) < TRIAGED_* environment < flags. Nothing is
 * guessed: an unknown key, variable or flag, a wrong type, a repeated key and a value out of range
 * are errors that say where, what is allowed and, for an unknown name, which known one is nearest.
 * Values that are secret never appear in an error or in what is printed.
 *
 * Loaded once at start, then read-only, so that any thread may read it. The struct owns its texts.
 */
#ifndef POLICY_SETTINGS_H
#define POLICY_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

enum { SETTINGS_FILE_MAX_BYTES = 1 << 20 };

enum mode { MODE_LOCAL, MODE_LLM, MODE_CASCADE, MODE_COUNT };

/* How the LLM's key is sent, and how the LLM is to answer. */
enum auth { AUTH_BEARER, AUTH_API_KEY, AUTH_COUNT };
enum output { OUTPUT_JSON_SCHEMA, OUTPUT_JSON_OBJECT, OUTPUT_LABEL, OUTPUT_COUNT };

enum setting {
#define SETTING(field, key, type, initial, min, max, is_secret, help) SETTING_##field,
#include "policy/settings.def"
#undef SETTING
        SETTING_COUNT,
        /* Those of which each upstream of the chain may have its own; they stand together in the table. */
        SETTING_UPSTREAM_FIRST = SETTING_llm_base_url,
        SETTING_UPSTREAM_LAST = SETTING_llm_output_price
};

enum {
        SETTINGS_UPSTREAM_FIELDS = SETTING_UPSTREAM_LAST - SETTING_UPSTREAM_FIRST + 1,
        SETTINGS_MAX_UPSTREAMS = 4,
};

enum setting_layer { SETTING_DEFAULT, SETTING_FILE, SETTING_ENVIRONMENT, SETTING_FLAG };

struct setting_origin {
        enum setting_layer layer;
        uint32_t line; /* in the file, from 1 */
};

/* What each type of the table is in C; texts are NUL-terminated, owned and never NULL. */
#define SETTING_IN_C_TEXT char *
#define SETTING_IN_C_ADDRESS char *
#define SETTING_IN_C_URL char *
#define SETTING_IN_C_NUMBER uint32_t
#define SETTING_IN_C_SIZE uint64_t
#define SETTING_IN_C_BOOL bool
#define SETTING_IN_C_MODE enum mode
#define SETTING_IN_C_LEVEL enum log_level
#define SETTING_IN_C_AUTH enum auth
#define SETTING_IN_C_OUTPUT enum output
#define SETTING_IN_C_DECIMAL double /* -1: left empty */

struct settings;

/* An entry of llm.upstreams in the settings file. */
struct settings_upstream {
        char *name;                                /* owns */
        char *overrides[SETTINGS_UPSTREAM_FIELDS]; /* owns: what the entry says, as text; NULL: nothing */
        struct settings *settings;                 /* owns: all settings as they are for this upstream */
};

struct settings {
#define SETTING(field, key, type, initial, min, max, is_secret, help) SETTING_IN_C_##type field;
#include "policy/settings.def"
#undef SETTING
        char *config_path; /* owns; NULL without a file */
        struct setting_origin origins[SETTING_COUNT];
        /* The chain, in its order; none: llm.* describes the only one. */
        struct settings_upstream upstreams[SETTINGS_MAX_UPSTREAMS];
        size_t upstream_count;
};

/* A command line without program and subcommand. */
struct settings_args {
        char **items; /* borrows the array and the texts; values point into it until loaded */
        size_t count;
        /* Flags that the caller reads itself, without dashes, NULL at the end; "limit=" takes a
         * value. NULL: none. */
        const char *const *own_flags;
};

/* Takes the settings' flags out of `args`, which keeps the caller's own flags and the operands in
 * their order ("--" ends the flags and is taken out); after a failure its content is unspecified.
 * `environment` is NULL-terminated, as `environ` is.
 * ERR_INVALID, ERR_SYNTAX (the file is not YAML), ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO. */
enum err settings_load(struct settings_args *args, char *const *environment, struct settings *ret_settings,
                       struct err_note *note) MUST_USE;

/* Safe on a zeroed struct. */
void settings_free(struct settings *settings);

/* The effective configuration as YAML that --config accepts, each value with its origin in a
 * comment. A secret that is set is printed as "***". */
void settings_print(const struct settings *settings, struct buf *buf);

/* The flags with their values, defaults and ranges, one setting a line or two. */
void settings_help(struct buf *buf);

const char *mode_name(enum mode mode);

/* Whether there is what the mode needs: with an LLM in it, an upstream, its model and one key at most.
 * ERR_INVALID with the remedy. */
enum err settings_check_llm(const struct settings *settings, struct err_note *note) MUST_USE;

/* The key of the LLM, wherever the settings say that it is; "" when there is none. To be freed with free().
 * The note never holds it. ERR_NOT_FOUND, ERR_IO, ERR_TOO_LARGE, ERR_FORBIDDEN (others can read the file),
 * ERR_INVALID. */
enum err settings_read_llm_key(const struct settings *settings, char **ret_key, struct err_note *note) MUST_USE;

#endif
