/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of digits is: an address, a social security number, a card, a phone, or nothing.
 *
 * A run is cut into groups of digits and the joints between them. A number is a window of groups
 * that starts at the first one; the shape of the window, its check digits and the words around it
 * decide. At most GROUPS_MAX groups are looked at, so the work a position is bounded.
 */
#ifndef TEXT_REDACT_NUMBER_H
#define TEXT_REDACT_NUMBER_H

#include "text/redact.h"
#include "text/redact_lex.h"

/* Where the scan stands. Borrows the text. */
struct number_site {
        const char *floor; /* nothing before it is looked at: start of the text or end of the last span */
        const char *at;    /* the first digit of a group */
        const char *end;   /* end of the text */
        struct {           /* the first two parts of the last version number, which its neighbours share */
                const char *ptr;
                size_t len;
        } version;
};

struct number_match {
        const char *start; /* at site->at, or at the "+" or "(" before it */
        const char *end;
        enum pii_type type;
};

/* The cue that the words before `at` give. They are those of the same sentence, and end at a tag
 * of ours, so that redacting a neighbour does not change what is seen here. */
enum cue number_cue(const struct number_site *site, const char *at);

/* Whether the word right before `at` says that an address is somebody's: "my IP: ::1", "src=0.0.0.0". */
bool number_is_whose(const struct number_site *site, const char *at);

/* Whether personal data starts at site->at. May note a version in the site. */
bool number_match(struct number_site *site, struct number_match *ret_match);

#endif
