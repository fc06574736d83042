/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log adds to a message, in microseconds of processor time: digest, entry, leaf, tiles and row, in
 * transactions of 64 as they come under load. First without the commits, which a message has anyway, then with commits
 * of these rows alone. Not installed.
 *
 *     bench_audit [ENTRIES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adapt/audit_log.h"
#include "adapt/store_sqlite_schema.h"

enum { AUDIT_STEP = 7, ENTRIES = 200000, BATCH = 64, ANSWER_BYTES = 1100, TEXT_BYTES = 120, SALT_BYTES = 16 };

static double now_us(void)
{
        struct timespec now;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* As the store does it for a message. */
static enum err append(struct audit_log *audit, uint64_t row, struct err_note *note)
{
        static char salt[SALT_BYTES], text[TEXT_BYTES], answer[ANSWER_BYTES];
        random_bytes(salt, sizeof salt);
        const struct str parts[] = {{salt, sizeof salt}, {text, sizeof text}, {NULL, 0}, {answer, sizeof answer}};
        struct digest digest = digest_sha256_parts(parts, sizeof parts / sizeof *parts);
        const struct audit_entry entry = {
                .kind = AUDIT_RECORD_CREATED,
                .at_ms = 1795639351618,
                .key_id = 3,
                .record = {.row = row, .check = row * 0x9e3779b97f4a7c15U},
                .digest = &digest,
                .details = STR("{\"category\":\"service_action\",\"intent\":\"refund\",\"severity\":null,\"source\":\"local\"}"),
        };
        return audit_log_append(audit, &entry, note);
}

static enum err measure(sqlite3 *db, struct audit_log *audit, size_t entries, struct err_note *note)
{
        double appended = 0, start = now_us();
        enum err err = ERR_OK;
        size_t done = 0;
        while (!err && done < entries) {
                audit_log_begin(audit);
                err = sqlite_db_exec(db, "BEGIN IMMEDIATE", note);
                double begun = now_us();
                for (size_t k = 0; !err && k < BATCH; k++)
                        err = append(audit, ++done, note);
                appended += now_us() - begun;
                if (!err)
                        err = sqlite_db_exec(db, "COMMIT", note);
        }
        if (!err)
                printf("audit: %.2f us of CPU a message, %.2f with commits of its own (%zu entries, %d a transaction)\n",
                       appended / (double)done, (now_us() - start) / (double)done, done, BATCH);
        return err;
}

int main(int argc, char **argv)
{
        struct err_note note = {.text = ""};
        char directory[] = "/tmp/triaged-bench-XXXXXX", path[64];
        size_t entries = argc > 1 ? strtoul(argv[1], NULL, 10) : ENTRIES;
        sqlite3 *db = NULL;
        struct audit_log audit;
        if (!mkdtemp(directory))
                return 1;
        snprintf(path, sizeof path, "%s/db", directory);
        enum err err = sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 1024, .busy_timeout_ms = 1000}, &db, &note);
        if (!err)
                err = store_sqlite_migrate_to(db, path, AUDIT_STEP, &note);
        if (!err)
                err = audit_log_open(&audit, db, &note);
        if (!err) {
                err = measure(db, &audit, entries, &note);
                audit_log_close(&audit);
        }
        (void)sqlite3_close(db);
        (void)unlink(path);
        (void)rmdir(directory);
        if (err)
                fprintf(stderr, "bench_audit: %s\n", note.text);
        return err != ERR_OK;
}
