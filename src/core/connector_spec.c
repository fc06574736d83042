/* SPDX-License-Identifier: Apache-2.0 */
#include "core/connector_spec.h"

#include <string.h>

static const char *const kind_names[CONNECTOR_KIND_COUNT] = {"rt", "zammad", "jira", "jira_service_management",
                                                              "zendesk", "webhook", "smtp", "http"};

const char *connector_kind_name(enum connector_kind kind)
{
        return kind_names[kind];
}

enum connector_kind connector_kind_from(struct str name)
{
        enum connector_kind kind = 0;
        while (kind < CONNECTOR_KIND_COUNT && !str_equal(name, str_from(kind_names[kind])))
                kind++;
        return kind;
}

struct str connector_option(const struct connector_spec *spec, struct str name)
{
        for (size_t i = 0; i < spec->option_count; i++)
                if (str_equal(spec->options[i].name, name))
                        return spec->options[i].value;
        return (struct str){0};
}

static bool is_name(struct str text)
{
        for (size_t i = 0; i < text.len; i++)
                if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789_.", text.ptr[i], 38))
                        return false;
        return text.len > 0;
}

/* The text between the braces. */
static bool variable_from(struct str text, struct connector_variable *variable)
{
        uint64_t max_chars;
        struct str rest = text;
        struct str head = str_split(&rest, '|');
        variable->fallback = rest;
        variable->name = str_split(&head, ':');
        variable->max_chars = SIZE_MAX;
        if (!is_name(variable->name) || (head.ptr && (!str_to_u64(head, &max_chars) || max_chars == 0)))
                return false;
        if (head.ptr)
                variable->max_chars = max_chars;
        return true;
}

bool connector_variable_next(struct str *rest, struct str *ret_literal, struct connector_variable *ret_variable)
{
        const char *end = rest->ptr + rest->len;
        for (const char *at = rest->ptr; at && at < end; at++) {
                const char *close = *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;
                if (!close || !variable_from((struct str){at + 1, (size_t)(close - at - 1)}, ret_variable))
                        continue;
                *ret_literal = (struct str){rest->ptr, (size_t)(at - rest->ptr)};
                *rest = (struct str){close + 1, (size_t)(end - close - 1)};
                return true;
        }
        *ret_literal = *rest;
        *rest = (struct str){end, 0};
        return false;
}
