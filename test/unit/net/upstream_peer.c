/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/net/upstream_peer.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
        struct peer *peer;
        int fd;
        int script;
};

static bool wait_for(const struct peer *peer, int fd, short events)
{
        while (!atomic_load(&peer->is_stopping)) {
                struct pollfd poller = {fd, events, 0};
                if (poll(&poller, 1, 10) > 0)
                        return true;
        }
        return false;
}

static bool read_request(struct peer *peer, int fd)
{
        char bytes[sizeof peer->last_request];
        size_t len = 0;
        while (len < sizeof bytes - 1 && wait_for(peer, fd, POLLIN)) {
                ssize_t count = read(fd, bytes + len, sizeof bytes - 1 - len);
                if (count <= 0)
                        return false;
                len += (size_t)count;
                bytes[len] = '\0';
                const char *end = strstr(bytes, "\r\n\r\n");
                const char *length = end ? strcasestr(bytes, "content-length:") : NULL;
                size_t wanted = length ? strtoul(length + 15, NULL, 10) : 0;
                if (!end || len < (size_t)(end + 4 - bytes) + wanted)
                        continue;
                memcpy(peer->last_request, bytes, len + 1);
                atomic_fetch_add(&peer->requests, 1);
                return true;
        }
        return false;
}

static bool send_all(const struct peer *peer, int fd, const char *text, size_t len, size_t step)
{
        for (size_t at = 0; at < len;) {
                size_t part = len - at < step ? len - at : step;
                ssize_t count = wait_for(peer, fd, POLLOUT) ? send(fd, text + at, part, MSG_NOSIGNAL) : -1;
                if (count <= 0)
                        return false;
                at += (size_t)count;
                if (step == 1)
                        usleep(300);
        }
        return true;
}

static bool flood(const struct peer *peer, int fd, int times)
{
        static const char zeros[65536];
        bool is_fine = true;
        for (int i = 0; is_fine && i < times; i++)
                is_fine = send_all(peer, fd, zeros, sizeof zeros, sizeof zeros);
        return is_fine;
}

static void pause_for(const struct peer *peer, int ms)
{
        for (int i = 0; i < ms && !atomic_load(&peer->is_stopping); i++)
                usleep(1000);
}

static bool play(struct peer *peer, int fd, const struct peer_step *step)
{
        switch (step->action) {
        case PEER_CLOSE:
                return false;
        case PEER_READ:
                return read_request(peer, fd);
        case PEER_SEND:
                return send_all(peer, fd, step->text, strlen(step->text), 65536);
        case PEER_DRIP:
                return send_all(peer, fd, step->text, strlen(step->text), 1);
        case PEER_FLOOD:
                return flood(peer, fd, step->ms);
        case PEER_SLEEP:
                pause_for(peer, step->ms);
                return true;
        case PEER_RESET:
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
                return false;
        }
        return false;
}

static void *serve(void *arg)
{
        struct worker *worker = arg;
        setsockopt(worker->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        const struct peer_step *step = worker->peer->scripts[worker->script];
        for (int i = 0; i < PEER_STEPS && play(worker->peer, worker->fd, &step[i]); i++)
                ;
        close(worker->fd);
        free(worker);
        return NULL;
}

static void *run(void *arg)
{
        struct peer *peer = arg;
        while (wait_for(peer, peer->listener, POLLIN)) {
                int number = atomic_fetch_add(&peer->accepted, 1);
                struct worker *worker = calloc(1, sizeof *worker);
                worker->peer = peer;
                worker->fd = accept(peer->listener, NULL, NULL);
                worker->script = number < PEER_SCRIPTS ? number : PEER_SCRIPTS - 1;
                while (worker->script > 0 && peer->scripts[worker->script][0].action == PEER_CLOSE)
                        worker->script--;
                assert(peer->worker_count < 64);
                pthread_create(&peer->workers[peer->worker_count++], NULL, serve, worker);
        }
        return NULL;
}

void peer_start(struct peer *peer)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int result = bind(peer->listener, (struct sockaddr *)&address, len);
        assert(result == 0 && listen(peer->listener, 64) == 0);
        getsockname(peer->listener, (struct sockaddr *)&address, &len);
        peer->port = ntohs(address.sin_port);
        pthread_create(&peer->thread, NULL, run, peer);
}

void peer_stop(struct peer *peer)
{
        atomic_store(&peer->is_stopping, true);
        pthread_join(peer->thread, NULL);
        for (size_t i = 0; i < peer->worker_count; i++)
                pthread_join(peer->workers[i], NULL);
        close(peer->listener);
}
