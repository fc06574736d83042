/* SPDX-License-Identifier: Apache-2.0 */
#include "net/lookup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct lookup {
        struct task task; /* on the loop */
        struct loop *loop;
        lookup_done *done;
        void *arg;
        char *host;       /* owns */
        char port[8];
        int status;
        struct addrinfo *found; /* owns */
        pthread_mutex_t lock;   /* of the next two */
        bool is_abandoned;
        bool is_posted;
};

static void lookup_free(struct lookup *lookup)
{
        if (lookup->found)
                freeaddrinfo(lookup->found);
        pthread_mutex_destroy(&lookup->lock);
        free(lookup->host);
        free(lookup);
}

static void on_loop(struct task *task)
{
        struct lookup *lookup = list_item(task, struct lookup, task);
        pthread_mutex_lock(&lookup->lock); /* its thread may be on the way out of it */
        pthread_mutex_unlock(&lookup->lock);
        lookup->done(lookup->arg, lookup->found, lookup->status ? gai_strerror(lookup->status) : "none is known");
        lookup_free(lookup);
}

static void *look_up(void *arg)
{
        struct lookup *lookup = arg;
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
        lookup->status = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->found);
        pthread_mutex_lock(&lookup->lock);
        bool is_wanted = !lookup->is_abandoned;
        lookup->is_posted = is_wanted;
        if (is_wanted)
                loop_post(lookup->loop, &lookup->task);
        pthread_mutex_unlock(&lookup->lock);
        if (!is_wanted)
                lookup_free(lookup);
        return NULL;
}

struct lookup *lookup_start(struct loop *loop, const char *host, uint16_t port, lookup_done *done, void *arg)
{
        struct lookup *lookup = alloc_zeroed(1, sizeof *lookup);
        pthread_t thread;
        lookup->task.run = on_loop;
        lookup->loop = loop;
        lookup->done = done;
        lookup->arg = arg;
        lookup->host = alloc_copy(host, strlen(host));
        snprintf(lookup->port, sizeof lookup->port, "%u", port);
        pthread_mutex_init(&lookup->lock, NULL);
        if (pthread_create(&thread, NULL, look_up, lookup) != 0) {
                lookup_free(lookup);
                return NULL;
        }
        pthread_detach(thread);
        return lookup;
}

bool lookup_abandon(struct lookup *lookup)
{
        pthread_mutex_lock(&lookup->lock);
        bool is_in_time = !lookup->is_posted;
        lookup->is_abandoned = is_in_time;
        pthread_mutex_unlock(&lookup->lock);
        return is_in_time;
}
