/* SPDX-License-Identifier: Apache-2.0 */
/* The starter FAQ, data/faq/starter.jsonl as it was at build time: what a fresh store is seeded
 * with. Read it with kb_parse(). */
#ifndef TEXT_FAQ_H
#define TEXT_FAQ_H

#include "base/str.h"

/* JSON lines; lives as long as the program. */
struct str faq_embedded(void);

#endif
