/* SPDX-License-Identifier: Apache-2.0 */
/* A date as customers write it, in the order of the day that its form gives away. Pure; used by text/entities. */
#ifndef TEXT_ENTITY_DATE_H
#define TEXT_ENTITY_DATE_H

#include "base/arena.h"

/* Reads a date at the start of the text: "2026-11-22", "22.11.2026", "22.11.", "11/22/2026", "22 November 2026",
 * "Nov 22nd", "3. März", "7 de junio de 2026". *ret_date is ISO 8601, "2026-11-22" or without a year "--11-22"; where nothing
 * tells day and month apart ("03/04/2026") it stays as written. False when there is none, or the arena is full
 * (arena->is_full says so). */
bool entity_date_read(struct str text, struct arena *arena, struct str *ret_date);

#endif
