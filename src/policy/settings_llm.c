/* SPDX-License-Identifier: Apache-2.0 */
/* What the settings about the LLM mean together, and its key. */
#include "policy/settings.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_MAX_BYTES = 4096 };

/* NULL-safe names of the places that hold a key. */
static size_t places_of_key(const struct settings *settings, const char **ret_first, const char **ret_second)
{
        const struct {
                const char *key;
                const char *value;
        } places[] = {
                {"llm.api_key", settings->llm_api_key},
                {"llm.api_key_file", settings->llm_api_key_file},
                {"llm.api_key_credential", settings->llm_api_key_credential},
        };
        size_t count = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
                if (!*places[i].value)
                        continue;
                *(count ? ret_second : ret_first) = places[i].key;
                count++;
        }
        return count;
}

/* `where` is "" or "upstream NAME: ". */
static enum err check_upstream(const struct settings *settings, const char *where, const char *name, struct err_note *note)
{
        const char *first = NULL, *second = NULL;
        const char *mode = mode_name(settings->mode);
        if (!*settings->llm_base_url)
                return err_set(note, ERR_INVALID, "%s%smode: %s needs an LLM: set llm.base_url, or use mode: local", where, name, mode);
        if (!*settings->llm_model)
                return err_set(note, ERR_INVALID, "%s%smode: %s needs llm.model: the name by which the LLM is asked for", where,
                               name, mode);
        if (places_of_key(settings, &first, &second) > 1)
                return err_set(note, ERR_INVALID, "%s%s%s and %s are both set: keep one of them", where, name, first, second);
        return ERR_OK;
}

enum err settings_check_llm(const struct settings *settings, struct err_note *note)
{
        enum err err = ERR_OK;
        char name[80];
        if (settings->mode == MODE_LOCAL)
                return ERR_OK;
        if (settings->upstream_count == 0)
                return check_upstream(settings, "", "", note);
        for (size_t i = 0; i < settings->upstream_count && !err; i++) {
                snprintf(name, sizeof name, "%s: ", settings->upstreams[i].name);
                err = check_upstream(settings->upstreams[i].settings, "upstream ", name, note);
        }
        return err;
}

/* All of it without the line end, checked to be one line that a header can carry. */
static enum err read_key(int fd, const char *path, char **ret_key, struct err_note *note)
{
        char text[KEY_MAX_BYTES + 1];
        size_t len = 0;
        ssize_t got;
        while (len < sizeof text && (got = read(fd, text + len, sizeof text - len)) != 0) {
                if (got < 0 && errno != EINTR)
                        return err_set(note, ERR_IO, "%s: %m", path);
                len += got > 0 ? (size_t)got : 0;
        }
        if (len > KEY_MAX_BYTES)
                return err_set(note, ERR_TOO_LARGE, "%s: holds more than %d bytes; it must hold the key alone", path,
                               KEY_MAX_BYTES);
        struct str key = str_trim((struct str){text, len});
        bool is_plain = key.len > 0;
        for (size_t i = 0; i < key.len; i++)
                is_plain = is_plain && key.ptr[i] > ' ' && key.ptr[i] < 0x7f;
        if (is_plain)
                *ret_key = alloc_copy(key.ptr, key.len);
        explicit_bzero(text, sizeof text);
        return is_plain ? ERR_OK : err_set(note, ERR_INVALID, "%s: must hold the key alone, in one line", path);
}

static enum err read_key_file(const char *path, bool is_private, char **ret_key, struct err_note *note)
{
        struct stat status;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_set(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %m", path);
        enum err err = ERR_OK;
        if (is_private && fstat(fd, &status) == 0 && status.st_mode & (S_IRWXG | S_IRWXO))
                err = err_set(note, ERR_FORBIDDEN, "%s: others than its owner can read the key; chmod 600 %s", path, path);
        if (!err)
                err = read_key(fd, path, ret_key, note);
        close(fd);
        return err;
}

static enum err read_credential(const char *name, char **ret_key, struct err_note *note)
{
        char path[2048];
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        if (!directory)
                return err_set(note, ERR_NOT_FOUND,
                               "llm.api_key_credential: there is no CREDENTIALS_DIRECTORY: systemd gives one where the "
                               "unit says LoadCredential=%s:FILE", name);
        if (strchr(name, '/') || (size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
                return err_set(note, ERR_INVALID, "llm.api_key_credential: must be the name of a credential, not a path");
        return read_key_file(path, false, ret_key, note);
}

enum err settings_read_llm_key(const struct settings *settings, char **ret_key, struct err_note *note)
{
        if (*settings->llm_api_key_file)
                return read_key_file(settings->llm_api_key_file, true, ret_key, note);
        if (*settings->llm_api_key_credential)
                return read_credential(settings->llm_api_key_credential, ret_key, note);
        *ret_key = alloc_copy(settings->llm_api_key, strlen(settings->llm_api_key));
        return ERR_OK;
}
