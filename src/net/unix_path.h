/* SPDX-License-Identifier: Apache-2.0 */
/* A Unix socket's path in a form that fits into a socket's address, which has room for 107 bytes.
 *
 * A longer path is reached through its directory, opened here, as /proc/self/fd/N/NAME; so the text
 * is good for bind() and connect() in this process, until unix_path_close().
 */
#ifndef NET_UNIX_PATH_H
#define NET_UNIX_PATH_H

#include "base/err.h"

#include <sys/un.h>

enum { UNIX_PATH_NAME_MAX = 80 }; /* of the last part of a long path */

struct unix_path {
        char text[sizeof(((struct sockaddr_un *)0)->sun_path)];
        int directory_fd; /* -1: not needed */
};

/* ERR_INVALID for a path without a name or with one that is too long, ERR_UNAVAILABLE when its
 * directory cannot be opened. */
enum err unix_path_open(const char *path, struct unix_path *ret_path, struct err_note *note) MUST_USE;
void unix_path_close(struct unix_path *path);

#endif
