/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_head.h"

#include <string.h>

/* What a byte may be part of (RFC 9110, 5.6.2 and 5.5; RFC 3986, 3.2.2; RFC 9112, 3.2). */
enum { TOKEN = 1, TARGET = 2, VALUE = 4, HOST = 8 };

/* A target holds no fragment and nothing that RFC 3986 wants escaped; a value may hold bytes beyond
 * ASCII. The rows are in the order of the bytes; what has none may stand nowhere. */
static const unsigned char classes[256] = {
        ['\t'] = VALUE,
        [' '] = VALUE,
        ['!'] = TOKEN | TARGET | VALUE | HOST,
        ['"'] = VALUE,
        ['#'] = TOKEN | VALUE,
        ['$' ... '\''] = TOKEN | TARGET | VALUE | HOST,
        ['(' ... ')'] = TARGET | VALUE | HOST,
        ['*' ... '+'] = TOKEN | TARGET | VALUE | HOST,
        [','] = TARGET | VALUE | HOST,
        ['-' ... '.'] = TOKEN | TARGET | VALUE | HOST,
        ['/'] = TARGET | VALUE,
        ['0' ... '9'] = TOKEN | TARGET | VALUE | HOST,
        [':'] = TARGET | VALUE,
        [';'] = TARGET | VALUE | HOST,
        ['<'] = VALUE,
        ['='] = TARGET | VALUE | HOST,
        ['>'] = VALUE,
        ['?' ... '@'] = TARGET | VALUE,
        ['A' ... 'Z'] = TOKEN | TARGET | VALUE | HOST,
        ['['] = TARGET | VALUE,
        ['\\'] = VALUE,
        [']'] = TARGET | VALUE,
        ['^'] = TOKEN | VALUE,
        ['_'] = TOKEN | TARGET | VALUE | HOST,
        ['`'] = TOKEN | VALUE,
        ['a' ... 'z'] = TOKEN | TARGET | VALUE | HOST,
        ['{'] = VALUE,
        ['|'] = TOKEN | VALUE,
        ['}'] = VALUE,
        ['~'] = TOKEN | TARGET | VALUE | HOST,
        [0x80 ... 0xff] = VALUE,
};

static const struct {
        struct str name;
        enum http_method method;
} methods[] = {
        {STR_INIT("GET"), HTTP_METHOD_GET},       {STR_INIT("HEAD"), HTTP_METHOD_HEAD},
        {STR_INIT("POST"), HTTP_METHOD_POST},     {STR_INIT("PUT"), HTTP_METHOD_PUT},
        {STR_INIT("PATCH"), HTTP_METHOD_PATCH},   {STR_INIT("DELETE"), HTTP_METHOD_DELETE},
        {STR_INIT("OPTIONS"), HTTP_METHOD_OPTIONS},
};

/* No method that anybody registered is longer; and what a request line holds beside its target. */
enum { METHOD_MAX_BYTES = 32, REQUEST_LINE_EXTRA = METHOD_MAX_BYTES + sizeof "  HTTP/1.1\r" };

/* How many bytes at the start of `s` are of that class. */
static size_t span_of(struct str s, unsigned char class)
{
        size_t i = 0;
        while (i < s.len && (classes[(unsigned char)s.ptr[i]] & class))
                i++;
        return i;
}

