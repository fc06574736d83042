/* SPDX-License-Identifier: Apache-2.0 */
#include "app/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

static int64_t now_ms(clockid_t clock)
{
        struct timespec now;
        clock_gettime(clock, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec timespec_from(int64_t ms)
{
        return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

int64_t thread_now_ms(void)
{
        return now_ms(CLOCK_MONOTONIC);
}

int thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(ret_thread, NULL, run, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return failed;
}

bool thread_join(pthread_t thread, int64_t timeout_ms)
{
        struct timespec until = timespec_from(now_ms(CLOCK_REALTIME) + timeout_ms);
        return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void thread_wake_init(pthread_cond_t *wake)
{
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(wake, &attributes);
        pthread_condattr_destroy(&attributes);
}

bool thread_wait(pthread_cond_t *wake, pthread_mutex_t *lock, int64_t until_ms)
{
        struct timespec until = timespec_from(until_ms);
        return pthread_cond_timedwait(wake, lock, &until) != ETIMEDOUT;
}
