/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP API of one worker: routes, access, and one handler a resource.
 *
 * A `struct api` belongs to one loop. What is shared with other threads says so in its own header
 * (readiness, keyring, guards, snapshots). Handlers answer through api/call.h.
 */
#ifndef API_API_H
#define API_API_H

#include "api/keyring.h"
#include "api/readiness.h"
#include "base/json_reader.h"
#include "flow/triage.h"
#include "net/server.h"
#include "policy/settings.h"

/* Everything is borrowed and outlives the api. */
struct api_config {
        const struct settings *settings;
        struct triage_env env; /* of this worker */
        struct readiness *readiness;
        struct keyring_holder *keyrings;
        bool needs_key; /* though none may be in force: others than this machine can connect */
        const char *version;
        int64_t started_wall_ms;
};

/* Counts what was stored, and logs what nobody heard of; for the env of the triages. */
triage_stored_fn classify_stored;

struct api;

struct api *api_new(struct loop *loop, const struct api_config *config);

/* After the server that uses it has been closed. */
void api_free(struct api *api);

/* What the server calls; valid as long as the api. */
struct server_handlers api_handlers(struct api *api);

#endif
