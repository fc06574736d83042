/* SPDX-License-Identifier: Apache-2.0 */
/* Which conversation a message belongs to: the metadata's conversation_id within one API key, as a keyed digest. */
#ifndef FLOW_CONVERSATION_H
#define FLOW_CONVERSATION_H

#include "base/hash.h"
#include "core/message.h"

/* False when the message names none. */
bool conversation_digest(const struct message *message, int64_t key_id, struct str digest_key, struct digest *ret_digest);

#endif
