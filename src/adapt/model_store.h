/* SPDX-License-Identifier: Apache-2.0 */
/* The models of a data directory: DIR/models/VERSION.model, and DIR/models/history, which says who was
 * active when: one version a line, the last one is active. Without it the built-in model is.
 *
 * The last MODEL_STORE_KEPT files are kept, and the active one. Files are written aside, synced and
 * renamed: a crash leaves the old or the new state. Blocking; the caller holds the lock of the directory
 * (adapt/data_dir.h) and calls from one thread at a time.
 */
#ifndef ADAPT_MODEL_STORE_H
#define ADAPT_MODEL_STORE_H

#include "text/model.h"

enum { MODEL_STORE_KEPT = 5, MODEL_STORE_LISTED = 16, MODEL_VERSION_BYTES = 24 };

struct model_store_entry {
        char version[MODEL_VERSION_BYTES];
        int64_t made_at_ms; /* 0: the built-in model */
        bool is_active;
};

/* The active model. A file that is missing, damaged or of another format is an error. */
enum err model_store_open_active(const char *directory, struct model **ret_model, struct err_note *note) MUST_USE;

/* Stores it under its version; nothing is activated. */
enum err model_store_add(const char *directory, const struct model_file *file, struct err_note *note) MUST_USE;

/* ERR_NOT_FOUND for a version that is not stored; "built-in" names the built-in model. */
enum err model_store_activate(const char *directory, struct str version, struct err_note *note) MUST_USE;

/* Makes the one that was active before the active one. ERR_NOT_FOUND when there is none left. */
enum err model_store_rollback(const char *directory, struct err_note *note) MUST_USE;

/* The built-in model first, then newest first; at most MODEL_STORE_LISTED. */
enum err model_store_list(const char *directory, struct model_store_entry entries[MODEL_STORE_LISTED],
                          size_t *ret_count, struct err_note *note) MUST_USE;

#endif
