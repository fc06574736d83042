/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream_inner.h"

#include <stdio.h>
#include <string.h>

#include "net/lookup.h"

static const struct upstream_url *peer_of(const struct upstream *upstream)
{
        return upstream->has_proxy ? &upstream->proxy : &upstream->url;
}

void upstream_dns_init(struct upstream *upstream)
{
        struct upstream_dns *dns = &upstream->dns;
        const struct upstream_url *peer = peer_of(upstream);
        dns->is_stale = true;
        dns->is_numeric = upstream_url_is_numeric(peer->host, peer->port, &dns->addresses[0]);
        if (dns->is_numeric)
                dns->count = 1;
}

static void keep_addresses(struct upstream_dns *dns, const struct addrinfo *found)
{
        dns->count = 0;
        for (; found && dns->count < UPSTREAM_ADDRESSES; found = found->ai_next) {
                if (found->ai_addrlen > sizeof *dns->addresses)
                        continue;
                memcpy(&dns->addresses[dns->count++], found->ai_addr, found->ai_addrlen);
        }
        dns->first = 0;
}

/* All that wait for it; one that fails is taken out of the list. */
static void resume(struct upstream *upstream, const char *failure)
{
        struct list *next;
        for (struct list *link = upstream->opening.next; link != &upstream->opening; link = next) {
                struct upstream_connection *connection = list_item(link, struct upstream_connection, link);
                next = link->next;
                if (connection->state == UPSTREAM_AT_RESOLVE)
                        upstream_connection_resolved(connection, failure);
        }
}

static void on_resolved(void *arg, const struct addrinfo *found, const char *failure)
{
        struct upstream *upstream = arg;
        struct upstream_dns *dns = &upstream->dns;
        char note[sizeof upstream->failure_note];
        dns->lookup = NULL;
        if (found) {
                keep_addresses(dns, found);
                dns->is_stale = false;
                dns->resolved_ms = loop_now_ms(upstream->loop);
        }
        snprintf(note, sizeof note, "no address of %.64s: %s", peer_of(upstream)->host, failure);
        /* Old addresses are better than none. */
        resume(upstream, dns->count > 0 ? NULL : note);
        upstream_stir(upstream);
        upstream_release(upstream);
}

bool upstream_dns_is_ready(struct upstream *upstream)
{
        struct upstream_dns *dns = &upstream->dns;
        int64_t age_ms = loop_now_ms(upstream->loop) - dns->resolved_ms;
        if (dns->is_numeric || (!dns->is_stale && age_ms < upstream->config.dns_ttl_ms))
                return true;
        if (!dns->lookup)
                dns->lookup = lookup_start(upstream->loop, peer_of(upstream)->host, peer_of(upstream)->port, on_resolved, upstream);
        return !dns->lookup; /* it cannot even be asked: with what is there */
}

void upstream_dns_cancel(struct upstream *upstream)
{
        struct upstream_dns *dns = &upstream->dns;
        if (dns->lookup && lookup_abandon(dns->lookup))
                dns->lookup = NULL;
}
