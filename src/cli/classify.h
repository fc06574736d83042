/* SPDX-License-Identifier: Apache-2.0 */
/* What `triaged classify` does beside whole answers (cli/classify.c). Each returns an exit code. */
#ifndef CLI_CLASSIFY_H
#define CLI_CLASSIFY_H

#include "cli/session.h"

/* --jsonl: records {"id","text"} on stdin, a verdict a line on stdout. `jobs` threads. */
int classify_records(const struct session *session, size_t jobs);

/* --explain: what decides about a text, for people. */
int classify_explain(const struct session *session, const char *text);

#endif
