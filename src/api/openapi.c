/* SPDX-License-Identifier: Apache-2.0 */
#include "api/openapi.h"

#include "api/call.h"

void openapi_handle(struct call *call)
{
        call_json(call, 200, openapi_document());
}