bool http_is_token(struct str s)
{
        return s.len > 0 && span_of(s, TOKEN) == s.len;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_port(struct str s)
{
        for (size_t i = 0; i < s.len; i++)
                if (!is_digit(s.ptr[i]))
                        return false;
        return s.len <= 5;
}

static struct str skip(struct str s, size_t count)
{
        return (struct str){s.ptr + count, s.len - count};
}

bool http_is_authority(struct str s)
{
        size_t host;
        if (s.len > 0 && s.ptr[0] == '[') {
                const char *end = memchr(s.ptr, ']', s.len);
                if (!end)
                        return false;
                host = (size_t)(end - s.ptr) + 1;
                for (size_t i = 1; i < host - 1; i++)
                        if (s.ptr[i] != ':' && !(classes[(unsigned char)s.ptr[i]] & HOST))
                                return false;
        } else {
                host = span_of(s, HOST);
        }
        if (host == 0)
                return false;
        return host == s.len || (s.ptr[host] == ':' && is_port(skip(s, host + 1)));
}

static bool is_prefix_nocase(struct str s, struct str prefix)
{
        return s.len >= prefix.len && str_equal_nocase((struct str){s.ptr, prefix.len}, prefix);
}

bool http_split_target(struct str target, enum http_method method, struct str *ret_path, struct str *ret_query)
{
        struct str path = target;
        if (str_equal(target, STR("*"))) {
                if (method != HTTP_METHOD_OPTIONS)
                        return false;
        } else if (target.len == 0 || target.ptr[0] != '/') {
                /* The absolute form, which every server has to take (RFC 9112, 3.2.2). */
                if (is_prefix_nocase(target, STR("http://")))
                        path = skip(target, sizeof "http://" - 1);
                else if (is_prefix_nocase(target, STR("https://")))
                        path = skip(target, sizeof "https://" - 1);
                else
                        return false;
                size_t authority = 0;
                while (authority < path.len && path.ptr[authority] != '/' && path.ptr[authority] != '?')
                        authority++;
                if (!http_is_authority((struct str){path.ptr, authority}))
                        return false;
                path = skip(path, authority);
        }
        struct str rest = path;
        path = str_split(&rest, '?');
        *ret_path = path.len > 0 ? path : STR("/");
        *ret_query = rest;
        return true;
}

static enum http_progress refuse(struct head_scan *scan, enum http_refusal refusal)
{
        scan->refusal = refusal;
        return HTTP_REFUSED;
}

/* "HTTP/" and two digits with a full stop between; 505 for all but 1.0 and 1.1. */
static enum http_progress check_version(struct head_scan *scan, struct str version)
{
        scan->is_http_1_0 = str_equal(version, STR("HTTP/1.0"));
        if (scan->is_http_1_0 || str_equal(version, STR("HTTP/1.1")))
                return HTTP_MORE;
        bool is_version = version.len == 8 && str_starts_with(version, STR("HTTP/")) &&
                          is_digit(version.ptr[5]) && version.ptr[6] == '.' && is_digit(version.ptr[7]);
        return refuse(scan, is_version ? REFUSAL_VERSION : REFUSAL_MALFORMED);
}

static enum http_progress check_request_line(struct head_scan *scan, struct str line,
                                             const struct server_limits *limits)
{
        struct str rest = line;
        struct str method = str_split(&rest, ' ');
        struct str target = rest.ptr ? str_split(&rest, ' ') : (struct str){0};
        bool has_method = http_is_token(method) && method.len <= METHOD_MAX_BYTES;
        bool has_target = target.len > 0 && span_of(target, TARGET) == target.len;
        if (!has_method || !has_target || !rest.ptr)
                return refuse(scan, REFUSAL_MALFORMED);
        if (check_version(scan, rest) == HTTP_REFUSED)
                return HTTP_REFUSED;
        if (target.len > limits->max_target_bytes)
                return refuse(scan, REFUSAL_URI_TOO_LONG);
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
                if (!str_equal(method, methods[i].name))
                        continue;
                scan->method = methods[i].method;
                return HTTP_MORE;
        }
        return refuse(scan, REFUSAL_NOT_IMPLEMENTED);
}

static enum http_progress check_header_line(struct head_scan *scan, struct str line,
                                            const struct server_limits *limits)
{
        size_t name = span_of(line, TOKEN);
        if (name == 0 || name == line.len || line.ptr[name] != ':')
                return refuse(scan, REFUSAL_MALFORMED);
        struct str value = skip(line, name + 1);
        if (span_of(value, VALUE) != value.len)
                return refuse(scan, REFUSAL_MALFORMED);
        if (scan->lines > limits->max_headers)
                return refuse(scan, REFUSAL_HEADERS_TOO_LARGE);
        return HTTP_MORE;
}

/* `line` without its CR LF. */
static enum http_progress check_line(struct head_scan *scan, struct str line,
                                     const struct server_limits *limits)
{
        if (line.len == 0) {
                if (scan->lines > 0)
                        return HTTP_DONE;
                if (scan->start > 0)
                        return refuse(scan, REFUSAL_MALFORMED);
                scan->start = scan->seen;
                return HTTP_MORE;
        }
        enum http_progress progress = scan->lines == 0 ? check_request_line(scan, line, limits)
                                                       : check_header_line(scan, line, limits);
        scan->lines++;
        return progress;
}

/* What can be said about a line that has not ended yet. */
static enum http_progress check_rest(struct head_scan *scan, struct str rest,
                                     const struct server_limits *limits)
{
        /* Something else than HTTP, a TLS greeting for example, is told at once. */
        if (scan->lines == 0 && rest.len > 0 && rest.ptr[0] != '\r') {
                size_t method = span_of((struct str){rest.ptr, rest.len < 64 ? rest.len : 64}, TOKEN);
                if (method == 0 || method > METHOD_MAX_BYTES)
                        return refuse(scan, REFUSAL_MALFORMED);
        }
        if (scan->lines == 0 && rest.len > limits->max_target_bytes + REQUEST_LINE_EXTRA)
                return refuse(scan, REFUSAL_URI_TOO_LONG);
        if (scan->seen - scan->start > limits->max_header_bytes)
                return refuse(scan, REFUSAL_HEADERS_TOO_LARGE);
        return HTTP_MORE;
}

enum http_progress head_scan(struct head_scan *scan, struct str input, const struct server_limits *limits)
{
        const char *newline;
        while (scan->seen < input.len &&
               (newline = memchr(input.ptr + scan->seen, '\n', input.len - scan->seen)) != NULL) {
                struct str line = {input.ptr + scan->line, (size_t)(newline - input.ptr) - scan->line};
                scan->seen = (size_t)(newline - input.ptr) + 1;
                scan->line = scan->seen;
                if (line.len == 0 || line.ptr[line.len - 1] != '\r')
                        return refuse(scan, REFUSAL_MALFORMED);
                line.len--;
                enum http_progress progress = check_line(scan, line, limits);
                if (progress == HTTP_REFUSED)
                        return progress;
                if (scan->seen - scan->start > limits->max_header_bytes)
                        return refuse(scan, REFUSAL_HEADERS_TOO_LARGE);
                if (progress == HTTP_DONE)
                        return progress;
        }
        scan->seen = input.len;
        return check_rest(scan, skip(input, scan->line), limits);
}
