/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a process: everything wired together, started, watched and stopped in order.
 *
 * Threads: the main thread waits for signals; each worker runs a loop with its own listening
 * socket, server, API and store handle; the control thread runs the control socket; the store has
 * its writer and the log its own thread. Stopping goes the other way round: not ready, drain,
 * close, join, then the store, then the log.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "policy/settings.h"

#define APP_VERSION TRIAGED_VERSION

/* Runs until SIGTERM or SIGINT. 0 after an orderly stop; 1 when it could not start (the reason is
 * on stderr) or had to end because the store failed. */
int app_run(const struct settings *settings);

#endif
