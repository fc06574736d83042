/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel knows about this process, for the metrics. */
#ifndef APP_PROCESS_SAMPLE_H
#define APP_PROCESS_SAMPLE_H

#include "api/readiness.h"

/* Hooks itself into metric_render(). `readiness` is borrowed for the life of the process. */
void process_sample_start(const struct readiness *readiness, int64_t started_wall_ms);

/* Resident memory that is no file's and nobody else's. Any thread. */
size_t process_anonymous_bytes(void);

#endif
