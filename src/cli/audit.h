/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `triaged audit` that need no server and no data directory: an auditor has an export and a key. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "policy/settings.h"

/* `triaged audit verify`; what is wrong goes to stderr. */
int audit_verify(struct settings_args *operands);

#endif
