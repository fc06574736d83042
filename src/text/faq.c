/* SPDX-License-Identifier: Apache-2.0 */
#include "text/faq.h"

#include "text/faq_file.h" /* generated: FAQ_FILE */

/* The assembler takes the file in as it is, so the binary needs no data folder to start. */
__asm__(".pushsection .rodata\n"
        ".global faq_start\n"
        ".global faq_end\n"
        "faq_start:\n"
        ".incbin \"" FAQ_FILE "\"\n"
        "faq_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char faq_start[] __attribute__((visibility("hidden")));
extern const char faq_end[] __attribute__((visibility("hidden")));

struct str faq_embedded(void)
{
        return (struct str){faq_start, (size_t)(faq_end - faq_start)};
}
