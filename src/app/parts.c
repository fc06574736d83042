/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parts.h"

#include "adapt/knowledge.h"
#include "adapt/model_store.h"
#include "app/app.h"
#include "app/process_sample.h"
#include "base/log.h"
#include "base/metric.h"
#include "text/faq.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

enum { KEYS_ARENA_BYTES = 64 << 20, READS_IN_FLIGHT = 256, HANDOFF_MAX = 100000 };

static enum metric_label_STORE_ERROR store_error_label(enum err err)
{
        switch ((int)err) {
        case ERR_IO:
                return METRIC_STORE_ERROR_IO;
        case ERR_NO_SPACE:
                return METRIC_STORE_ERROR_NO_SPACE;
        case ERR_BUSY:
                return METRIC_STORE_ERROR_BUSY;
        case ERR_CORRUPT:
                return METRIC_STORE_ERROR_CORRUPT;
        default:
                return METRIC_STORE_ERROR_OTHER;
        }
}

/* On the writer's thread. */
static void on_health(void *arg, const struct store_sqlite_health *health)
{
        struct parts *parts = arg;
        if (health->is_ready) {
                readiness_set(&parts->readiness, PART_STORE, PART_OK, ERR_OK);
                LOG(STORE_RECOVERED);
                return;
        }
        readiness_set(&parts->readiness, PART_STORE, PART_FAILED, health->err);
        LOG(STORE_FAILED, log_word("error", err_name(health->err)), log_note("reason", &health->note),
            log_bool("is_fatal", health->is_fatal));
        if (health->is_fatal && !atomic_exchange(&parts->is_store_fatal, true))
                pthread_kill(parts->main_thread, SIGUSR1);
}

static void on_commit(void *arg, size_t batch, int64_t duration_us)
{
        (void)arg;
        METRIC_OBSERVE(STORE_BATCH_SIZE, 0, (double)batch);
        METRIC_OBSERVE(STORE_COMMIT_DURATION, 0, (double)duration_us / 1e6);
}

static void on_error(void *arg, enum err err, size_t records)
{
        (void)arg;
        METRIC_ADD(STORE_ERRORS, store_error_label(err), 1);
        METRIC_ADD(SHED, METRIC_SHED_STORE, (int64_t)records);
}

static void on_conversation(void *arg, const struct store_conversation *conversation)
{
        struct parts *parts = arg;
        struct record_id review = conversation->review;
        if (!conversation->is_open)
                handoff_close(parts->handoff, &conversation->conversation, review.row);
        else if (!handoff_open(parts->handoff, &conversation->conversation, review.row, review.check,
                               conversation->is_joined))
                METRIC_ADD(HANDOFF_FULL, 0, 1);
        METRIC_SET(HANDOFF_OPEN, 0, (double)handoff_count(parts->handoff));
}

/* On the writer's thread, behind a commit. */
static void on_outbox(void *arg, uint64_t connectors, bool is_by_hand)
{
        struct parts *parts = arg;
        struct outbox_lanes *lanes = atomic_load(&parts->lanes);
        if (lanes)
                outbox_lanes_wake(lanes, connectors, is_by_hand);
}

static enum err open_store(struct parts *parts, struct err_note *note)
{
        const struct settings *settings = parts->settings;
        const struct store_sqlite_config config = {
                .directory = data_dir_path(parts->directory),
                .key_file = settings->encryption_key_file,
                .queue_max = settings->store_queue_max,
                /* Whatever was admitted may look up its idempotency key, all of it on one loop. */
                .lookups_max = settings->admission_max_in_flight + settings->admission_safety_reserve + READS_IN_FLIGHT,
                .min_free_bytes = (int64_t)settings->store_min_free_bytes,
                .arg = parts,
                .on_health = on_health,
                .on_commit = on_commit,
                .on_error = on_error,
                .on_outbox = on_outbox,
                .on_conversation = on_conversation,
        };
        /* First: on_health() may be called before the store is open, and has the last word. */
        readiness_set(&parts->readiness, PART_STORE, PART_OK, ERR_OK);
        enum err err = store_sqlite_open(&config, &parts->db, note);
        if (!err)
                err = store_sqlite_tell_conversations(parts->db, note);
        if (!err)
                admin_store_init(&parts->admin, parts->db, data_dir_path(parts->directory));
        return err;
}

