/* SPDX-License-Identifier: Apache-2.0 */
#include "api/openapi.h"

#include "api/call.h"

/* The build puts the folder of openapi.json on the assembler's path. */
__asm__(".section .rodata\n"
        ".global openapi_start, openapi_end\n"
        "openapi_start: .incbin \"" OPENAPI_PATH "\"\n"
        "openapi_end:\n"
        ".previous\n");

extern const char openapi_start[];
extern const char openapi_end[];

struct str openapi_document(void)
{
        return (struct str){openapi_start, (size_t)(openapi_end - openapi_start)};
}

void openapi_handle(struct call *call)
{
        call_json(call, 200, openapi_document());
}
