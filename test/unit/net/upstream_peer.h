/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted HTTP/1.1 peer for the tests of the upstream: a thread that accepts and plays one script a
 * connection, the last one again and again. */
#ifndef UPSTREAM_PEER_H
#define UPSTREAM_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { PEER_SCRIPTS = 4, PEER_STEPS = 12 };

enum peer_action {
        PEER_CLOSE, /* also the end of every script */
        PEER_READ,  /* one request, head and body */
        PEER_SEND,
        PEER_DRIP,  /* the same, a byte at a time */
        PEER_FLOOD, /* `ms` times 64 KiB */
        PEER_SLEEP, /* ms, or until the peer is stopped */
        PEER_RESET, /* closes so that the other side gets an RST */
};

struct peer_step {
        enum peer_action action;
        const char *text;
        int ms;
};

struct peer {
        struct peer_step scripts[PEER_SCRIPTS][PEER_STEPS];
        int listener;
        int port;
        pthread_t thread;
        pthread_t workers[64];
        size_t worker_count;
        atomic_int accepted;
        atomic_int requests;
        atomic_bool is_stopping;
        char last_request[4096];
};

void peer_start(struct peer *peer);
void peer_stop(struct peer *peer);

#endif
