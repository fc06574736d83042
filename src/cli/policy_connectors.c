/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_connectors.h"

#include "adapt/connector.h"

const struct connector_policy *policy_connector(const struct policy *policy, struct str name)
{
        const struct connectors_policy *all = &policy_facts(policy)->connectors;
        for (size_t i = 0; i < all->connector_count; i++)
                if (str_equal(all->connectors[i].name, name))
                        return &all->connectors[i];
        return NULL;
}

static void deliver(struct connectors *connectors, struct str name, struct connector_delivery *delivery)
{
        struct policy_connectors *own = (struct policy_connectors *)connectors;
        const struct snapshot *snapshot = snapshot_pin(own->snapshots);
        const struct connector_policy *connector = policy_connector(snapshot->policy, name);
        if (connector) {
                connector_deliver(&connector->spec, delivery, NULL);
        } else {
                delivery->result = CONNECTOR_NOT_DONE;
                delivery->retry_after_ms = -1;
                err_set(&delivery->note, ERR_NOT_FOUND, "connectors.yaml has no `%.*s`; put it back, or drop its entries with "
                        "`triaged outbox drop`", STR_ARGS(name));
        }
        snapshot_unpin(snapshot);
}

void policy_connectors_init(struct policy_connectors *connectors, struct snapshot_holder *snapshots)
{
        static const struct connectors_ops ops = {deliver};
        *connectors = (struct policy_connectors){{&ops}, snapshots};
}
