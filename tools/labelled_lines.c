/* SPDX-License-Identifier: Apache-2.0 */
#include "labelled_lines.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>

static enum err read_file(const char *path, struct buf *buf, struct err_note *note)
{
        FILE *file = fopen(path, "rb");
        if (file == NULL)
                return err_set(note, ERR_IO, "%s: %s", path, strerror(errno));
        char block[65536];
        size_t bytes;
        while ((bytes = fread(block, 1, sizeof block, file)) > 0)
                buf_append(buf, block, bytes);
        bool has_failed = ferror(file) != 0;
        fclose(file);
        if (has_failed || buf->is_over)
                return err_set(note, ERR_IO, "%s: cannot be read, or is over the size limit", path);
        return ERR_OK;
}

enum err labelled_lines_read(char *const *paths, size_t path_count, struct labelled_options options,
                             struct labelled_lines *ret_lines, struct err_note *note)
{
        struct labelled_lines lines;
        struct buf buf;
        enum err err = ERR_OK;
        labelled_lines_init(&lines);
        buf_init(&buf, LABELLED_MAX_FILE_BYTES);
        for (size_t i = 0; i < path_count && !err; i++) {
                buf_reset(&buf);
                err = read_file(paths[i], &buf, note);
                if (!err)
                        err = labelled_lines_add(&lines, paths[i], buf_str(&buf), options, note);
        }
        buf_deinit(&buf);
        if (err)
                labelled_lines_deinit(&lines);
        else
                *ret_lines = lines;
        return err;
}
