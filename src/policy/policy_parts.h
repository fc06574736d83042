/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy is made of, for the files of this directory only.
 *
 * Each policy_read_x() walks one parsed file, keeps what it needs in the policy's arena and leaves
 * the first fault in the check. Replies are read first, because the taxonomy names them;
 * llm.yaml last, because the prompts hold the taxonomy's descriptions.
 */
#ifndef POLICY_POLICY_PARTS_H
#define POLICY_POLICY_PARTS_H

#include <stdatomic.h>

#include "policy/policy.h"
#include "policy/policy_yaml.h"

enum policy_file { POLICY_TAXONOMY, POLICY_REPLIES, POLICY_SAFETY, POLICY_LLM, POLICY_REDACTION, POLICY_SLA, POLICY_CONNECTORS,
        POLICY_KNOWLEDGE, POLICY_FILE_COUNT };

enum {
        POLICY_MAX_ACTIONS = 128,
        POLICY_MAX_REPLIES = 512,
        POLICY_MAX_LOCALES = 64,
        POLICY_MAX_EXPANSIONS = 1024
};

struct reply_locale {
        struct str locale;                  /* as written; compared without case */
        struct str fallback;                /* the `default` text */
        struct str channels[CHANNEL_COUNT]; /* absent: the fallback */
};

struct reply {
        struct str name;
        struct reply_locale *locales;
        size_t locale_count;
};

struct replies {
        struct str default_locale;
        struct reply *replies;
        size_t count;
        struct str *names; /* of the replies, in their order; for messages */
};

struct policy {
        atomic_uint references;
        struct arena arena; /* owns all strings and tables */
        struct policy_facts facts;
        struct policy_action *actions;
        struct str *action_names;
        size_t action_count;
        struct replies replies;
        struct safety_net *safety_net; /* owns */
        struct kb_synonyms *synonyms;  /* owns */
};

/* Memory of the policy; aborts nothing: over the arena's maximum it is a fault of the file. */
void *policy_keep_zeroed(struct policy *policy, struct yaml_check *check, size_t count, size_t size);
struct str policy_keep(struct policy *policy, struct yaml_check *check, struct str text);

void policy_read_replies(struct policy *policy, struct yaml_check *check, const struct yaml_node *root);
void policy_read_taxonomy(struct policy *policy, struct yaml_check *check, const struct yaml_node *root);

/* `scratch` holds the expanded phrases until the net has copied them. */
void policy_read_safety(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                        struct arena *scratch);

/* What the prompts call the categories: the map `categories` of a taxonomy. */
void policy_read_categories(struct policy *policy, struct yaml_check *check, const struct yaml_node *map);

/* After the taxonomy, whose descriptions the prompts are filled with. Reads the prompts that llm.yaml
 * names, too, from `directory` or built in; their texts lie in `scratch` meanwhile. */
void policy_read_llm(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                     const char *directory, struct arena *scratch);
void policy_read_prompt(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                        struct policy_prompt *prompt);

void policy_read_redaction(struct policy *policy, struct yaml_check *check, const struct yaml_node *root);

/* Fills what the kind's preset has and the file does not. */
void policy_connector_preset(struct connector_spec *spec);
/* After the taxonomy, whose external systems it names. */
void policy_read_connectors(struct policy *policy, struct yaml_check *check, const struct yaml_node *root);

/* After the taxonomy, which has the times, and the connectors, who are told. `scratch` holds the zone files. */
void policy_read_sla(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                     struct arena *scratch);

void policy_read_knowledge(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                           struct arena *scratch);

const struct reply *policy_find_reply(const struct replies *replies, struct str name);

/* Fails the check at `line` when brackets or braces do not pair or a variable is unknown. */
void policy_check_template(struct yaml_check *check, unsigned line, struct str template);

/* The same for a prompt: its variables are other ones, both must be there, and brackets are plain. */
void policy_check_prompt(struct yaml_check *check, unsigned line, struct str template);

/* Fills a prompt; what the values hold is plain text. Absent when the arena is full. */
struct str policy_fill_prompt(struct arena *arena, struct str template,
                              const struct policy_variable *variables, size_t count);

/* The shipped file, as it was at build time. */
struct str policy_builtin(enum policy_file file);
struct str policy_builtin_taxonomy(void);
struct str policy_builtin_replies(void);
struct str policy_builtin_safety(void);
struct str policy_builtin_llm(void);
struct str policy_builtin_redaction(void);
struct str policy_builtin_sla(void);
struct str policy_builtin_connectors(void);
struct str policy_builtin_knowledge(void);

/* The shipped prompt of that version; absent when there is none. */
struct str policy_builtin_prompt(struct str version);

/* Its name in a directory: "taxonomy.yaml". */
const char *policy_file_name(enum policy_file file);

#endif
