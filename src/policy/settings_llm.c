/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings about the LLM mean together, and its key. */
#include "policy/settings.h"

#include "base/alloc.h"
#include "base/secret.h"

#include <string.h>

/* NULL-safe names of the places that hold a key. */
static size_t places_of_key(const struct settings *settings, const char **ret_first, const char **ret_second)
{
        const struct {
                const char *key;
                const char *value;
        } places[] = {
                {"llm.api_key", settings->llm_api_key},
                {"llm.api_key_file", settings->llm_api_key_file},
                {"llm.api_key_credential", settings->llm_api_key_credential},
        };
        size_t count = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
                if (!*places[i].value)
                        continue;
                *(count ? ret_second : ret_first) = places[i].key;
                count++;
        }
        return count;
}

/* `where` is "" or "upstream NAME: ". */
static enum err check_upstream(const struct settings *settings, const char *where, const char *name, struct err_note *note)
{
        const char *first = NULL, *second = NULL;
        const char *mode = mode_name(settings->mode);
        if (!*settings->llm_base_url)
                return err_set(note, ERR_INVALID, "%s%smode: %s needs an LLM: set llm.base_url, or use mode: local", where, name, mode);
        if (!*settings->llm_model)
                return err_set(note, ERR_INVALID, "%s%smode: %s needs llm.model: the name by which the LLM is asked for", where,
                               name, mode);
        if (places_of_key(settings, &first, &second) > 1)
                return err_set(note, ERR_INVALID, "%s%s%s and %s are both set: keep one of them", where, name, first, second);
        return ERR_OK;
}

enum err settings_check_llm(const struct settings *settings, struct err_note *note)
{
        enum err err = ERR_OK;
        char name[80];
        if (settings->mode == MODE_LOCAL)
                return ERR_OK;
        if (settings->upstream_count == 0)
                return check_upstream(settings, "", "", note);
        for (size_t i = 0; i < settings->upstream_count && !err; i++) {
                snprintf(name, sizeof name, "%s: ", settings->upstreams[i].name);
                err = check_upstream(settings->upstreams[i].settings, "upstream ", name, note);
        }
        return err;
}

enum err settings_read_llm_key(const struct settings *settings, char **ret_key, struct err_note *note)
{
        if (*settings->llm_api_key_file)
                return secret_read_file(settings->llm_api_key_file, true, ret_key, note);
        if (*settings->llm_api_key_credential)
                return secret_read_credential("llm.api_key_credential", settings->llm_api_key_credential, ret_key, note);
        *ret_key = alloc_copy(settings->llm_api_key, strlen(settings->llm_api_key));
        return ERR_OK;
}
