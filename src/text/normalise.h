/* SPDX-License-Identifier: Apache-2.0 */
/* Text as the classifier sees it: what people vary without meaning anything is taken out.
 *
 * The result is tokens with one space between them:
 *   - words in lower case without accents ("Café" is "cafe"), apostrophes dropped ("can't" is
 *     "cant"), a letter repeated more than twice cut to two ("sooooo" is "soo");
 *   - each digit is 0 and a run of them at most four long ("2026" and "1234567" are "0000");
 *   - ? ! $ and % are tokens of their own; the other currencies are $; symbols such as emoji too;
 *   - URL, MENTION and the redactor's tags (EMAIL for "[EMAIL_REDACTED]") are the only tokens in
 *     capitals, so nothing that a customer writes can be mistaken for them;
 *   - all else separates.
 *
 * Pure, allocates nothing. The embedded model depends on every detail of it: a change here is a
 * change of MODEL_FORMAT in text/model_file.h.
 */
#ifndef TEXT_NORMALISE_H
#define TEXT_NORMALISE_H

#include "base/str.h"

/* Room for 5,000 characters of nearly any text; what does not fit is left out. */
enum { NORMALISE_MAX_BYTES = 8192 };

/* `text` is valid UTF-8. Writes at most `capacity` bytes, no NUL; returns how many. */
size_t normalise(struct str text, char *ret_text, size_t capacity);

#endif
