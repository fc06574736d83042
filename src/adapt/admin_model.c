/* SPDX-License-Identifier: Apache-2.0 */
/* Administration: what reviewers said, and the models that learn from it. */
#include "adapt/admin_internal.h"
#include "adapt/model_store.h"
#include "base/hex.h"
#include "text/train_file.h"

#include <stdlib.h>
#include <string.h>

enum {
        LABELS_MIN = 50,    /* fewer are not worth a model */
        HELD_BACK_MIN = 10, /* fewer say nothing about one */
        SAFETY_MIN = 5,     /* of them safety matters: with fewer nobody knows whether it still finds those */
        HELD_BACK_OF_256 = 51,
};

enum err feedback_list(struct operation *op)
{
        struct store_label *labels;
        size_t count;
        enum err err = store_sqlite_list_labels(op->db, op->arena, &labels, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "rows");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++) {
                bool is_outside = labels[i].intent == INTENT_OTHER;
                const char *category = is_outside ? "out_of_scope" : category_name(labels[i].category);
                json_open(&op->result, '{');
                json_member(&op->result, "text", labels[i].text);
                json_member(&op->result, "category", str_from(category));
                if (labels[i].intent != INTENT_NONE)
                        json_member(&op->result, "intent", str_from(intent_name(labels[i].intent)));
                json_close(&op->result, '}');
        }
        json_close(&op->result, ']');
        return ERR_OK;
}

/* ---- Which model is active ---- */

enum err model_list(struct operation *op)
{
        struct model_store_entry entries[MODEL_STORE_LISTED];
        size_t count;
        enum err err = model_store_list(op->directory, entries, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "models");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++) {
                json_open(&op->result, '{');
                json_member(&op->result, "version", str_from(entries[i].version));
                json_key(&op->result, "is_active");
                json_bool(&op->result, entries[i].is_active);
                if (entries[i].made_at_ms) {
                        json_key(&op->result, "made_at");
                        json_time(&op->result, entries[i].made_at_ms);
                }
                json_close(&op->result, '}');
        }
        json_close(&op->result, ']');
        return ERR_OK;
}

/* The version of the model that is active now. */
static enum err tell_active(struct operation *op)
{
        struct model *model;
        enum err err = model_store_open_active(op->directory, &model, op->note);
        if (err)
                return err;
        json_member(&op->result, "version", model_version(model));
        model_free(model);
        return ERR_OK;
}

enum err model_activate(struct operation *op)
{
        struct str version = text_argument(op, op->arguments, "version");
        enum err err = model_store_activate(op->directory, version, op->note);
        return err ? err : tell_active(op);
}

enum err model_rollback(struct operation *op)
{
        enum err err = model_store_rollback(op->directory, op->note);
        return err ? err : tell_active(op);
}

enum err model_add(struct operation *op)
{
        struct model_file *file = arena_alloc(op->arena, sizeof *file);
        struct model *model;
        if (!file)
                return err_set(op->note, ERR_TOO_LARGE, "a model needs more memory than an operation may take");
        if (!hex_read(text_argument(op, op->arguments, "model"), file, sizeof *file))
                return err_set(op->note, ERR_INVALID, "not a model file: one has %zu bytes", sizeof *file);
        enum err err = model_open((struct str){(const char *)file, sizeof *file}, &model, op->note);
        if (err)
                return err;
        json_member(&op->result, "version", model_version(model));
        model_free(model);
        return model_store_add(op->directory, file, op->note);
}

/* ---- Learning ---- */

/* The labels: most to learn from, and a share that stays the same whatever is added. */
struct labels {
        struct labelled_lines learnt;
        struct labelled_lines held_back;
        struct labelled_lines rehearsed;
};

/* What a model makes of the labels that were held back. */
struct score {
        double macro_f1;
        double safety_recall; /* 0 where no safety matter was among them */
};

static bool is_held_back(struct str text)
{
        return digest_sha256(text).bytes[0] < HELD_BACK_OF_256;
}

static enum err read_labels(struct operation *op, struct labels *labels)
{
        struct store_label *stored;
        size_t count;
        enum err err = store_sqlite_list_labels(op->db, op->arena, &stored, &count, op->note);
        for (size_t i = 0; !err && i < count; i++) {
                struct labelled_line line = {.text = stored[i].text, .class = stored[i].category, .intent = stored[i].intent};
                if (line.intent != INTENT_NONE)
                        line.class = model_class_of(line.intent);
                err = labelled_lines_append(is_held_back(line.text) ? &labels->held_back : &labels->learnt, &line, op->note);
        }
        if (!err && (labels->learnt.count + labels->held_back.count < LABELS_MIN || labels->held_back.count < HELD_BACK_MIN))
                err = err_set(op->note, ERR_INVALID,
                              "%zu labels, of which %zu are held back to judge the result: at least %d and %d are needed",
                              labels->learnt.count + labels->held_back.count, labels->held_back.count, LABELS_MIN,
                              HELD_BACK_MIN);
        return err;
}

