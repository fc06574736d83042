/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a name, looked up beside the loop.
 *
 * On a thread of its own, which nobody waits for: getaddrinfo() takes as long as the name servers let it, and
 * neither a loop nor the process could end before libuv's own threads have.
 *
 * Called on the loop's thread. The lock inside is between that and the lookup's own.
 */
#ifndef NET_LOOKUP_H
#define NET_LOOKUP_H

#include <netdb.h>

#include "net/loop.h"

struct lookup;

/* `found` until it returns; NULL, and why, when there is no address. */
typedef void lookup_done(void *arg, const struct addrinfo *found, const char *failure);

/* `done` runs once, on the loop, later. NULL: no thread can be had, and it does not run. Copies the host. */
struct lookup *lookup_start(struct loop *loop, const char *host, uint16_t port, lookup_done *done, void *arg);

/* True: `done` will not run. False: it is already on its way. */
bool lookup_abandon(struct lookup *lookup);

#endif
