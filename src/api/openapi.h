/* SPDX-License-Identifier: Apache-2.0 */
/* The contract itself: openapi.json, built into the binary. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/str.h"

struct str openapi_document(void);

#endif
