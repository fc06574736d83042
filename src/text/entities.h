/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is about: the order, the amount, the product, the date that its text names, and how to reach the customer.
 *
 * Works on redacted text. A bare number is an order only when the words before it say so, so that
 * phone numbers, dates and prices are left alone. An e-mail address or a phone number is personal data and stays where the
 * redactor has put a tag: told is only that there is one. Pure; results are in the caller's arena.
 */
#ifndef TEXT_ENTITIES_H
#define TEXT_ENTITIES_H

#include "base/arena.h"
#include "base/safe_text.h"

/* Absent strings where the text names none; of several, the first. */
struct entities {
        struct safe_text order_id; /* as written, without a leading '#': "ORD-12345", "123456" */
        struct safe_text amount;   /* number and ISO 4217 code: "19.90 EUR" */
        struct safe_text product;  /* a quoted name or a product code, at most 60 bytes */
        struct safe_text date;     /* as text/entity_date.h has it: "2026-11-22", "--11-22", "03/04/2026" */
        struct safe_text contact;  /* "email", "phone" or "email, phone": the text holds the customer's */
};

/* False when the arena is full. */
bool entities_find(struct safe_text text, struct arena *arena, struct entities *ret_entities);

#endif
