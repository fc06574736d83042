/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/known_names.h"

#include <string.h>

size_t known_names(const struct message *message, struct str *ret_names, size_t max)
{
        static const struct str keys[] = {STR_INIT("customer_name"), STR_INIT("name"), STR_INIT("full_name"),
                                          STR_INIT("first_name"), STR_INIT("last_name")};
        size_t count = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                struct str rest = message_metadata(message, keys[i]).raw;
                while (rest.len && count < max) {
                        const char *space = memchr(rest.ptr, ' ', rest.len);
                        struct str word = {rest.ptr, space ? (size_t)(space - rest.ptr) : rest.len};
                        if (word.len > 2)
                                ret_names[count++] = word;
                        size_t taken = word.len + (space != NULL);
                        rest = (struct str){rest.ptr + taken, rest.len - taken};
                }
        }
        return count;
}
