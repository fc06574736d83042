/* SPDX-License-Identifier: Apache-2.0 */
#include "api/access.h"

#include <arpa/inet.h>
#include <string.h>

static bool parse_address(struct str text, int family, void *ret_bytes)
{
        char address[INET6_ADDRSTRLEN];
        if (text.len == 0 || text.len >= sizeof address)
                return false;
        memcpy(address, text.ptr, text.len);
        address[text.len] = '\0';
        return inet_pton(family, address, ret_bytes) == 1;
}

static bool is_address(struct str text)
{
        unsigned char bytes[16];
        return parse_address(text, AF_INET, bytes) || parse_address(text, AF_INET6, bytes);
}

static bool is_loopback(struct str text)
{
        unsigned char bytes[16];
        if (parse_address(text, AF_INET, bytes))
                return bytes[0] == 127;
        static const unsigned char loopback[16] = {[15] = 1};
        return parse_address(text, AF_INET6, bytes) && memcmp(bytes, loopback, sizeof bytes) == 0;
}

/* Some proxies write the port too: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static struct str without_port(struct str entry)
{
        const char *colon = entry.len ? memrchr(entry.ptr, ':', entry.len) : NULL;
        if (entry.len && entry.ptr[0] == '[') {
                struct str rest = {entry.ptr + 1, entry.len - 1};
                return str_split(&rest, ']');
        }
        bool is_only_colon = colon && memchr(entry.ptr, ':', entry.len) == colon;
        return is_only_colon ? (struct str){entry.ptr, (size_t)(colon - entry.ptr)} : entry;
}

bool access_client_address(struct str forwarded_for, unsigned proxies, struct str *ret_address)
{
        /* Each proxy appends the peer that it saw, so the outermost trusted one wrote the entry
         * that is `proxies` from the right. */
        struct str rest = forwarded_for;
        struct str entry = {0};
        for (unsigned i = 0; i < proxies; i++) {
                if (!rest.ptr)
                        return false;
                const char *comma = rest.len ? memrchr(rest.ptr, ',', rest.len) : NULL;
                size_t start = comma ? (size_t)(comma - rest.ptr) + 1 : 0;
                entry = str_trim((struct str){rest.ptr + start, rest.len - start});
                rest = comma ? (struct str){rest.ptr, start - 1} : (struct str){0};
        }
        entry = without_port(entry);
        if (!is_address(entry))
                return false;
        *ret_address = entry;
        return true;
}

/* Lines of X-Forwarded-For are one list: a proxy may append a line of its own instead of
 * lengthening the one that the client sent, and that first line alone is the client's invention. */
static struct str forwarded_for(const struct call *call)
{
        const struct http_request *request = call->request;
        struct str name = STR("x-forwarded-for");
        if (exchange_header_count(call->exchange, name) <= 1)
                return exchange_header(call->exchange, name);
        size_t len = 0;
        for (size_t i = 0; i < request->header_count; i++)
                len += request->headers[i].value.len + 1;
        char *list = arena_alloc(call->arena, len);
        if (!list)
                return (struct str){0};
        char *end = list;
        for (size_t i = 0; i < request->header_count; i++) {
                if (!str_equal_nocase(request->headers[i].name, name))
                        continue;
                end = mempcpy(end, request->headers[i].value.ptr, request->headers[i].value.len);
                *end++ = ',';
        }
        return (struct str){list, (size_t)(end - list) - 1};
}

/* One client of IPv6 has a whole /64; one of IPv4 is the same client however it is written. */
static uint64_t client_of_address(struct str address)
{
        static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
        unsigned char bytes[16];
        if (parse_address(address, AF_INET, bytes))
                return hash64((struct str){(const char *)bytes, 4});
        if (!parse_address(address, AF_INET6, bytes))
                return hash64(address);
        bool is_mapped = memcmp(bytes, mapped, sizeof mapped) == 0;
        return hash64((struct str){(const char *)bytes + (is_mapped ? 12 : 0), is_mapped ? 4 : 8});
}

static struct str sent_key(const struct call *call)
{
        struct str authorization = exchange_header(call->exchange, STR("authorization"));
        struct str scheme = STR("bearer ");
        if (authorization.len > scheme.len && str_equal_nocase((struct str){authorization.ptr, scheme.len}, scheme))
                return str_trim((struct str){authorization.ptr + scheme.len, authorization.len - scheme.len});
        return exchange_header(call->exchange, STR("x-api-key"));
}

static bool take_key(struct call *call, struct keyring *keyring)
{
        struct str text = sent_key(call);
        const struct api_key *key = text.len ? keyring_find(keyring, text) : NULL;
        if (!key)
                return false;
        call->key_id = key->id;
        call->key_name = key->name;
        call->key_scopes = key->scopes;
        if (key->has_rate)
                call->rate = key->rate;
        call->client = hash64((struct str){(const char *)key->hash.bytes, sizeof key->hash.bytes});
        return true;
}

static enum err without_key(const struct call *call, bool has_keys)
{
        switch (call->route->access) {
        case ACCESS_OPEN:
                return ERR_OK;
        case ACCESS_LOCAL:
                return call->is_local ? ERR_OK : ERR_UNAUTHORIZED;
        case ACCESS_PRIVATE:
                return call->is_local && !has_keys ? ERR_OK : ERR_UNAUTHORIZED;
        case ACCESS_SUBMIT:
                return has_keys ? ERR_UNAUTHORIZED : ERR_OK;
        }
        return ERR_UNAUTHORIZED;
}

/* A loopback peer that forwards for others is a proxy: then only an entry that a trusted proxy wrote
 * can say that the client is on this machine. */
static void find_client(struct call *call)
{
        unsigned proxies = call->api->config.settings->trusted_proxies;
        bool is_forwarded = exchange_header_count(call->exchange, STR("x-forwarded-for")) > 0 ||
                            exchange_header_count(call->exchange, STR("forwarded")) > 0;
        call->client_address = call->request->peer;
        bool is_told = proxies && access_client_address(forwarded_for(call), proxies, &call->client_address);
        call->is_local = call->request->is_loopback && (is_told ? is_loopback(call->client_address) : !is_forwarded);
}

enum err access_check(struct call *call)
{
        const struct settings *settings = call->api->config.settings;
        find_client(call);
        call->rate = (struct rate_limit_rule){settings->rate_limit_per_minute, settings->rate_limit_burst};
        call->client = client_of_address(call->client_address);
        struct keyring *keyring = keyring_pin(call->api->config.keyrings);
        /* Revoking the last key closes a public listener, it does not open it. */
        bool has_keys = call->api->config.needs_key || keyring_count(keyring) > 0;
        bool has_key = take_key(call, keyring);
        keyring_unpin(keyring);
        if (!has_key)
                return without_key(call, has_keys);
        return call->route->access == ACCESS_OPEN || (call->key_scopes & call->route->scopes) ? ERR_OK : ERR_FORBIDDEN;
}
