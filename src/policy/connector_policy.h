/* SPDX-License-Identifier: Apache-2.0 */
/* Which other systems are told of what: policy/connectors.yaml. Part of a policy (policy.h).
 *
 * By default nothing is configured: then nothing is written to the outbox and nothing is sent. How a connector is spoken to
 * (`spec`) is no business of who decides what it is told.
 */
#ifndef POLICY_CONNECTOR_POLICY_H
#define POLICY_CONNECTOR_POLICY_H

#include "core/connector_spec.h"
#include "core/terms.h"

enum {
        POLICY_MAX_CONNECTORS = 16,
        POLICY_MAX_TARGETS = 5,  /* that are told of one event */
        POLICY_MAX_SYSTEMS = 64, /* external systems that are connected */
};

struct connector_policy {
        struct str name;     /* "tracker" */
        struct str kind;     /* "zammad", "webhook", … */
        bool names_customer; /* it is told customer_id and conversation_id */
        struct connector_spec spec; /* how it is spoken to */
};

struct connector_targets {
        const struct connector_policy *targets[POLICY_MAX_TARGETS];
        size_t count;
};

/* The external_system of an action, and who stands for it. */
struct connector_system {
        struct str external_system;
        const struct connector_policy *connector;
};

struct connectors_policy {
        struct connector_policy *connectors;
        size_t connector_count; /* at most POLICY_MAX_CONNECTORS */
        struct connector_targets events[NOTICE_COUNT];
        struct connector_system *systems;
        size_t system_count;
};

#endif
