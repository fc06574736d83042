/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_parts.h"

/* Every variable that a template may use; whoever fills one hands in those that it knows. */
static const struct str known_variables[] = {
        STR_INIT("order_id"),     STR_INIT("amount"),        STR_INIT("product"),
        STR_INIT("ticket_id"),    STR_INIT("compliance_id"), STR_INIT("recorded"), STR_INIT("article_title"),
        STR_INIT("article_body"), STR_INIT("article_url"),
};

enum { VARIABLE_COUNT = sizeof known_variables / sizeof *known_variables };

/* The text up to `end`, which is dropped too; false when there is none. */
static bool take_until(struct str *rest, char end, struct str *ret_part)
{
        const char *found = rest->len ? memchr(rest->ptr, end, rest->len) : NULL;
        if (!found)
                return false;
        *ret_part = (struct str){rest->ptr, (size_t)(found - rest->ptr)};
        rest->ptr = found + 1;
        rest->len -= ret_part->len + 1;
        return true;
}

static size_t index_of(struct str name, const struct str *known, size_t count)
{
        size_t i = 0;
        while (i < count && !str_equal(name, known[i]))
                i++;
        return i;
}

static void check_variable(struct yaml_check *check, unsigned line, struct str name)
{
        if (index_of(name, known_variables, VARIABLE_COUNT) == VARIABLE_COUNT)
                yaml_fail_unknown(check, line, "variable", name, known_variables, VARIABLE_COUNT);
}

void policy_check_template(struct yaml_check *check, unsigned line, struct str template)
{
        bool is_in_brackets = false;
        while (template.len > 0 && !check->err) {
                char c = *template.ptr++;
                template.len--;
                struct str name;
                if (c == '{' && take_until(&template, '}', &name))
                        check_variable(check, line, name);
                else if (c == '{' || c == '}' || (c == '[' && is_in_brackets) ||
                         (c == ']' && !is_in_brackets))
                        yaml_fail(check, line, "`%c` without its partner", c);
                else if (c == '[' || c == ']')
                        is_in_brackets = c == '[';
        }
        if (is_in_brackets)
                yaml_fail(check, line, "`[` without its partner");
}

void policy_check_prompt(struct yaml_check *check, unsigned line, struct str template)
{
        static const struct str known[] = {STR_INIT("categories"), STR_INIT("intents")};
        enum { COUNT = sizeof known / sizeof *known };
        bool is_seen[COUNT + 1] = {false};
        while (template.len > 0 && !check->err) {
                char c = *template.ptr++;
                template.len--;
                struct str name;
                if (c == '{' && take_until(&template, '}', &name)) {
                        size_t i = index_of(name, known, COUNT);
                        is_seen[i] = true;
                        if (i == COUNT)
                                yaml_fail_unknown(check, line, "variable", name, known, COUNT);
                } else if (c == '{' || c == '}') {
                        yaml_fail(check, line, "`%c` without its partner; a prompt has no literal braces", c);
                }
        }
        for (size_t i = 0; i < COUNT; i++)
                if (!is_seen[i])
                        yaml_fail(check, line, "the prompt must hold {%s}, where the taxonomy's are listed",
                                  known[i].ptr);
}

/* Either measures or writes: `to` is NULL in the first pass. */
struct output {
        char *to;
        size_t len;
};

static void put(struct output *output, const char *ptr, size_t len)
{
        if (output->to && len > 0)
                memcpy(output->to + output->len, ptr, len);
        output->len += len;
}

static struct str value_of(const struct policy_variable *variables, size_t count, struct str name)
{
        for (size_t i = 0; i < count; i++)
                if (str_equal(name, str_from(variables[i].name)))
                        return variables[i].value;
        return (struct str){0};
}

static void put_part(struct output *output, struct str part, const struct policy_variable *variables,
                     size_t count)
{
        struct str plain, name;
        while (take_until(&part, '{', &plain) && take_until(&part, '}', &name)) {
                struct str value = value_of(variables, count, name);
                put(output, plain.ptr, plain.len);
                put(output, value.ptr, value.len);
        }
        put(output, part.ptr, part.len);
}

static bool is_complete(struct str part, const struct policy_variable *variables, size_t count)
{
        struct str plain, name;
        while (take_until(&part, '{', &plain) && take_until(&part, '}', &name))
                if (!value_of(variables, count, name).ptr)
                        return false;
        return true;
}

static void put_template(struct output *output, struct str template, const struct policy_variable *variables,
                         size_t count)
{
        struct str plain, part;
        while (take_until(&template, '[', &plain)) {
                put_part(output, plain, variables, count);
                if (take_until(&template, ']', &part) && is_complete(part, variables, count))
                        put_part(output, part, variables, count);
        }
        put_part(output, template, variables, count);
}

typedef void put_fn(struct output *output, struct str template, const struct policy_variable *variables,
                    size_t count);

/* First to measure, then to write. */
static struct str fill(struct arena *arena, put_fn *put_all, struct str template,
                       const struct policy_variable *variables, size_t count)
{
        struct output output = {0};
        put_all(&output, template, variables, count);
        char *to = arena_alloc(arena, output.len + 1);
        if (!to)
                return (struct str){0};
        output = (struct output){to, 0};
        put_all(&output, template, variables, count);
        to[output.len] = '\0';
        return (struct str){to, output.len};
}

struct str policy_fill(struct arena *arena, struct str template, const struct policy_variable *variables,
                       size_t count)
{
        return fill(arena, put_template, template, variables, count);
}

struct str policy_fill_prompt(struct arena *arena, struct str template,
                              const struct policy_variable *variables, size_t count)
{
        return fill(arena, put_part, template, variables, count);
}
