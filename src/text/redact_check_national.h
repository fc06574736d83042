/* SPDX-License-Identifier: Apache-2.0 */
/* Check digits of national numbers. Pure. `text` is capital letters and digits without separators, of the form
 * and length that pii_national.def states for the check. */
#ifndef TEXT_REDACT_CHECK_NATIONAL_H
#define TEXT_REDACT_CHECK_NATIONAL_H

#include "base/str.h"

bool check_luhn(struct str text);
bool check_verhoeff(struct str text);     /* India: Aadhaar */
bool check_hetu(struct str text);         /* Finland */
bool check_nif(struct str text);          /* Spain: citizens, */
bool check_nie(struct str text);          /* foreigners */
bool check_sg_fin(struct str text);       /* Singapore */
bool check_in_pan(struct str text);       /* India: tax, */
bool check_in_gstin(struct str text);     /* goods and services tax, */
bool check_in_passport(struct str text);  /* passport */
bool check_kvnr(struct str text);         /* Germany: health insurance, */
bool check_de_insurance(struct str text); /* pension insurance, */
bool check_de_tax(struct str text);       /* tax (ISO 7064 mod 11,10), */
bool check_de_passport(struct str text);  /* passport (ICAO 9303) */
bool check_kr_resident(struct str text);  /* Korea: residents and foreigners, by their date */
bool check_kr_business(struct str text);
bool check_tr(struct str text);           /* Turkey */
bool check_pesel(struct str text);        /* Poland */
bool check_se(struct str text);           /* Sweden: persons and organisations */
bool check_acn(struct str text);          /* Australia: companies, */
bool check_abn(struct str text);          /* businesses, */
bool check_au_medicare(struct str text);  /* health */
bool check_nhs(struct str text);          /* England: health, */
bool check_nino(struct str text);         /* national insurance, */
bool check_uk_driver(struct str text);    /* driving */
bool check_za(struct str text);           /* South Africa */
bool check_th(struct str text);           /* Thailand */
bool check_itin(struct str text);         /* USA: tax, */
bool check_npi(struct str text);          /* health care providers, */
bool check_aba(struct str text);          /* banks */
bool check_vin(struct str text);          /* vehicles (ISO 3779, with the check digit of North America) */

#endif
