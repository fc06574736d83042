/* SPDX-License-Identifier: Apache-2.0 */
/* A small reader of YAML that people edit: a tree in which every value knows its line.
 *
 * Refused, each with its line: anchors and aliases, tags, several documents, a key twice in one
 * map, more than 1,024 keys in one, more than 16 levels, more than 1 MiB. Tree and texts live in
 * the caller's arena.
 *
 * Checking a tree is a walk with one `struct yaml_check`: the first fault is kept, with file, line
 * and `where` before it, and everything asked afterwards answers quietly, so that the caller looks
 * at check.err once at the end. Nothing in here knows what a policy is; any YAML file of the
 * program may be read with it.
 */
#ifndef POLICY_POLICY_YAML_H
#define POLICY_POLICY_YAML_H

#include "base/arena.h"
#include "base/err.h"

enum { YAML_FILE_MAX_BYTES = 1 << 20, YAML_MAX_DEPTH = 16, YAML_MAX_KEYS = 1024 };

enum yaml_node_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
        enum yaml_node_kind kind;
        unsigned line;  /* of a text: its own; of a list or map behind a key: the key's */
        bool is_plain;  /* a text without quotes */
        struct str key; /* in a map; else absent */
        struct str text;
        struct yaml_node *first; /* of a list or map; in the order of the file */
        struct yaml_node *next;
        size_t count;
};

struct yaml_check {
        const char *file; /* as it is named in messages */
        struct err_note *note;
        enum err err;
        char where[128]; /* "intent `refund`"; may be empty */
};

/* All of a file, at most YAML_FILE_MAX_BYTES. */
enum err yaml_read_file(struct arena *arena, const char *path, struct str *ret_text,
                        struct err_note *note) MUST_USE;

/* The tree of one document; NULL after a fault, which is in check->err. An empty one is an empty map. */
struct yaml_node *yaml_parse(struct yaml_check *check, struct arena *arena, struct str text);

/* Remembers the first fault: "file:line: where: …". Line 0 is left out. */
void yaml_fail(struct yaml_check *check, unsigned line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* "… `name` is not defined; did you mean `nearest`?" */
void yaml_fail_unknown(struct yaml_check *check, unsigned line, const char *what, struct str name,
                       const struct str *known, size_t count);

void yaml_where(struct yaml_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True for a map that has no other keys than `keys`; all keys when `keys` is NULL. */
bool yaml_is_map(struct yaml_check *check, const struct yaml_node *node, const struct str *keys,
                 size_t count);

struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

/* The value of a key that must be there; NULL after a fault. */
struct yaml_node *yaml_require(struct yaml_check *check, const struct yaml_node *map, const char *key);

/* A text that is not empty; absent after a fault and, in the second, when the key is absent. */
struct str yaml_text(struct yaml_check *check, const struct yaml_node *map, const char *key);
struct str yaml_optional_text(struct yaml_check *check, const struct yaml_node *map, const char *key);

/* `minimum` after a fault. */
double yaml_number(struct yaml_check *check, const struct yaml_node *map, const char *key, double minimum,
                   double maximum);
int64_t yaml_integer(struct yaml_check *check, const struct yaml_node *map, const char *key, int64_t minimum,
                     int64_t maximum);

/* `fallback` when the key is absent. */
bool yaml_bool(struct yaml_check *check, const struct yaml_node *map, const char *key, bool fallback);

/* A list of texts, as an array in the arena; *ret_count 0 when the key is absent. */
struct str *yaml_texts(struct yaml_check *check, struct arena *arena, const struct yaml_node *map,
                       const char *key, size_t *ret_count);

#endif
