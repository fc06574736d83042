/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the names that the channel knows: the redactor finds them in the text, too. */
#ifndef FLOW_KNOWN_NAMES_H
#define FLOW_KNOWN_NAMES_H

#include "core/message.h"

/* At most `max`, borrowed from the message's metadata; returns how many. */
size_t known_names(const struct message *message, struct str *ret_names, size_t max);

#endif