void parts_make_checkpoint(struct parts *parts)
{
        struct audit_checkpoint checkpoint;
        struct err_note note;
        const char *path = parts->settings->audit_checkpoint_file;
        if (!*path)
                return;
        enum err err = audit_proof_checkpoint(parts->db, &checkpoint, &note);
        if (!err && checkpoint.size == parts->checkpoint_size)
                return;
        if (!err)
                err = audit_proof_append(&parts->audit_key, path, &checkpoint, &note);
        if (err) {
                LOG(CHECKPOINT_FAILED, log_note("reason", &note));
                return;
        }
        parts->checkpoint_size = checkpoint.size;
        LOG(CHECKPOINT_MADE, log_i64("size", (int64_t)checkpoint.size));
}

/* A version is ours: letters, digits, dots. */
static void audit_version(struct parts *parts, enum audit_kind kind, struct str version)
{
        char details[128];
        struct err_note note;
        int len = snprintf(details, sizeof details, "{\"version\":\"%.*s\"}", STR_ARGS(version));
        const struct audit_entry entry = {.kind = kind, .at_ms = clock_wall_ms(system_clock()), .actor = STR("server"),
                                          .details = {details, (size_t)len}};
        if (store_sqlite_audit_version(parts->db, &entry, version, &note) != ERR_OK)
                LOG(FAULT, log_note("reason", &note));
}

static const char *policy_directory(const struct parts *parts)
{
        const char *directory = parts->settings->policy_dir;
        return *directory ? directory : NULL;
}

enum err parts_follow_connectors(struct parts *parts, struct err_note *note)
{
        struct outbox_lanes *lanes = atomic_load(&parts->lanes);
        if (!lanes)
                return ERR_OK;
        const struct snapshot *snapshot = snapshot_pin(parts->snapshots);
        enum err err = outbox_lanes_follow(lanes, &policy_facts(snapshot->policy)->connectors, note);
        snapshot_unpin(snapshot);
        return err;
}

enum err parts_load_policy(struct parts *parts, struct err_note *note)
{
        struct policy *policy;
        enum err err = policy_load(policy_directory(parts), &policy, note);
        if (err)
                return err;
        audit_version(parts, AUDIT_POLICY_CHANGED, policy_facts(policy)->version);
        snapshot_replace_policy(parts->snapshots, policy);
        /* Only what is in force is told. */
        sla_watch_policy(&policy_facts(policy)->sla);
        LOG(POLICY_LOADED, log_safe("policy_version", (struct safe_text){policy_facts(policy)->version}));
        return parts_follow_connectors(parts, note);
}

static void tell_model(const struct model *model)
{
        const struct model_file *content = model_content(model);
        const struct model_metrics *metrics = &content->metrics;
        METRIC_SET(MODEL_LINES, 0, metrics->lines);
        METRIC_SET(MODEL_LABELS, 0, content->local.lines);
        METRIC_SET(MODEL_MACRO_F1, 0, (double)metrics->macro_f1);
        METRIC_SET(MODEL_CALIBRATION_ERROR, 0, (double)metrics->calibration_error);
        METRIC_SET(MODEL_SAFETY_THRESHOLD, 0, (double)content->calibration.safety_threshold);
        METRIC_SET(MODEL_SAFETY_RECALL, 0, (double)metrics->safety_recall);
        METRIC_SET(MODEL_FALSE_ALARMS, 0, (double)metrics->safety_false_alarms);
        for (uint32_t i = 0; i < MODEL_BINS; i++) {
                METRIC_SET(MODEL_BIN_LINES, i, metrics->bins[i].lines);
                METRIC_SET(MODEL_BIN_CONFIDENCE, i, (double)metrics->bins[i].confidence);
                METRIC_SET(MODEL_BIN_ACCURACY, i, (double)metrics->bins[i].accuracy);
        }
        LOG(MODEL_LOADED, log_safe("model_version", (struct safe_text){model_version(model)}));
}

