/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static enum err refuse(struct err_note *note, const char *why)
{
        return err_set(note, ERR_INVALID, "%s", why);
}

static struct str after(struct str s, size_t count)
{
        return (struct str){s.ptr + count, s.len - count};
}

/* Printable ASCII without those that RFC 3986 allows nowhere: a URL goes into a request as it is. */
static bool is_plain(struct str text)
{
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c))
                        return false;
        }
        return true;
}

static bool copy(char *to, size_t size, struct str from)
{
        if (from.len >= size)
                return false;
        if (from.len > 0)
                memcpy(to, from.ptr, from.len);
        to[from.len] = '\0';
        return true;
}

static enum err take_scheme(struct str *text, struct upstream_url *url, struct err_note *note)
{
        struct str https = STR("https://");
        struct str http = STR("http://");
        struct str start = {text->ptr, text->len < https.len ? text->len : https.len};
        url->is_tls = str_equal_nocase(start, https);
        if (start.len > http.len)
                start.len = http.len;
        if (!url->is_tls && !str_equal_nocase(start, http))
                return refuse(note, "a URL starts with http:// or https://");
        *text = after(*text, url->is_tls ? https.len : http.len);
        url->port = url->is_tls ? 443 : 80;
        return ERR_OK;
}

static bool is_host(struct str host, bool is_bracketed)
{
        for (size_t i = 0; i < host.len; i++) {
                char c = host.ptr[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                if (!is_letter && !strchr(is_bracketed ? ":." : "-._", c))
                        return false;
        }
        return host.len > 0;
}

static enum err set_host(struct upstream_url *url, struct str host, bool is_bracketed, struct err_note *note)
{
        struct in6_addr six;
        if (!is_host(host, is_bracketed) || !copy(url->host, sizeof url->host, host))
                return refuse(note, "the host of the URL is empty, too long or has a character that no host has");
        if (is_bracketed && inet_pton(AF_INET6, url->host, &six) != 1)
                return refuse(note, "between the brackets of the URL stands no IPv6 address");
        return ERR_OK;
}

static enum err set_port(struct upstream_url *url, struct str port, struct err_note *note)
{
        uint64_t number;
        if (!str_to_u64(port, &number) || number == 0 || number > 65535)
                return refuse(note, "the port of the URL is no number from 1 to 65535");
        url->port = (uint16_t)number;
        return ERR_OK;
}

/* host, host:port, [v6] or [v6]:port */
static enum err set_authority(struct upstream_url *url, struct str text, struct err_note *note)
{
        uint16_t default_port = url->port;
        bool is_bracketed = text.len > 0 && text.ptr[0] == '[';
        const char *end = text.len > 0 ? memchr(text.ptr, is_bracketed ? ']' : ':', text.len) : NULL;
        if (is_bracketed && !end)
                return refuse(note, "the bracket of the URL's host is not closed");
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        struct str host = is_bracketed ? (struct str){text.ptr + 1, len - 1} : (struct str){text.ptr, len};
        struct str rest = after(text, len + is_bracketed);
        enum err err = set_host(url, host, is_bracketed, note);
        if (!err && rest.len > 0)
                err = rest.ptr[0] == ':' ? set_port(url, after(rest, 1), note)
                                         : refuse(note, "behind the host of the URL stands no port");
        if (err)
                return err;
        snprintf(url->address, sizeof url->address, "%s%s%s:%u", is_bracketed ? "[" : "", url->host,
                 is_bracketed ? "]" : "", url->port);
        memcpy(url->authority, url->address, sizeof url->authority);
        if (url->port == default_port)
                *strrchr(url->authority, ':') = '\0';
        return ERR_OK;
}

static enum err set_path(struct upstream_url *url, struct str text, struct err_note *note)
{
        const char *mark = text.len > 0 ? memchr(text.ptr, '?', text.len) : NULL;
        struct str query = {mark, mark ? (size_t)(text.ptr + text.len - mark) : 0};
        struct str path = {text.ptr, text.len - query.len};
        while (path.len > 0 && path.ptr[path.len - 1] == '/')
                path.len--;
        if (query.len == 1)
                query.len = 0;
        if (!copy(url->path, sizeof url->path, path) || !copy(url->query, sizeof url->query, query))
                return refuse(note, "the path or the query of the URL is over 1,023 bytes");
        return ERR_OK;
}

static int hex_of(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-encoding undone: a password may hold any byte but NUL. */
static enum err set_user(struct upstream_url *url, struct str text, struct err_note *note)
{
        size_t len = 0;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (c == '%') {
                        int high = i + 2 < text.len ? hex_of(text.ptr[i + 1]) : -1;
                        int low = high >= 0 ? hex_of(text.ptr[i + 2]) : -1;
                        c = (char)(high * 16 + low);
                        if (low < 0 || c == '\0')
                                return refuse(note, "a percent sign in the URL's user or password encodes nothing");
                        i += 2;
                }
                if (len + 1 >= sizeof url->user)
                        return refuse(note, "user and password of the URL are over 255 bytes");
                url->user[len++] = c;
        }
        url->user[len] = '\0';
        return ERR_OK;
}

/* Everything up to the path, a user only where one may stand. */
static enum err parse(struct str text, bool may_have_user, struct upstream_url *url, struct err_note *note)
{
        if (text.len == 0 || !is_plain(text))
                return refuse(note, "a URL is not empty and has neither spaces nor control characters");
        if (memchr(text.ptr, '#', text.len))
                return refuse(note, "a URL of ours has no fragment");
        enum err err = take_scheme(&text, url, note);
        if (err)
                return err;
        size_t len = 0;
        while (len < text.len && text.ptr[len] != '/' && text.ptr[len] != '?')
                len++;
        struct str authority = {text.ptr, len};
        const char *at = len > 0 ? memrchr(authority.ptr, '@', len) : NULL;
        if (at && !may_have_user)
                return refuse(note, "the URL holds a user; credentials belong into a header");
        if (at) {
                struct str user = {authority.ptr, (size_t)(at - authority.ptr)};
                err = set_user(url, user, note);
                authority = after(authority, user.len + 1);
        }
        if (!err)
                err = set_authority(url, authority, note);
        return err ? err : set_path(url, after(text, len), note);
}

enum err upstream_url_parse_origin(struct str text, struct upstream_url *ret_url, struct err_note *note)
{
        struct upstream_url url = {0};
        enum err err = parse(text, false, &url, note);
        if (!err)
                *ret_url = url;
        return err;
}

enum err upstream_url_parse_proxy(struct str text, struct upstream_url *ret_url, struct err_note *note)
{
        struct upstream_url url = {0};
        enum err err = parse(text, true, &url, note);
        if (!err && url.is_tls)
                err = refuse(note, "a proxy is spoken to over http://, whatever goes through it");
        if (!err && (url.path[0] || url.query[0]))
                err = refuse(note, "a proxy has no path");
        if (!err)
                *ret_url = url;
        return err;
}

bool upstream_url_is_numeric(const char *host, uint16_t port, union upstream_socket_address *ret_address)
{
        union upstream_socket_address address = {0};
        if (inet_pton(AF_INET, host, &address.four.sin_addr) == 1) {
                address.four.sin_family = AF_INET;
                address.four.sin_port = htons(port);
        } else if (inet_pton(AF_INET6, host, &address.six.sin6_addr) == 1) {
                address.six.sin6_family = AF_INET6;
                address.six.sin6_port = htons(port);
        } else {
                return false;
        }
        *ret_address = address;
        return true;
}
