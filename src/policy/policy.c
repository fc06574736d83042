/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "policy/policy_parts.h"

enum {
        POLICY_MAX_BYTES = 4 << 20,   /* what a loaded policy keeps, its net apart */
        SCRATCH_MAX_BYTES = 64 << 20, /* all files, their trees and their phrases, while loading */
};

/* A load under way. */
struct load {
        struct policy *policy;
        struct yaml_check check;
        struct arena scratch;
        struct str texts[POLICY_FILE_COUNT];
        char names[POLICY_FILE_COUNT][512]; /* as they are named in messages */
};

void *policy_keep_zeroed(struct policy *policy, struct yaml_check *check, size_t count, size_t size)
{
        void *ptr = check->err ? NULL : arena_zeroed(&policy->arena, (count + 1) * size);
        if (!ptr)
                yaml_fail(check, 0, "the policy is too large");
        return ptr;
}

struct str policy_keep(struct policy *policy, struct yaml_check *check, struct str text)
{
        struct str copy = arena_copy(&policy->arena, text);
        if (text.ptr && !copy.ptr)
                yaml_fail(check, 0, "the policy is too large");
        return copy;
}

const char *policy_file_name(enum policy_file file)
{
        static const char *const names[POLICY_FILE_COUNT] = {"taxonomy.yaml", "replies.yaml", "safety.yaml",
                                                              "llm.yaml", "redaction.yaml", "sla.yaml",
                                                              "connectors.yaml", "knowledge.yaml"};
        return names[file];
}

struct str policy_builtin(enum policy_file file)
{
        switch (file) {
        case POLICY_TAXONOMY:
                return policy_builtin_taxonomy();
        case POLICY_REPLIES:
                return policy_builtin_replies();
        case POLICY_SAFETY:
                return policy_builtin_safety();
        case POLICY_LLM:
                return policy_builtin_llm();
        case POLICY_REDACTION:
                return policy_builtin_redaction();
        case POLICY_SLA:
                return policy_builtin_sla();
        case POLICY_CONNECTORS:
                return policy_builtin_connectors();
        case POLICY_KNOWLEDGE:
                return policy_builtin_knowledge();
        case POLICY_FILE_COUNT:
                break;
        }
        return (struct str){0};
}

/* A directory from before there were these files is still a policy. */
static enum err load_text(struct load *load, const char *directory, enum policy_file file,
                          struct err_note *note)
{
        if (directory) {
                enum err err = yaml_read_file(&load->scratch, load->names[file], &load->texts[file], note);
                if (err != ERR_NOT_FOUND || file < POLICY_LLM)
                        return err;
        }
        load->texts[file] = policy_builtin(file);
        return ERR_OK;
}

static enum err load_texts(struct load *load, const char *directory, struct err_note *note)
{
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                char *name = load->names[i];
                int len = snprintf(name, sizeof load->names[i], "%s/%s", directory ? directory : "policy",
                                   policy_file_name(i));
                if (len < 0 || (size_t)len >= sizeof load->names[i])
                        return err_set(note, ERR_INVALID, "the name of the policy directory is too long");
                enum err err = load_text(load, directory, i, note);
                if (err)
                        return err;
        }
        return ERR_OK;
}

static const struct yaml_node *load_tree(struct load *load, enum policy_file file)
{
        if (load->check.err)
                return NULL;
        load->check.file = load->names[file];
        return yaml_parse(&load->check, &load->scratch, load->texts[file]);
}

/* "1.0.0+1a2b3c4d": what was written, and what it was written in. The prompts count as they are sent. */
static struct str version_of(struct load *load, struct str written)
{
        const struct llm_policy *llm = &load->policy->facts.llm;
        struct str parts[POLICY_FILE_COUNT + POLICY_MAX_PROMPTS];
        char hex[65];
        memcpy(parts, load->texts, sizeof load->texts);
        for (size_t i = 0; i < llm->prompt_count; i++)
                parts[POLICY_FILE_COUNT + i] = llm->prompts[i].system;
        struct digest all = digest_sha256_parts(parts, POLICY_FILE_COUNT + llm->prompt_count);
        digest_to_hex(&all, hex);
        struct str version = arena_format(&load->policy->arena, "%.*s+%.8s", STR_ARGS(written), hex);
        if (!version.ptr)
                yaml_fail(&load->check, 0, "the policy is too large");
        return version;
}

/* Those of a taxonomy that has none of its own are the shipped ones. */
static void load_categories(struct load *load, const struct yaml_node *taxonomy)
{
        const struct yaml_node *map = yaml_find(taxonomy, "categories");
        if (!map && !load->check.err)
                map = yaml_find(yaml_parse(&load->check, &load->scratch, policy_builtin_taxonomy()), "categories");
        policy_read_categories(load->policy, &load->check, map);
}

static void load_parts(struct load *load, const char *directory)
{
        struct policy *policy = load->policy;
        const struct yaml_node *root = load_tree(load, POLICY_REPLIES);
        if (root)
                policy_read_replies(policy, &load->check, root);
        root = load_tree(load, POLICY_TAXONOMY);
        if (root) {
                policy_read_taxonomy(policy, &load->check, root);
                load_categories(load, root);
        }
        root = load_tree(load, POLICY_SAFETY);
        if (root)
                policy_read_safety(policy, &load->check, root, &load->scratch);
        root = load_tree(load, POLICY_LLM);
        if (root)
                policy_read_llm(policy, &load->check, root, directory, &load->scratch);
        root = load_tree(load, POLICY_REDACTION);
        if (root)
                policy_read_redaction(policy, &load->check, root);
        root = load_tree(load, POLICY_CONNECTORS);
        if (root)
                policy_read_connectors(policy, &load->check, root);
        root = load_tree(load, POLICY_SLA);
        if (root)
                policy_read_sla(policy, &load->check, root, &load->scratch);
        root = load_tree(load, POLICY_KNOWLEDGE);
        if (root)
                policy_read_knowledge(policy, &load->check, root, &load->scratch);
        if (load->check.err)
                return;
        policy->facts.version = version_of(load, policy->facts.version);
        policy->facts.safety_net = policy->safety_net;
}

enum err policy_load(const char *directory, struct policy **ret_policy, struct err_note *note)
{
        struct load load = {.check.note = note};
        load.policy = alloc_zeroed(1, sizeof *load.policy);
        atomic_init(&load.policy->references, 1);
        arena_init(&load.policy->arena, POLICY_MAX_BYTES);
        arena_init(&load.scratch, SCRATCH_MAX_BYTES);
        enum err err = load_texts(&load, directory, note);
        if (!err) {
                load_parts(&load, directory);
                err = load.check.err;
        }
        arena_deinit(&load.scratch);
        if (err)
                policy_unref(load.policy);
        else
                *ret_policy = load.policy;
        return err;
}

struct policy *policy_ref(struct policy *policy)
{
        unsigned before = atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
        assert(before > 0 && before < UINT32_MAX);
        return policy;
}

void policy_unref(struct policy *policy)
{
        if (!policy)
                return;
        unsigned before = atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel);
        assert(before > 0);
        if (before > 1)
                return;
        safety_net_free(policy->safety_net);
        kb_synonyms_free(policy->synonyms);
        arena_deinit(&policy->arena);
        free(policy);
}

const struct policy_facts *policy_facts(const struct policy *policy)
{
        return &policy->facts;
}
