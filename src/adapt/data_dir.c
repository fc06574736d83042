/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/durable_file.h"
#include "adapt/key_file.h"
#include "base/alloc.h"

struct data_dir {
        char *path; /* owns */
        int dir_fd;
        int lock_fd;
};

static enum err create(const char *path, struct err_note *note)
{
        if (mkdir(path, 0700) == 0)
                return durable_file_sync_parent(path, note);
        if (errno == EEXIST)
                return ERR_OK;
        return durable_file_errno(note, path, "create the data directory");
}

static enum err say_held(const struct data_dir *dir, struct err_note *note)
{
        char pid[16];
        ssize_t len = pread(dir->lock_fd, pid, sizeof pid - 1, 0);
        pid[len > 0 ? len : 0] = '\0';
        pid[strspn(pid, "0123456789")] = '\0';
        return err_set(note, ERR_BUSY,
                       "data directory %s is in use by process %s: stop that process,"
                       " or name another data directory",
                       dir->path, *pid ? pid : "(unknown)");
}

static enum err take_lock(struct data_dir *dir, struct err_note *note)
{
        dir->lock_fd = openat(dir->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (dir->lock_fd < 0)
                return durable_file_errno(note, dir->path, "open the lock file");
        if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0)
                return errno == EWOULDBLOCK ? say_held(dir, note) : durable_file_errno(note, dir->path, "lock");
        char pid[16];
        int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        /* The lock is the kernel's; a pid that could not be written on a full disk harms nobody. */
        if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, pid, (size_t)len, 0) != len)
                return ERR_OK;
        return ERR_OK;
}

enum err data_dir_open(const char *path, struct data_dir **ret_dir, struct err_note *note)
{
        enum err err = create(path, note);
        if (err)
                return err;
        struct data_dir *dir = alloc_zeroed(1, sizeof *dir);
        dir->path = alloc_copy(path, strlen(path));
        dir->lock_fd = -1;
        dir->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir->dir_fd < 0)
                err = durable_file_errno(note, path, "open the data directory");
        if (!err)
                err = take_lock(dir, note);
        if (err) {
                data_dir_close(dir);
                return err;
        }
        *ret_dir = dir;
        return ERR_OK;
}

void data_dir_close(struct data_dir *dir)
{
        if (!dir)
                return;
        if (dir->lock_fd >= 0)
                close(dir->lock_fd);
        if (dir->dir_fd >= 0)
                close(dir->dir_fd);
        free(dir->path);
        free(dir);
}

const char *data_dir_path(const struct data_dir *dir)
{
        return dir->path;
}

enum err data_dir_digest_key(const struct data_dir *dir, struct digest *ret_key, struct err_note *note)
{
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/digest.key", dir->path);
        return key_file_read(path, true, ret_key, note);
}
