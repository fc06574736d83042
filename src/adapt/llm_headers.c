/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/llm_headers.h"

#include "base/alloc.h"
#include "net/http_head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those that net/upstream writes, that belong to one connection, and that differ from call to call. */
static const char *const ours[] = {
        "host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive",
        "proxy-connection", "te", "trailer", "upgrade", "expect", "accept-encoding", "traceparent",
};

static bool is_ours(struct str name)
{
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                if (str_equal(name, str_from(ours[i])))
                        return true;
        return false;
}

static bool is_value(struct str value)
{
        for (size_t i = 0; i < value.len; i++) {
                unsigned char c = (unsigned char)value.ptr[i];
                if ((c < 0x20 && c != '\t') || c >= 0x7f)
                        return false;
        }
        return value.len > 0;
}

static bool is_listed(const struct llm_headers *headers, struct str name)
{
        for (size_t i = 0; i < headers->count; i++)
                if (str_equal(headers->list[i].name, name))
                        return true;
        return false;
}

static enum err add(struct llm_headers *headers, struct str name, struct str value, struct err_note *note)
{
        if (is_ours(name))
                return err_set(note, ERR_INVALID, "the header %.*s is set by the server itself", STR_ARGS(name));
        if (is_listed(headers, name))
                return err_set(note, ERR_INVALID, "the header %.*s is there twice", STR_ARGS(name));
        if (!is_value(value))
                return err_set(note, ERR_INVALID, "the value of the header %.*s is empty or has bytes that no header "
                               "can hold", STR_ARGS(name));
        if (headers->count == LLM_HEADERS_MAX)
                return err_set(note, ERR_INVALID, "more than %d headers", LLM_HEADERS_MAX);
        headers->list[headers->count++] = (struct upstream_header){name, value};
        return ERR_OK;
}

static enum err add_key(struct llm_headers *headers, const struct llm_upstream_config *config, struct err_note *note)
{
        bool is_bearer = config->auth == LLM_AUTH_BEARER;
        size_t bytes = strlen(config->api_key) + sizeof "Bearer ";
        if (!*config->api_key)
                return ERR_OK;
        headers->key = alloc_zeroed(1, bytes);
        snprintf(headers->key, bytes, "%s%s", is_bearer ? "Bearer " : "", config->api_key);
        return add(headers, is_bearer ? STR("authorization") : STR("api-key"), str_from(headers->key), note);
}

/* Lower-cases the name in our copy of the text. */
static void lower(struct llm_headers *headers, struct str name)
{
        char *at = headers->text + (name.ptr - headers->text);
        for (size_t i = 0; i < name.len; i++)
                if (at[i] >= 'A' && at[i] <= 'Z')
                        at[i] = (char)(at[i] | 0x20);
}

static enum err add_configured(struct llm_headers *headers, struct str text, struct err_note *note)
{
        struct str rest = text;
        for (size_t place = 1; rest.ptr; place++) {
                struct str value = str_trim(str_split(&rest, '|'));
                struct str name = str_trim(str_split(&value, ':'));
                if (!value.ptr || !http_is_token(name))
                        return err_set(note, ERR_INVALID, "header %zu of its list is not \"Name: value\"", place);
                lower(headers, name);
                enum err err = add(headers, name, str_trim(value), note);
                if (err)
                        return err;
        }
        return ERR_OK;
}

enum err llm_headers_init(struct llm_headers *headers, const struct llm_upstream_config *config, struct err_note *note)
{
        *headers = (struct llm_headers){.count = 0};
        enum err err = add_key(headers, config, note);
        struct str text = str_trim(str_from(config->headers));
        if (err || text.len == 0)
                return err;
        headers->text = alloc_copy(text.ptr, text.len);
        return add_configured(headers, (struct str){headers->text, text.len}, note);
}

void llm_headers_deinit(struct llm_headers *headers)
{
        free(headers->text);
        free(headers->key);
        *headers = (struct llm_headers){.count = 0};
}
