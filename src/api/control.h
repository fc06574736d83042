/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's API: administration of the data directory by whoever may open the socket.
 *
 * POST /control/NAME with the arguments as JSON; 200 and the result, or a problem. The socket is in
 * the data directory, mode 0600, so the file system says who may. Operations run on the work pool,
 * one at a time; `changed` is called behind each that succeeded, on a pool thread.
 */
#ifndef API_CONTROL_H
#define API_CONTROL_H

#include "net/server.h"
#include "port/admin.h"

struct control_config {
        struct admin *admin; /* borrows */
        void (*changed)(void *arg, struct str operation);
        void *arg;
};

struct control;

struct control *control_new(struct loop *loop, const struct control_config *config);

/* After the server that uses it was closed and no operation is under way. */
void control_free(struct control *control);

struct server_handlers control_handlers(struct control *control);

/* Operations under way. */
size_t control_busy(const struct control *control);

#endif
