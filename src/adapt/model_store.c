/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/model_store.h"

#include "adapt/durable_file.h"
#include "base/alloc.h"
#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, HISTORY_MAX_BYTES = 4096, HISTORY_KEPT = 16 };

static const char built_in[] = "built-in";
static const char suffix[] = ".model";

/* Who was active, oldest first. */
struct history {
        char versions[HISTORY_KEPT][MODEL_VERSION_BYTES];
        size_t count;
};

/* A version names a file: nothing but our own form of it. */
static bool is_version(struct str version)
{
        bool is_sound = version.len > 0 && version.len < MODEL_VERSION_BYTES;
        for (size_t i = 0; i < version.len && is_sound; i++) {
                char c = version.ptr[i];
                is_sound = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        }
        return is_sound;
}

static void file_path(const char *directory, struct str version, char path[PATH_BYTES])
{
        snprintf(path, PATH_BYTES, "%s/models/%.*s%s", directory, STR_ARGS(version), suffix);
}

static enum err write_file(const char *directory, const char *path, struct str bytes, struct err_note *note)
{
        char models[PATH_BYTES];
        snprintf(models, sizeof models, "%s/models", directory);
        if (mkdir(models, 0700) != 0 && errno != EEXIST)
                return durable_file_errno(note, models, "create");
        return durable_file_write(path, bytes, 0600, note);
}

/* At most `max` bytes. */
static enum err read_file(const char *path, void *bytes, size_t max, size_t *ret_len, struct err_note *note)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return durable_file_errno(note, path, "open");
        size_t len = 0;
        ssize_t got = 1;
        while (len < max && (got = read(fd, (char *)bytes + len, max - len)) > 0)
                len += (size_t)got;
        close(fd);
        if (got < 0)
                return durable_file_errno(note, path, "read");
        *ret_len = len;
        return ERR_OK;
}

/* ---- The history ---- */

static void history_path(const char *directory, char path[PATH_BYTES])
{
        snprintf(path, PATH_BYTES, "%s/models/history", directory);
}

static void push(struct history *history, struct str version)
{
        if (history->count == HISTORY_KEPT) {
                memmove(history->versions[0], history->versions[1], sizeof history->versions - sizeof *history->versions);
                history->count--;
        }
        snprintf(history->versions[history->count++], MODEL_VERSION_BYTES, "%.*s", STR_ARGS(version));
}

static enum err read_history(const char *directory, struct history *ret_history, struct err_note *note)
{
        char path[PATH_BYTES], text[HISTORY_MAX_BYTES];
        size_t len = 0;
        history_path(directory, path);
        *ret_history = (struct history){0};
        enum err err = read_file(path, text, sizeof text, &len, note);
        if (err)
                return err == ERR_NOT_FOUND ? ERR_OK : err;
        struct str rest = {text, len};
        while (rest.len > 0) {
                struct str version = str_trim(str_split(&rest, '\n'));
                if (is_version(version))
                        push(ret_history, version);
        }
        return ERR_OK;
}

static enum err write_history(const char *directory, const struct history *history, struct err_note *note)
{
        char path[PATH_BYTES];
        struct buf text;
        history_path(directory, path);
        buf_init(&text, HISTORY_MAX_BYTES);
        for (size_t i = 0; i < history->count; i++)
                buf_printf(&text, "%s\n", history->versions[i]);
        enum err err = write_file(directory, path, buf_str(&text), note);
        buf_deinit(&text);
        return err;
}

static const char *active(const struct history *history)
{
        return history->count ? history->versions[history->count - 1] : built_in;
}

/* ---- Models ---- */

static enum err open_version(const char *directory, struct str version, struct model **ret_model, struct err_note *note)
{
        char path[PATH_BYTES];
        size_t len = 0;
        if (str_equal(version, str_from(built_in)))
                return model_open(model_embedded(), ret_model, note);
        file_path(directory, version, path);
        struct model_file *file = alloc_zeroed(1, sizeof *file + 1);
        enum err err = read_file(path, file, sizeof *file + 1, &len, note);
        if (!err && len != sizeof *file)
                err = err_set(note, ERR_CORRUPT, "%s: %zu bytes, expected %zu", path, len, sizeof *file);
        if (err) {
                free(file);
                return err;
        }
        err = model_take(file, ret_model, note);
        return err ? err_prefix(note, err, "%s: ", path) : ERR_OK;
}

enum err model_store_open_active(const char *directory, struct model **ret_model, struct err_note *note)
{
        struct history history;
        enum err err = read_history(directory, &history, note);
        return err ? err : open_version(directory, str_from(active(&history)), ret_model, note);
}

