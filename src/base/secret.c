/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum err secret_check(struct str text, const char *where, struct err_note *note)
{
        bool is_plain = text.len > 0;
        for (size_t i = 0; i < text.len; i++)
                is_plain = is_plain && text.ptr[i] > ' ' && text.ptr[i] < 0x7f;
        return is_plain ? ERR_OK : err_set(note, ERR_INVALID, "%s: must hold the key alone, in one line", where);
}

/* All of it without the line end, checked to be one line that a header can carry. */
static enum err read_line(int fd, const char *path, char **ret_secret, struct err_note *note)
{
        char text[SECRET_MAX_BYTES + 1];
        size_t len = 0;
        ssize_t got;
        while (len < sizeof text && (got = read(fd, text + len, sizeof text - len)) != 0) {
                if (got < 0 && errno != EINTR)
                        return err_set(note, ERR_IO, "%s: %m", path);
                len += got > 0 ? (size_t)got : 0;
        }
        if (len > SECRET_MAX_BYTES)
                return err_set(note, ERR_TOO_LARGE, "%s: holds more than %d bytes; it must hold the key alone", path,
                               SECRET_MAX_BYTES);
        struct str key = str_trim((struct str){text, len});
        enum err err = secret_check(key, path, note);
        if (!err)
                *ret_secret = alloc_copy(key.ptr, key.len);
        explicit_bzero(text, sizeof text);
        return err;
}

enum err secret_read_file(const char *path, bool is_private, char **ret_secret, struct err_note *note)
{
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_set(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %m", path);
        enum err err = ERR_OK;
        if (is_private && fstat(fd, &status) == 0 && status.st_mode & (S_IRWXG | S_IRWXO))
                err = err_set(note, ERR_FORBIDDEN, "%s: others than its owner can read the key; chmod 600 %s", path, path);
        if (!err)
                err = read_line(fd, path, ret_secret, note);
        close(fd);
        return err;
}

enum err secret_read_credential(const char *key, const char *name, char **ret_secret, struct err_note *note)
{
        char path[2048];
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        if (!directory)
                return err_set(note, ERR_NOT_FOUND,
                               "%s: there is no CREDENTIALS_DIRECTORY: systemd gives one where the "
                               "unit says LoadCredential=%s:FILE", key, name);
        if (strchr(name, '/') || (size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
                return err_set(note, ERR_INVALID, "%s: must be the name of a credential, not a path", key);
        return secret_read_file(path, false, ret_secret, note);
}
