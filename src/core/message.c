/* SPDX-License-Identifier: Apache-2.0 */
#include "core/message.h"

struct raw_text message_metadata(const struct message *message, struct str key)
{
        for (size_t i = 0; i < message->metadata_count; i++)
                if (str_equal(message->metadata[i].key.raw, key))
                        return message->metadata[i].value;
        return (struct raw_text){0};
}
