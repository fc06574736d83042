/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways of connector.h. `secret` is valid; the results come in the delivery. */
#ifndef ADAPT_CONNECTOR_INTERNAL_H
#define ADAPT_CONNECTOR_INTERNAL_H

#include "adapt/connector.h"
#include "adapt/connector_template.h"

void connector_send_http(const struct connector_values *values, struct connector_delivery *delivery, struct str secret,
                         struct buf *answer);
void connector_send_mail(const struct connector_values *values, struct connector_delivery *delivery, struct str secret);

#endif
