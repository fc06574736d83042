/* SPDX-License-Identifier: Apache-2.0 */
#include "app/process_sample.h"

#include "base/metric.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLE_INTERVAL_MS = 1000 };

struct memory {
        size_t resident_bytes;
        size_t shared_bytes; /* of it: files and shared memory */
};

/* Zero where /proc is not to be had. */
static struct memory read_memory(void)
{
        unsigned long size = 0, resident = 0, shared = 0;
        size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
        FILE *file = fopen("/proc/self/statm", "re");
        if (!file)
                return (struct memory){0};
        int count = fscanf(file, "%lu %lu %lu", &size, &resident, &shared);
        fclose(file);
        return count == 3 ? (struct memory){resident * page_bytes, shared * page_bytes} : (struct memory){0};
}

size_t process_anonymous_bytes(void)
{
        struct memory memory = read_memory();
        return memory.resident_bytes - memory.shared_bytes;
}

/* The kernel tells their number as the directory's size since Linux 6.2. Before that they have to be
 * listed, which takes milliseconds when they are many. */
static double open_descriptors(void)
{
        struct stat st;
        double count = 0;
        if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
                return (double)st.st_size;
        DIR *directory = opendir("/proc/self/fd");
        if (!directory)
                return 0;
        while (readdir(directory))
                count++;
        closedir(directory);
        return count - 3; /* ".", ".." and the directory itself */
}

static double seconds(struct timeval time)
{
        return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Whether a second has passed since it was true. We are called on loops' threads, by as many clients
 * as ask: what is costly is looked at once a second for all of them. */
static bool is_due(void)
{
        static atomic_llong due_ms;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        long long now_ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
        long long due = atomic_load(&due_ms);
        return now_ms >= due && atomic_compare_exchange_strong(&due_ms, &due, now_ms + SAMPLE_INTERVAL_MS);
}

static void sample(void *arg)
{
        const struct readiness *readiness = arg;
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        METRIC_SET(RESIDENT_MEMORY, 0, (double)read_memory().resident_bytes);
        if (is_due())
                METRIC_SET(OPEN_FDS, 0, open_descriptors());
        METRIC_SET(CPU_SECONDS, 0, seconds(usage.ru_utime) + seconds(usage.ru_stime));
        METRIC_SET(READY, 0, readiness_is_ready(readiness));
}

void process_sample_start(const struct readiness *readiness, int64_t started_wall_ms)
{
        METRIC_SET(START_TIME, 0, (double)started_wall_ms / 1000);
        metric_set_sampler(sample, (void *)(uintptr_t)readiness);
}
