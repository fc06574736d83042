/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of LLMs: each upstream is the flat llm.* settings, with what its entry says instead. */
#include "policy/settings_table.h"

#include "base/alloc.h"
#include "base/ident.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool setting_is_of_upstream(enum setting setting)
{
        return setting >= SETTING_UPSTREAM_FIRST && setting <= SETTING_UPSTREAM_LAST;
}

enum err settings_add_upstream(struct settings *settings, struct settings_upstream **ret_upstream, struct err_note *note)
{
        if (settings->upstream_count == SETTINGS_MAX_UPSTREAMS)
                return err_set(note, ERR_TOO_LARGE, "llm.upstreams: more than %d", SETTINGS_MAX_UPSTREAMS);
        *ret_upstream = &settings->upstreams[settings->upstream_count++];
        return ERR_OK;
}

enum err settings_name_upstream(const struct settings *settings, struct settings_upstream *upstream, struct str name,
                                struct err_note *note)
{
        struct ident ident;
        if (upstream->name)
                return err_set(note, ERR_INVALID, "name: set already");
        if (!ident_from(name, &ident))
                return err_set(note, ERR_INVALID, "name: must be 1 to %d of A-Z a-z 0-9 . _ : -", IDENT_MAX);
        for (size_t i = 0; i < settings->upstream_count; i++)
                if (settings->upstreams[i].name && str_equal(str_from(settings->upstreams[i].name), name))
                        return err_set(note, ERR_INVALID, "name: another upstream is called %s, too", ident.text);
        upstream->name = alloc_copy(name.ptr, name.len);
        return ERR_OK;
}

enum err settings_override(struct settings_upstream *upstream, enum setting setting, struct str text, struct err_note *note)
{
        assert(setting_is_of_upstream(setting));
        char **override = &upstream->overrides[setting - SETTING_UPSTREAM_FIRST];
        struct settings trial = {0};
        if (*override)
                return err_set(note, ERR_INVALID, "set already");
        enum err err = setting_set(&trial, setting, text, note);
        settings_free(&trial);
        if (!err)
                *override = alloc_copy(text.ptr, text.len);
        return err;
}

static struct str text_or_empty(const char *text)
{
        return (struct str){text ? text : "", text ? strlen(text) : 0};
}

/* Values that are no texts are copied as they are. */
static void copy_settings(const struct settings *from, struct settings *to)
{
        *to = *from;
        to->config_path = NULL;
        to->upstream_count = 0;
        memset(to->upstreams, 0, sizeof to->upstreams);
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                const struct setting_info *info = setting_info(setting);
                if (info->type != SETTING_TEXT && info->type != SETTING_ADDRESS && info->type != SETTING_URL)
                        continue;
                char **text = (char **)(void *)((char *)to + info->offset);
                struct str value = text_or_empty(*text);
                *text = alloc_copy(value.ptr, value.len);
        }
}

/* A place for the key in the entry stands for the flat ones. */
static void drop_other_keys(const struct settings_upstream *upstream, struct settings *settings)
{
        static const enum setting keys[] = {SETTING_llm_api_key, SETTING_llm_api_key_file, SETTING_llm_api_key_credential};
        bool has_own = false;
        for (size_t i = 0; i < 3; i++)
                has_own |= upstream->overrides[keys[i] - SETTING_UPSTREAM_FIRST] != NULL;
        for (size_t i = 0; has_own && i < 3; i++) {
                enum err err = setting_set(settings, keys[i], STR(""), NULL);
                assert(err == ERR_OK);
        }
}

void settings_resolve_upstreams(struct settings *settings)
{
        for (size_t i = 0; i < settings->upstream_count; i++) {
                struct settings_upstream *upstream = &settings->upstreams[i];
                upstream->settings = alloc_zeroed(1, sizeof *upstream->settings);
                copy_settings(settings, upstream->settings);
                drop_other_keys(upstream, upstream->settings);
                for (enum setting setting = SETTING_UPSTREAM_FIRST; setting <= SETTING_UPSTREAM_LAST; setting++) {
                        const char *text = upstream->overrides[setting - SETTING_UPSTREAM_FIRST];
                        enum err err = text ? setting_set(upstream->settings, setting, str_from(text), NULL) : ERR_OK;
                        assert(err == ERR_OK); /* it was tried before */
                }
        }
}

void settings_free_upstreams(struct settings *settings)
{
        for (size_t i = 0; i < settings->upstream_count; i++) {
                struct settings_upstream *upstream = &settings->upstreams[i];
                free(upstream->name);
                for (size_t k = 0; k < SETTINGS_UPSTREAM_FIELDS; k++)
                        free(upstream->overrides[k]);
                if (upstream->settings)
                        settings_free(upstream->settings);
                free(upstream->settings);
        }
        settings->upstream_count = 0;
}
