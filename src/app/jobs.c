/* SPDX-License-Identifier: Apache-2.0 */
#include "app/jobs.h"

#include <sys/prctl.h>

#include "app/thread.h"
#include "base/alloc.h"

#include <stdlib.h>

struct jobs {
        struct job *table; /* borrows */
        size_t count;
        pthread_t thread;
        pthread_mutex_t lock; /* of due_ms and is_closing */
        pthread_cond_t wake;
        bool is_closing;
};

static struct job *earliest(const struct jobs *jobs)
{
        struct job *first = &jobs->table[0];
        for (size_t i = 1; i < jobs->count; i++)
                if (jobs->table[i].due_ms < first->due_ms)
                        first = &jobs->table[i];
        return first;
}

/* With the lock held, which is let go of meanwhile. Woken during its run, a job runs once more. */
static void run_one(struct jobs *jobs, struct job *job)
{
        job->due_ms = INT64_MAX;
        pthread_mutex_unlock(&jobs->lock);
        prctl(PR_SET_NAME, job->name);
        int64_t rest_ms = job->run(job->arg);
        pthread_mutex_lock(&jobs->lock);
        int64_t due_ms = thread_now_ms() + (rest_ms > 0 ? rest_ms : 1);
        if (due_ms < job->due_ms)
                job->due_ms = due_ms;
}

static void *jobs_main(void *arg)
{
        struct jobs *jobs = arg;
        pthread_mutex_lock(&jobs->lock);
        while (!jobs->is_closing) {
                struct job *job = earliest(jobs);
                if (job->due_ms <= thread_now_ms())
                        run_one(jobs, job);
                else
                        (void)thread_wait(&jobs->wake, &jobs->lock, job->due_ms);
        }
        pthread_mutex_unlock(&jobs->lock);
        return NULL;
}

struct jobs *jobs_start(struct job *table, size_t count)
{
        struct jobs *jobs = alloc_zeroed(1, sizeof *jobs);
        jobs->table = table;
        jobs->count = count;
        pthread_mutex_init(&jobs->lock, NULL);
        thread_wake_init(&jobs->wake);
        if (thread_start(&jobs->thread, jobs_main, jobs) == 0)
                return jobs;
        pthread_cond_destroy(&jobs->wake);
        pthread_mutex_destroy(&jobs->lock);
        free(jobs);
        return NULL;
}

void jobs_wake(struct jobs *jobs, struct job *job)
{
        pthread_mutex_lock(&jobs->lock);
        job->due_ms = 0;
        pthread_cond_signal(&jobs->wake);
        pthread_mutex_unlock(&jobs->lock);
}

void jobs_stop(struct jobs *jobs)
{
        if (!jobs)
                return;
        pthread_mutex_lock(&jobs->lock);
        jobs->is_closing = true;
        pthread_cond_signal(&jobs->wake);
        pthread_mutex_unlock(&jobs->lock);
        pthread_join(jobs->thread, NULL);
        pthread_cond_destroy(&jobs->wake);
        pthread_mutex_destroy(&jobs->lock);
        free(jobs);
}
