/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of Standard Webhooks (standardwebhooks.com, scheme v1): HMAC-SHA-256 over "id.timestamp.body". Pure.
 *
 * A secret is "whsec_" and 24 to 64 bytes in base64. Several may stand in one text, separated by commas: while a secret
 * is being changed, what is sent is signed with each of them, and what comes is taken with any. */
#ifndef ADAPT_WEBHOOK_SIGNATURE_H
#define ADAPT_WEBHOOK_SIGNATURE_H

#include "base/buf.h"
#include "base/err.h"

enum { WEBHOOK_MAX_SECRETS = 4, WEBHOOK_TOLERANCE_S = 300 };

/* The three headers that matter, and what they are about. */
struct webhook {
        struct str id;
        struct str timestamp; /* seconds since 1970, as written */
        struct str body;
};

/* Appends "v1,… v1,…", the value of webhook-signature. ERR_INVALID with a note that shows nothing of the secrets. */
enum err webhook_sign(const struct webhook *webhook, struct str secrets, struct buf *to, struct err_note *note) MUST_USE;

/* Whether one of the signatures is of one of the secrets; takes the same time for right and wrong ones. ERR_UNAUTHORIZED when none
 * is, or when the timestamp is over WEBHOOK_TOLERANCE_S off `now_s`. */
enum err webhook_verify(const struct webhook *webhook, struct str signatures, struct str secrets, int64_t now_s,
                        struct err_note *note) MUST_USE;

#endif
