/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of port/admin.h under way; shared by src/adapt/admin_*.c. */
#ifndef ADAPT_ADMIN_INTERNAL_H
#define ADAPT_ADMIN_INTERNAL_H

#include "adapt/store_sqlite.h"
#include "base/json_reader.h"
#include "base/json_writer.h"

struct operation {
        struct store_sqlite *db;
        const char *directory;
        struct json arguments;
        struct arena *arena;
        struct json_writer result;
        struct err_note *note;
        int64_t now_ms;
};

/* Absent when it is not there or no string. */
struct str text_argument(const struct operation *op, struct json object, const char *name);

/* The argument `id`, a record's with that prefix; ERR_INVALID calls it `what`: "a review's id". */
enum err id_argument(const struct operation *op, const char *prefix, const char *what, struct record_id *ret_id) MUST_USE;

/* admin_model.c */
enum err feedback_list(struct operation *op);
enum err model_list(struct operation *op);
enum err model_add(struct operation *op);
enum err model_activate(struct operation *op);
enum err model_rollback(struct operation *op);
enum err model_train(struct operation *op);

/* admin_outbox.c */
enum err admin_outbox_list(struct operation *op);
enum err admin_outbox_retry(struct operation *op);
enum err admin_outbox_drop(struct operation *op);

/* admin_subject.c */
enum err admin_subject_show(struct operation *op);
enum err admin_subject_export(struct operation *op);
enum err admin_subject_erase(struct operation *op);

/* admin_ticket.c */
enum err admin_ticket_list(struct operation *op);
enum err admin_ticket_show(struct operation *op);
enum err admin_ticket_update(struct operation *op);
enum err admin_ticket_comment(struct operation *op);

/* admin_review.c */
enum err admin_review_list(struct operation *op);
enum err admin_review_show(struct operation *op);
enum err admin_review_reveal(struct operation *op);
enum err admin_review_change(struct operation *op);
enum err admin_compliance_export(struct operation *op);

/* admin_knowledge.c */
enum err admin_kb_export(struct operation *op);

/* admin_audit.c */
/* Enters a read by the command line; before it nothing may be disclosed. */
enum err admin_audit_reading(struct operation *op, enum audit_kind kind, struct record_id record);
enum err admin_audit_key(struct operation *op);
enum err admin_audit_checkpoint(struct operation *op);
enum err admin_audit_read(struct operation *op);
enum err admin_audit_prove(struct operation *op);

#endif
