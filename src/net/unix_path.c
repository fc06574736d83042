/* SPDX-License-Identifier: Apache-2.0 */
#include "net/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static int open_directory(const char *path, size_t len)
{
        char *directory = alloc_copy(path, len);
        int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        free(directory);
        errno = error;
        return fd;
}

enum err unix_path_open(const char *path, struct unix_path *ret_path, struct err_note *note)
{
        struct unix_path opened = {.directory_fd = -1};
        size_t len = strlen(path);
        if (len > 0 && len < sizeof opened.text) {
                memcpy(opened.text, path, len + 1);
                *ret_path = opened;
                return ERR_OK;
        }
        const char *slash = strrchr(path, '/');
        size_t name_len = slash ? strlen(slash + 1) : len;
        if (!slash || name_len == 0 || name_len > UNIX_PATH_NAME_MAX)
                return err_set(note, ERR_INVALID, "the name of a socket has 1 to %d bytes: %s", UNIX_PATH_NAME_MAX, path);
        opened.directory_fd = open_directory(path, (size_t)(slash + 1 - path));
        if (opened.directory_fd < 0)
                return err_set(note, ERR_UNAVAILABLE, "the directory of %s: %s", path, strerror(errno));
        snprintf(opened.text, sizeof opened.text, "/proc/self/fd/%d/%s", opened.directory_fd, slash + 1);
        *ret_path = opened;
        return ERR_OK;
}

void unix_path_close(struct unix_path *path)
{
        if (path->directory_fd >= 0)
                close(path->directory_fd);
        path->directory_fd = -1;
}
