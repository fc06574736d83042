/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the form the redactor searches: what can be written in many ways is written in one.
 *
 * Digits of other scripts and full-width characters become ASCII, each kind of blank a space, each dash a
 * hyphen-minus, curly quotes straight; soft hyphens and characters of no width go; JSON escapes (however
 * often escaped), "%40" and "&#64;" become what they stand for. Most texts hold nothing of the kind and are
 * searched as they are.
 */
#ifndef TEXT_REDACT_FOLD_H
#define TEXT_REDACT_FOLD_H

#include "base/str.h"

struct folded {
        struct str text;  /* borrows from the original when nothing was folded */
        char *bytes;      /* owns; NULL then */
        uint32_t *places; /* owns; where each byte of `text` begins in the original, and its end */
};

void fold_init(struct folded *folded, struct str original);
void fold_deinit(struct folded *folded);

/* Bytes of the folded text as bytes of the original. Whole characters, so the end is behind the last one. */
void fold_to_original(const struct folded *folded, struct str original, size_t *start, size_t *end);

#endif