static_assert((int)METRIC_MODEL_BIN_COUNT == (int)MODEL_BINS, "each bin has its label");

enum err parts_load_model(struct parts *parts, struct err_note *note)
{
        struct model *model;
        enum err err = model_store_open_active(data_dir_path(parts->directory), &model, note);
        if (err)
                return err;
        audit_version(parts, AUDIT_MODEL_CHANGED, model_version(model));
        snapshot_replace_model(parts->snapshots, model);
        tell_model(model);
        return ERR_OK;
}

static void log_skipped(const struct err_note *note)
{
        LOG(ARTICLE_SKIPPED, log_note("reason", note));
}

enum err parts_load_knowledge(struct parts *parts, struct err_note *note)
{
        struct kb_index *index;
        enum err err = knowledge_load(parts->db, log_skipped, &index, note);
        if (err)
                return err;
        LOG(KNOWLEDGE_LOADED, log_i64("articles", (int64_t)kb_index_count(index)));
        snapshot_replace_knowledge(parts->snapshots, index);
        return ERR_OK;
}

static_assert((int)STORE_KEYS_MAX <= (int)KEYRING_MAX_KEYS, "what can be stored can be loaded");

static bool read_key(const struct store_key *stored, struct api_key *key)
{
        *key = (struct api_key){.id = stored->id, .hash = stored->hash};
        key->has_rate = stored->rate_per_minute >= 0;
        if (key->has_rate)
                key->rate = (struct rate_limit_rule){(uint32_t)stored->rate_per_minute, (uint32_t)stored->rate_burst};
        return stored->revoked_at_ms == 0 && ident_from(stored->name, &key->name) &&
               scopes_from(stored->scopes, &key->scopes);
}

/* The keys in force, in the arena. */
static enum err read_keys(struct parts *parts, struct arena *arena, struct keyring **ret_keyring, struct err_note *note)
{
        struct store_key *stored;
        size_t stored_count, count = 0;
        enum err err = store_sqlite_list_keys(parts->db, arena, &stored, &stored_count, note);
        if (err)
                return err;
        struct api_key *keys = arena_alloc(arena, (stored_count + 1) * sizeof *keys);
        if (!keys)
                return err_set(note, ERR_TOO_LARGE, "the API keys need more memory than they may take");
        for (size_t i = 0; i < stored_count; i++)
                count += read_key(&stored[i], &keys[count]);
        if (count > KEYRING_MAX_KEYS)
                return err_set(note, ERR_TOO_LARGE, "more than %d API keys in force", KEYRING_MAX_KEYS);
        *ret_keyring = keyring_new(keys, count);
        return ERR_OK;
}

enum err parts_load_keys(struct parts *parts, struct err_note *note)
{
        struct arena arena;
        struct keyring *keyring = NULL;
        arena_init(&arena, KEYS_ARENA_BYTES);
        enum err err = read_keys(parts, &arena, &keyring, note);
        arena_deinit(&arena);
        if (err)
                return err;
        LOG(KEYS_LOADED, log_i64("keys", (int64_t)keyring_count(keyring)));
        if (parts->keyrings)
                keyring_replace(parts->keyrings, keyring);
        else
                parts->keyrings = keyring_holder_new(keyring);
        return ERR_OK;
}

static enum err seed_knowledge(struct parts *parts, struct err_note *note)
{
        size_t count;
        if (!parts->settings->kb_seed_starter)
                return ERR_OK;
        enum err err = store_sqlite_count_articles(parts->db, &count, note);
        if (err || count > 0)
                return err;
        err = knowledge_seed(parts->db, faq_embedded(), parts->started_wall_ms, note);
        if (err != ERR_NO_SPACE)
                return err;
        /* Safety messages are still taken then. The next start with room fills it. */
        LOG(FAULT, log_note("reason", note));
        return ERR_OK;
}

