/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: the client's address behind trusted proxies, its API key, and what they may do. */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/call.h"

/* Fills the call's client address, key and rate. ERR_UNAUTHORIZED or ERR_FORBIDDEN when the
 * route is not for this client. */
enum err access_check(struct call *call) MUST_USE;

/* The address of the client behind `proxies` trusted proxies: the entry of X-Forwarded-For that the
 * outermost of them wrote, without its port. False when nobody told one: no proxies, a list that is
 * too short, no address in that place. */
bool access_client_address(struct str forwarded_for, unsigned proxies, struct str *ret_address);

#endif
