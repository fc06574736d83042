/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/durable_file.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

enum err durable_file_errno(struct err_note *note, const char *path, const char *what)
{
        int error = errno;
        enum err err = ERR_IO;
        if (error == ENOSPC || error == EDQUOT)
                err = ERR_NO_SPACE;
        else if (error == EACCES || error == EPERM || error == EROFS)
                err = ERR_FORBIDDEN;
        else if (error == ENOENT || error == ENOTDIR)
                err = ERR_NOT_FOUND;
        return err_set(note, err, "%s: cannot %s: %s", path, what, strerrordesc_np(error));
}

enum err durable_file_sync_parent(const char *path, struct err_note *note)
{
        char *parent = alloc_copy(path, strlen(path));
        for (size_t len = strlen(parent); len > 1 && parent[len - 1] == '/'; len--)
                parent[len - 1] = '\0';
        char *slash = strrchr(parent, '/');
        if (slash)
                slash[slash == parent] = '\0';
        int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool is_synced = fd >= 0 && fsync(fd) == 0;
        enum err err = is_synced ? ERR_OK : durable_file_errno(note, path, "sync the parent directory");
        if (fd >= 0)
                close(fd);
        free(parent);
        return err;
}

static bool write_all(int fd, struct str bytes)
{
        while (bytes.len > 0) {
                ssize_t written = write(fd, bytes.ptr, bytes.len);
                if (written < 0)
                        return false;
                bytes = (struct str){bytes.ptr + written, bytes.len - (size_t)written};
        }
        return fsync(fd) == 0;
}

enum err durable_file_write(const char *path, struct str bytes, unsigned mode, struct err_note *note)
{
        char aside[PATH_BYTES];
        if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside)
                return err_set(note, ERR_INVALID, "%s: a path of at most %d bytes is needed", path, PATH_BYTES - 5);
        int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return durable_file_errno(note, aside, "create");
        enum err err = write_all(fd, bytes) ? ERR_OK : durable_file_errno(note, aside, "write");
        close(fd);
        if (!err && rename(aside, path) != 0)
                err = durable_file_errno(note, path, "replace");
        if (err) {
                unlink(aside);
                return err;
        }
        return durable_file_sync_parent(path, note);
}
