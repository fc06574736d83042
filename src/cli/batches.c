/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/batches.h"

#include "base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A block holds any line that is not over-long, whole. Its output is bounded by what its shortest possible
 * lines, empty ones, are answered with: less than 100 bytes each. */
enum { BLOCK_BYTES = 2 * BATCH_LINE_MAX_BYTES, OUT_MAX_BYTES = 64 << 20 };

struct batches {
        int fd;
        batch_fn *each;
        void *arg;
        pthread_mutex_t reading; /* held while a batch is read; protects the next five */
        char *rest;              /* BLOCK_BYTES: the beginning of a line, behind the last batch's */
        size_t rest_bytes;
        size_t next_line;
        size_t next_batch;
        bool is_at_end;
        pthread_mutex_t writing; /* protects the rest */
        pthread_cond_t turned;
        size_t turn; /* number of the batch that is to be written */
        struct batches_result result;
};

struct thread {
        struct batches *batches;
        size_t number;
        pthread_t id;
        char *block; /* owns */
        struct batch batch;
};

static ssize_t read_some(struct batches *b, char *to, size_t room)
{
        ssize_t got;
        do
                got = read(b->fd, to, room);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                b->result.error = errno;
        b->is_at_end = got <= 0;
        return got > 0 ? got : 0;
}

/* Drops what follows of a line that fills a whole block; what is behind its end stays for the next batch. */
static void skip_line(struct batches *b)
{
        const char *end = NULL;
        size_t got = 0;
        while (!end && !b->is_at_end) {
                got = (size_t)read_some(b, b->rest, BLOCK_BYTES);
                end = memchr(b->rest, '\n', got);
        }
        b->rest_bytes = end ? got - (size_t)(end + 1 - b->rest) : 0;
        if (end)
                memmove(b->rest, end + 1, b->rest_bytes);
}

/* Whole lines into the thread's block: at least one, as many as have arrived. */
static bool read_batch(struct batches *b, struct thread *thread)
{
        size_t len = b->rest_bytes;
        const char *end = NULL;
        memcpy(thread->block, b->rest, len);
        if (len > 0)
                end = memrchr(thread->block, '\n', len);
        while (!end && !b->is_at_end && len < BLOCK_BYTES) {
                size_t got = (size_t)read_some(b, thread->block + len, BLOCK_BYTES - len);
                end = memrchr(thread->block + len, '\n', got);
                len += got;
        }
        size_t taken = end ? (size_t)(end + 1 - thread->block) : len;
        b->rest_bytes = len - taken;
        memcpy(b->rest, thread->block + taken, b->rest_bytes);
        if (!end && !b->is_at_end)
                skip_line(b);
        thread->batch.lines = (struct str){thread->block, taken};
        return taken > 0;
}

static size_t count_lines(struct str text)
{
        size_t count = text.len && text.ptr[text.len - 1] != '\n';
        for (size_t i = 0; i < text.len; i++)
                count += text.ptr[i] == '\n';
        return count;
}

static bool take(struct batches *b, struct thread *thread, size_t *ret_batch)
{
        pthread_mutex_lock(&b->reading);
        bool is_there = read_batch(b, thread);
        if (is_there) {
                thread->batch.first_line = b->next_line;
                b->next_line += count_lines(thread->batch.lines);
                *ret_batch = b->next_batch++;
        }
        pthread_mutex_unlock(&b->reading);
        return is_there;
}

/* False: nobody takes the output any more. */
static bool give(struct batches *b, const struct batch *batch, size_t number)
{
        assert(!batch->out.is_over && !batch->complaints.is_over);
        pthread_mutex_lock(&b->writing);
        while (b->turn != number)
                pthread_cond_wait(&b->turned, &b->writing);
        if (batch->out.len)
                fwrite(batch->out.ptr, 1, batch->out.len, stdout);
        fflush(stdout);
        if (batch->complaints.len)
                fwrite(batch->complaints.ptr, 1, batch->complaints.len, stderr);
        b->result.has_failed |= batch->complaints.len > 0;
        b->turn++;
        pthread_cond_broadcast(&b->turned);
        pthread_mutex_unlock(&b->writing);
        return !ferror(stdout);
}

static void *work(void *arg)
{
        struct thread *thread = arg;
        struct batches *b = thread->batches;
        size_t number;
        do {
                buf_reset(&thread->batch.out);
                buf_reset(&thread->batch.complaints);
                if (!take(b, thread, &number))
                        break;
                b->each(b->arg, thread->number, &thread->batch);
        } while (give(b, &thread->batch, number));
        return NULL;
}

static void open_thread(struct batches *b, struct thread *thread, size_t number)
{
        thread->batches = b;
        thread->number = number;
        thread->block = alloc_zeroed(1, BLOCK_BYTES);
        buf_init(&thread->batch.out, OUT_MAX_BYTES);
        buf_init(&thread->batch.complaints, OUT_MAX_BYTES);
}

static void close_thread(struct thread *thread)
{
        free(thread->block);
        buf_deinit(&thread->batch.out);
        buf_deinit(&thread->batch.complaints);
}

struct batches_result batches_run(int fd, size_t threads, batch_fn *each, void *arg)
{
        struct batches b = {
                .fd = fd, .each = each, .arg = arg, .next_line = 1, .rest = alloc_zeroed(1, BLOCK_BYTES),
                .reading = PTHREAD_MUTEX_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER,
                .turned = PTHREAD_COND_INITIALIZER,
        };
        struct thread *all = alloc_zeroed(threads, sizeof *all);
        size_t started = 1;
        for (size_t i = 0; i < threads; i++)
                open_thread(&b, &all[i], i);
        while (started < threads && pthread_create(&all[started].id, NULL, work, &all[started]) == 0)
                started++;
        work(&all[0]);
        for (size_t i = 1; i < started; i++)
                pthread_join(all[i].id, NULL);
        for (size_t i = 0; i < threads; i++)
                close_thread(&all[i]);
        b.result.lines = b.next_line - 1;
        free(all);
        free(b.rest);
        return b.result;
}