static struct score score_of(const struct model *model, const struct labelled_lines *lines)
{
        struct tally tally = {0};
        double threshold = (double)model_content(model)->calibration.safety_threshold;
        for (size_t i = 0; i < lines->count; i++) {
                struct model_verdict verdict;
                model_classify(model, (struct safe_text){lines->lines[i].text}, &verdict);
                enum category category = model_category(verdict.probabilities, threshold);
                tally_add(&tally, lines->lines[i].class, category, verdict.probabilities[category]);
        }
        return (struct score){tally_macro_f1(&tally), tally_recall(&tally, CATEGORY_SAFETY_COMPLIANCE)};
}

static size_t count_safety(const struct labelled_lines *lines)
{
        size_t count = 0;
        for (size_t i = 0; i < lines->count; i++)
                count += lines->lines[i].class == CATEGORY_SAFETY_COMPLIANCE;
        return count;
}

static void write_score(struct operation *op, const char *name, struct score score)
{
        json_key(&op->result, name);
        json_open(&op->result, '{');
        json_key(&op->result, "macro_f1");
        json_fixed(&op->result, score.macro_f1, 4);
        json_key(&op->result, "safety_recall");
        json_fixed(&op->result, score.safety_recall, 4);
        json_close(&op->result, '}');
}

/* An active model that cannot be read any more is replaced by anything that can. */
static struct score score_active(struct operation *op, const struct labelled_lines *lines)
{
        struct model *active;
        if (model_store_open_active(op->directory, &active, NULL) != ERR_OK)
                return (struct score){0};
        struct score score = score_of(active, lines);
        model_free(active);
        return score;
}

static enum err judge(struct operation *op, const struct labels *labels, const struct model_file *file)
{
        struct model *model;
        enum err err = model_open((struct str){(const char *)file, sizeof *file}, &model, op->note);
        if (err)
                return err;
        struct score before = score_active(op, &labels->held_back);
        struct score after = score_of(model, &labels->held_back);
        size_t safety_count = count_safety(&labels->held_back);
        bool is_better = after.macro_f1 >= before.macro_f1 && after.safety_recall >= before.safety_recall;
        bool is_trusted = is_better && safety_count >= SAFETY_MIN;
        err = model_store_add(op->directory, file, op->note);
        if (!err && is_trusted)
                err = model_store_activate(op->directory, model_version(model), op->note);
        json_member(&op->result, "version", model_version(model));
        json_key(&op->result, "is_activated");
        json_bool(&op->result, is_trusted);
        json_key(&op->result, "is_better");
        json_bool(&op->result, is_better);
        json_key(&op->result, "labels");
        json_u64(&op->result, labels->learnt.count);
        json_key(&op->result, "held_back");
        json_u64(&op->result, labels->held_back.count);
        json_key(&op->result, "held_back_safety");
        json_u64(&op->result, safety_count);
        write_score(op, "before", before);
        write_score(op, "after", after);
        model_free(model);
        return err;
}

static void init_labels(struct labels *labels)
{
        labelled_lines_init(&labels->learnt);
        labelled_lines_init(&labels->held_back);
        labelled_lines_init(&labels->rehearsed);
}

static void deinit_labels(struct labels *labels)
{
        labelled_lines_deinit(&labels->learnt);
        labelled_lines_deinit(&labels->held_back);
        labelled_lines_deinit(&labels->rehearsed);
}

enum err model_train(struct operation *op)
{
        struct labels labels;
        init_labels(&labels);
        enum err err = read_labels(op, &labels);
        if (!err)
                err = labelled_lines_add(&labels.rehearsed, "rehearsal", rehearsal_embedded(),
                                         (struct labelled_options){0}, op->note);
        if (!err) {
                const struct train_job job = {
                        .lines = &labels.learnt,
                        .rehearsed = &labels.rehearsed,
                        .false_alarms = train_false_alarms,
                };
                struct model_file *file = train_local(&job, (const void *)model_embedded().ptr);
                err = judge(op, &labels, file);
                free(file);
        }
        deinit_labels(&labels);
        return err;
}
