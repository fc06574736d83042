/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: how many messages are worked on at a time.
 *
 * Ordinary messages share `max_in_flight`. Safety hits may fill that and `safety_reserve` on top,
 * and come in while the process drains, so that neither load nor a restart turns them away.
 *
 * Pure and thread-safe: one atomic counter, no lock. Embedded in what owns it.
 */
#ifndef GUARD_ADMISSION_H
#define GUARD_ADMISSION_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

struct admission {
        uint32_t max_in_flight;
        uint32_t max_with_reserve;
        _Atomic uint32_t in_flight;
        _Atomic bool is_draining;
};

void admission_init(struct admission *admission, uint32_t max_in_flight, uint32_t safety_reserve);

/* ERR_OVERLOADED or ERR_DRAINING; after ERR_OK exactly one admission_leave() follows. */
enum err admission_enter(struct admission *admission, bool is_safety) MUST_USE;

void admission_leave(struct admission *admission);

/* From now on only safety hits enter. Cannot be undone. */
void admission_drain(struct admission *admission);

uint32_t admission_in_flight(const struct admission *admission);

#endif
