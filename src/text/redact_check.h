/* SPDX-License-Identifier: Apache-2.0 */
/* Validators of the redactor: is a string of digits what its shape says? Pure.
 *
 * `digits` are ASCII digits without separators.
 */
#ifndef TEXT_REDACT_CHECK_H
#define TEXT_REDACT_CHECK_H

#include "base/str.h"

/* ISO/IEC 7812: 12 to 19 digits with a length and prefix that an issuer of payment cards uses;
 * check_card() wants the Luhn check digit too. */
bool check_issuer(struct str digits);
bool check_card(struct str digits);

/* Nine digits that the Social Security Administration may have given out: area not 000, 666 or
 * 9xx, group not 00, serial not 0000. */
bool check_ssn(struct str digits);

/* How many characters an IBAN of the country has whose code starts `text` (any case); 0: none. */
size_t iban_length(struct str text);

/* ISO 13616: letters and digits without separators, all capital or all small; the country's length
 * and mod 97. */
bool check_iban(struct str text);

/* A dotted quad without leading zeros, or RFC 4291 text with at least one digit (or "::"). `ret_is_nobodys`:
 * whether it names no machine (unspecified, loopback, broadcast). */
bool check_ip4(struct str text, bool *ret_is_nobodys);
bool check_ip6(struct str text, bool *ret_is_nobodys);

/* Capital letters and digits: a post code of the United Kingdom with an area that exists. */
bool check_uk_postcode(struct str text);

/* Addresses of wallets: Base58Check (with SHA-256 twice), and Bech32 or Bech32m (BIP 173, BIP 350). */
bool check_base58(struct str text);
bool check_bech32(struct str text);

#endif
