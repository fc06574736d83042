/* SPDX-License-Identifier: Apache-2.0 */
#include "net/work.h"

#include <assert.h>
#include <uv.h>

#include "base/alloc.h"

static void on_run(uv_work_t *request)
{
        struct work *work = request->data;
        work->run(work);
}

static void on_done(uv_work_t *request, int status)
{
        (void)status; /* an error means cancelled, and nobody cancels */
        struct work *work = request->data;
        work->request = NULL;
        free(request);
        work->done(work);
}

void work_start(struct loop *loop, struct work *work)
{
        uv_work_t *request = alloc_zeroed(1, sizeof *request);
        request->data = work;
        work->loop = loop;
        work->request = request;
        int result = uv_queue_work(loop_uv(loop), request, on_run, on_done);
        assert(result == 0); /* it fails only without a function to run */
        (void)result;
}
