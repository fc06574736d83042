/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's API: administration of the data directory by whoever may open the socket.
 *
 * POST /control/NAME with the arguments as JSON; 200 and the result, or a problem. The socket is in
 * the data directory, mode 0600, so the file system says who may. Operations run on the work pool
 * one after the other, and those that wait take no thread of it. One that waits is dropped when its
 * client goes away; one that runs ends. `changed` is called behind each that succeeded, on a pool
 * thread; its failure is told to the client, who would otherwise believe that the change is in force.
 */
#ifndef API_CONTROL_H
#define API_CONTROL_H

#include "net/server.h"
#include "port/admin.h"

struct control_config {
        struct admin *admin; /* borrows */
        enum err (*changed)(void *arg, struct str operation, struct err_note *note);
        void *arg;
};

struct control;

struct control *control_new(struct loop *loop, const struct control_config *config);

/* After the server that uses it was closed and no operation is under way. */
void control_free(struct control *control);

struct server_handlers control_handlers(struct control *control);

/* Operations under way or waiting; on the loop's thread. */
size_t control_busy(const struct control *control);

#endif
