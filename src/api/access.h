/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: the client's address behind trusted proxies, its API key, and what they may do. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/call.h"

/* Fills the call's client address, key and rate. ERR_UNAUTHORIZED or ERR_FORBIDDEN when the
 * route is not for this client. */
enum err access_check(struct call *call) MUST_USE;

/* The address of the client: the peer, or, with `proxies` trusted proxies in front of us, the entry
 * of X-Forwarded-For that the outermost of them wrote. A list that is too short or does not hold
 * an address there gives the peer. */
struct str access_client_address(struct str peer, struct str forwarded_for, unsigned proxies);

#endif
