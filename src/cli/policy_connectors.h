/* SPDX-License-Identifier: Apache-2.0 */
/* The port of the connectors over those of the policy in force: a reload counts from the next attempt on. */
#ifndef CLI_POLICY_CONNECTORS_H
#define CLI_POLICY_CONNECTORS_H

#include "policy/snapshot.h"
#include "port/connector.h"

struct policy_connectors {
        struct connectors connectors;
        struct snapshot_holder *snapshots; /* borrows */
};

void policy_connectors_init(struct policy_connectors *connectors, struct snapshot_holder *snapshots);

/* NULL: there is none of that name. */
const struct connector_policy *policy_connector(const struct policy *policy, struct str name);

#endif
