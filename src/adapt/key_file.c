/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/durable_file.h"

static enum err read_key(int fd, const char *path, struct digest *key, struct err_note *note)
{
        struct stat st;
        char extra;
        if (fstat(fd, &st) != 0)
                return durable_file_errno(note, path, "look at the file");
        if (st.st_mode & 077)
                return err_set(note, ERR_FORBIDDEN, "%s can be read by others: chmod 600 it", path);
        if (read(fd, key->bytes, sizeof key->bytes) != sizeof key->bytes || read(fd, &extra, 1) != 0)
                return err_set(note, ERR_CORRUPT, "%s does not hold %zu bytes: restore it from where you keep it", path,
                               sizeof key->bytes);
        return ERR_OK;
}

static enum err make_key(const char *path, struct digest *key, struct err_note *note)
{
        random_bytes(key->bytes, sizeof key->bytes);
        return durable_file_write(path, (struct str){(const char *)key->bytes, sizeof key->bytes}, 0600, note);
}

enum err key_file_read(const char *path, bool may_create, struct digest *ret_key, struct err_note *note)
{
        struct digest key = {{0}};
        enum err err;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0) {
                err = read_key(fd, path, &key, note);
                close(fd);
        } else if (errno != ENOENT) {
                err = durable_file_errno(note, path, "open the key");
        } else if (!may_create) {
                err = err_set(note, ERR_NOT_FOUND,
                              "%s is missing, and what this store holds cannot be read without it: restore it from where you"
                              " keep it; for a new store: head -c 32 /dev/urandom > FILE && chmod 600 FILE",
                              path);
        } else {
                err = make_key(path, &key, note);
        }
        if (!err)
                *ret_key = key;
        OPENSSL_cleanse(&key, sizeof key);
        return err;
}
