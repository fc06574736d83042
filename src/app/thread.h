/* SPDX-License-Identifier: Apache-2.0 */
/* What the writers of logs and spans need: a thread beside the workers, and time-outs on the monotonic
 * clock. Used by src/app/ only. */
#ifndef APP_THREAD_H
#define APP_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the monotonic clock. */
int64_t thread_now_ms(void);

/* Starts one that gets no signals: they, SIGPIPE above all, are for other threads. Returns 0 or an errno. */
int thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg);

/* False: it has not ended within `timeout_ms` and is left to the end of the process. */
bool thread_join(pthread_t thread, int64_t timeout_ms);

/* A condition for thread_wait(). */
void thread_wake_init(pthread_cond_t *wake);

/* False: it is `until_ms`. May also return for no reason. */
bool thread_wait(pthread_cond_t *wake, pthread_mutex_t *lock, int64_t until_ms);

#endif
