/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/conversation.h"

#include <assert.h>
#include <string.h>

bool conversation_digest(const struct message *message, int64_t key_id, struct str digest_key, struct digest *ret_digest)
{
        struct str id = message_metadata(message, STR("conversation_id")).raw;
        char bytes[sizeof key_id + METADATA_MAX_VALUE_BYTES];
        if (id.len == 0)
                return false;
        assert(id.len <= METADATA_MAX_VALUE_BYTES);
        memcpy(bytes, &key_id, sizeof key_id);
        memcpy(bytes + sizeof key_id, id.ptr, id.len);
        *ret_digest = digest_hmac_sha256(digest_key, (struct str){bytes, sizeof key_id + id.len});
        return true;
}
