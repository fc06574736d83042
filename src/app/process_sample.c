/* SPDX-License-Identifier: Apache-2.0 */
#include "app/process_sample.h"

#include "base/metric.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double resident_bytes(void)
{
        unsigned long size = 0, resident = 0;
        FILE *file = fopen("/proc/self/statm", "re");
        if (!file)
                return 0;
        int count = fscanf(file, "%lu %lu", &size, &resident);
        fclose(file);
        return count == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double open_descriptors(void)
{
        DIR *directory = opendir("/proc/self/fd");
        double count = 0;
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

static void sample(void *arg)
{
        const struct readiness *readiness = arg;
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        METRIC_SET(RESIDENT_MEMORY, 0, resident_bytes());
        METRIC_SET(OPEN_FDS, 0, open_descriptors());
        METRIC_SET(CPU_SECONDS, 0, seconds(usage.ru_utime) + seconds(usage.ru_stime));
        METRIC_SET(READY, 0, readiness_is_ready(readiness));
}

void process_sample_start(const struct readiness *readiness, int64_t started_wall_ms)
{
        METRIC_SET(START_TIME, 0, (double)started_wall_ms / 1000);
        metric_set_sampler(sample, (void *)(uintptr_t)readiness);
}