enum err model_store_activate(const char *directory, struct str version, struct err_note *note)
{
        struct history history;
        struct model *model;
        if (!is_version(version))
                return err_set(note, ERR_INVALID, "a version of `triaged model list` is needed");
        enum err err = open_version(directory, version, &model, note);
        if (err == ERR_NOT_FOUND)
                return err_set(note, err, "there is no model %.*s; see `triaged model list`", STR_ARGS(version));
        if (err)
                return err;
        model_free(model);
        err = read_history(directory, &history, note);
        if (err || str_equal(version, str_from(active(&history))))
                return err;
        push(&history, version);
        return write_history(directory, &history, note);
}

enum err model_store_rollback(const char *directory, struct err_note *note)
{
        struct history history;
        struct model *model;
        enum err err = read_history(directory, &history, note);
        if (err)
                return err;
        while (history.count > 0) {
                history.count--;
                if (open_version(directory, str_from(active(&history)), &model, NULL) != ERR_OK)
                        continue;
                model_free(model);
                return write_history(directory, &history, note);
        }
        return err_set(note, ERR_NOT_FOUND, "the built-in model is active, and none was before it");
}

/* ---- What is there ---- */

static bool read_entry(const char *directory, const char *name, struct model_store_entry *entry)
{
        char path[PATH_BYTES];
        struct stat st;
        struct str version = str_from(name);
        size_t behind = sizeof suffix - 1;
        if (version.len <= behind || strcmp(name + version.len - behind, suffix) != 0)
                return false;
        version.len -= behind;
        if (!is_version(version))
                return false;
        file_path(directory, version, path);
        if (stat(path, &st) != 0)
                return false;
        snprintf(entry->version, sizeof entry->version, "%.*s", STR_ARGS(version));
        entry->made_at_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        return true;
}

static int newest_first(const void *a, const void *b)
{
        const struct model_store_entry *x = a;
        const struct model_store_entry *y = b;
        if (x->made_at_ms != y->made_at_ms)
                return x->made_at_ms < y->made_at_ms ? 1 : -1;
        return strcmp(x->version, y->version);
}

static enum err read_entries(const char *directory, struct model_store_entry *entries, size_t max, size_t *ret_count,
                             struct err_note *note)
{
        char path[PATH_BYTES];
        struct dirent *file;
        size_t count = 0;
        snprintf(path, sizeof path, "%s/models", directory);
        DIR *dir = opendir(path);
        if (!dir && errno != ENOENT)
                return durable_file_errno(note, path, "read");
        while (dir && count < max && (file = readdir(dir)) != NULL)
                count += read_entry(directory, file->d_name, &entries[count]);
        if (dir)
                closedir(dir);
        qsort(entries, count, sizeof *entries, newest_first);
        *ret_count = count;
        return ERR_OK;
}

enum err model_store_list(const char *directory, struct model_store_entry entries[MODEL_STORE_LISTED],
                          size_t *ret_count, struct err_note *note)
{
        struct history history;
        size_t count = 0;
        enum err err = read_history(directory, &history, note);
        if (!err)
                err = read_entries(directory, entries + 1, MODEL_STORE_LISTED - 1, &count, note);
        if (err)
                return err;
        entries[0] = (struct model_store_entry){.made_at_ms = 0};
        snprintf(entries[0].version, sizeof entries[0].version, "%s", built_in);
        *ret_count = count + 1;
        for (size_t i = 0; i < *ret_count; i++)
                entries[i].is_active = strcmp(entries[i].version, active(&history)) == 0;
        return ERR_OK;
}

/* What a killed process had begun to write: nobody else writes here. */
static void remove_leftovers(const char *directory)
{
        char path[PATH_BYTES];
        struct dirent *file;
        snprintf(path, sizeof path, "%s/models", directory);
        DIR *dir = opendir(path);
        while (dir && (file = readdir(dir)) != NULL) {
                size_t len = strlen(file->d_name);
                if (len > 4 && strcmp(file->d_name + len - 4, ".new") == 0)
                        (void)unlinkat(dirfd(dir), file->d_name, 0);
        }
        if (dir)
                closedir(dir);
}

static enum err prune(const char *directory, struct err_note *note)
{
        remove_leftovers(directory);
        struct model_store_entry entries[MODEL_STORE_LISTED];
        size_t count;
        enum err err = model_store_list(directory, entries, &count, note);
        for (size_t i = 1 + MODEL_STORE_KEPT; !err && i < count; i++) {
                char path[PATH_BYTES];
                file_path(directory, str_from(entries[i].version), path);
                if (!entries[i].is_active && unlink(path) != 0 && errno != ENOENT)
                        err = durable_file_errno(note, path, "remove");
        }
        return err;
}

enum err model_store_add(const char *directory, const struct model_file *file, struct err_note *note)
{
        char path[PATH_BYTES];
        struct model *model;
        struct str bytes = {(const char *)file, sizeof *file};
        enum err err = model_open(bytes, &model, note);
        if (err)
                return err;
        file_path(directory, model_version(model), path);
        model_free(model);
        err = write_file(directory, path, bytes, note);
        return err ? err : prune(directory, note);
}
