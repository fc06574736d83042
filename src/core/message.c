/* SPDX-License-Identifier: Apache-2.0 */
#include "core/message.h"

#include <strings.h>

struct raw_text message_metadata(const struct message *message, struct str key)
{
        for (size_t i = 0; i < message->metadata_count; i++)
                if (str_equal(message->metadata[i].key.raw, key))
                        return message->metadata[i].value;
        return (struct raw_text){0};
}

static bool holds_nocase(struct str text, struct str part)
{
        for (size_t i = 0; i + part.len <= text.len; i++)
                if (strncasecmp(text.ptr + i, part.ptr, part.len) == 0)
                        return true;
        return false;
}

bool message_is_contact(struct str key)
{
        static const struct str parts[] = {STR_INIT("phone"), STR_INIT("mobile"), STR_INIT("mail")};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                if (holds_nocase(key, parts[i]))
                        return true;
        return str_equal(key, STR("customer_id"));
}