/* The built-in one goes on where the active one cannot be read: another program may have made it. */
static enum err open_model(struct parts *parts, struct model **ret_model, struct err_note *note)
{
        enum err err = model_store_open_active(data_dir_path(parts->directory), ret_model, note);
        if (err) {
                LOG(MODEL_REFUSED, log_note("reason", note));
                err = model_open(model_embedded(), ret_model, note);
        }
        if (err)
                return err_prefix(note, err, "the built-in model: ");
        tell_model(*ret_model);
        readiness_set(&parts->readiness, PART_MODEL, PART_OK, ERR_OK);
        return ERR_OK;
}

static enum err open_snapshots(struct parts *parts, struct err_note *note)
{
        struct policy *policy;
        struct kb_index *index;
        struct model *model;
        enum err err = seed_knowledge(parts, note);
        if (err)
                return err;
        err = policy_load(policy_directory(parts), &policy, note);
        if (err)
                return err;
        err = knowledge_load(parts->db, log_skipped, &index, note);
        if (err == ERR_TOO_LARGE) {
                /* No answers from articles is less harm than no safety net. */
                LOG(FAULT, log_note("reason", note));
                err = kb_index_new(NULL, 0, &index, note);
        }
        if (!err && (err = open_model(parts, &model, note)) != ERR_OK)
                kb_index_free(index);
        if (err) {
                policy_unref(policy);
                return err;
        }
        sla_watch_policy(&policy_facts(policy)->sla);
        readiness_set(&parts->readiness, PART_POLICY, PART_OK, ERR_OK);
        audit_version(parts, AUDIT_POLICY_CHANGED, policy_facts(policy)->version);
        audit_version(parts, AUDIT_MODEL_CHANGED, model_version(model));
        parts->snapshots = snapshot_holder_new(policy, model, index);
        policy_connectors_init(&parts->policy_connectors, parts->snapshots);
        parts->connectors = &parts->policy_connectors.connectors;
        return ERR_OK;
}

enum err parts_open(struct parts *parts, struct err_note *note)
{
        const struct settings *settings = parts->settings;
        readiness_init(&parts->readiness);
        readiness_set(&parts->readiness, PART_LLM, PART_DISABLED, ERR_OK);
        admission_init(&parts->admission, settings->admission_max_in_flight, settings->admission_safety_reserve);
        parts->rate_limit = rate_limit_new(settings->rate_limit_max_clients);
        parts->claims = claims_new(settings->idempotency_max_claims);
        parts->handoff = handoff_new(HANDOFF_MAX);
        enum err err = data_dir_digest_key(parts->directory, &parts->digest_key, note);
        if (!err)
                err = audit_key_open(data_dir_path(parts->directory), &parts->audit_key, note);
        if (!err)
                err = open_store(parts, note);
        if (!err)
                err = open_snapshots(parts, note);
        if (!err)
                err = parts_load_keys(parts, note);
        if (!err && *settings->otlp_endpoint)
                err = otlp_start(settings->otlp_endpoint, APP_VERSION, &parts->otlp, note);
        if (!err)
                err = llm_chain_new(settings, &parts->readiness, &parts->llm, note);
        if (!err)
                process_sample_start(&parts->readiness, parts->started_wall_ms);
        return err;
}

void parts_close(struct parts *parts)
{
        metric_set_sampler(NULL, NULL);
        otlp_close(parts->otlp);
        snapshot_holder_free(parts->snapshots);
        keyring_holder_free(parts->keyrings);
        if (parts->db)
                parts_make_checkpoint(parts);
        audit_key_wipe(&parts->audit_key);
        store_sqlite_close(parts->db);
        data_dir_close(parts->directory);
        rate_limit_free(parts->rate_limit);
        claims_free(parts->claims);
        handoff_free(parts->handoff);
        llm_chain_free(parts->llm);
}
