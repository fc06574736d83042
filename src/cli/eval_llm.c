/* SPDX-License-Identifier: Apache-2.0 */
/* Rows decided with an LLM: the questions go through flow/consult as the server's do, with its chain, guards, cache
 * and budgets, a few at a time on one loop. A row whose LLM does not answer is the embedded model's, and counted. */
#include "cli/eval.h"

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/llm_chain.h"
#include "cli/progress.h"
#include "text/redact.h"

#include <assert.h>
#include <stdlib.h>

enum { ARENA_BYTES = 1 << 20, IDLE_CHECK_MS = 20 };

struct run;

/* One row that is being decided. */
struct slot {
        struct run *run;
        size_t row;
        bool is_busy;
        struct arena arena; /* owns; while busy */
        struct sighting sighting;
        struct consult_question question;
        struct pii_placeholders placeholders;
};

struct run {
        struct evaluation *evaluation;
        const struct settings *settings;
        const struct snapshot *snapshot; /* pinned */
        struct loop *loop;
        struct llm_desk desk;
        struct slot *slots; /* owns */
        size_t slot_count;
        size_t next; /* row */
        size_t done;
        size_t busy; /* flights */
        bool has_failed;
        struct task feed;
        bool is_feeding; /* the task is posted */
        struct timer idle_check;
        struct progress progress;
};

static void note_raw(struct eval_result *result, const struct llm_answer *answer)
{
        if (result->source == SOURCE_LLM)
                result->raw = result->basis == BASIS_LOGPROBS ? answer->token_probability
                              : result->basis == BASIS_STATED ? answer->stated
                                                              : -1;
}

static void finish(struct slot *slot, bool is_consulted)
{
        struct run *run = slot->run;
        const struct consult_question *question = &slot->question;
        const struct consulted came_of = consult_outcome(question);
        struct verdict verdict = decide(run->snapshot, &slot->sighting.finding, &slot->sighting.classified,
                                        is_consulted ? &came_of : NULL, &slot->arena);
        eval_take_verdict(run->evaluation, slot->row, &verdict, &slot->sighting);
        note_raw(&run->evaluation->results[slot->row], &question->answer);
        arena_deinit(&slot->arena);
        slot->is_busy = false;
        progress_show(&run->progress, ++run->done);
}

static void feed_later(struct run *run)
{
        if (run->is_feeding)
                return;
        run->is_feeding = true;
        loop_post(run->loop, &run->feed);
}

static void answered(struct consult_question *question)
{
        struct slot *slot = list_item(question, struct slot, question);
        finish(slot, true);
        feed_later(slot->run);
}

static void ask(struct slot *slot, struct raw_text text)
{
        struct run *run = slot->run;
        struct consult_question *question = &slot->question;
        *question = (struct consult_question){
                .snapshot = run->snapshot,
                .channel = CHANNEL_CHAT,
                .split_point = hash64(slot->sighting.text.safe),
                .deadline_at_ms = clock_monotonic_us(loop_clock(run->loop)) / 1000 + run->settings->deadline_ms,
                .done = answered,
                .status = LLM_WITHHELD,
        };
        const struct redact_manner *manner = &policy_facts(run->snapshot->policy)->redaction.manners[SINK_LLM];
        if (redact_as(text, manner, &slot->arena, &question->message, &slot->placeholders) != ERR_OK ||
            consult_ask(run->desk.consult, question))
                finish(slot, true);
}

static void begin_row(struct slot *slot, size_t row)
{
        struct run *run = slot->run;
        const struct eval_row *labelled = &run->evaluation->rows->rows[row];
        const struct sighting *sighting = &slot->sighting;
        slot->row = row;
        slot->is_busy = true;
        arena_init(&slot->arena, ARENA_BYTES);
        if (!session_look(run->evaluation->session, labelled->text, &slot->arena, &slot->sighting)) {
                cli_complain(CLI_FAILED, "%s:%u: the text cannot be redacted",
                             run->evaluation->rows->paths[labelled->file], labelled->line);
                run->has_failed = true;
                arena_deinit(&slot->arena);
                slot->is_busy = false;
        } else if (sighting->is_withheld || decide_need(run->snapshot, run->settings->mode, &sighting->finding,
                                                        &sighting->classified) != DECIDE_ASK) {
                finish(slot, false);
        } else {
                ask(slot, labelled->text);
        }
}

static void desk_closed(void *arg)
{
        struct run *run = arg;
        loop_stop(run->loop);
}

static void stop_when_idle(struct timer *timer)
{
        struct run *run = list_item(timer, struct run, idle_check);
        if (run->busy)
                loop_timer_start(run->loop, timer, IDLE_CHECK_MS);
        else
                llm_desk_close(&run->desk, desk_closed, run);
}

/* Rows into the free slots. One that ends at once makes room for the next, on a later turn of the loop. */
static void feed(struct task *task)
{
        struct run *run = list_item(task, struct run, feed);
        size_t rows = run->has_failed ? 0 : run->evaluation->rows->count;
        size_t under_way = 0;
        bool has_room = false;
        run->is_feeding = false;
        for (size_t i = 0; i < run->slot_count; i++) {
                struct slot *slot = &run->slots[i];
                if (!slot->is_busy && run->next < rows)
                        begin_row(slot, run->next++);
                under_way += slot->is_busy;
                has_room |= !slot->is_busy;
        }
        if (run->next < rows && has_room)
                feed_later(run);
        else if (run->next >= rows && under_way == 0)
                stop_when_idle(&run->idle_check);
}

/* A holder takes what it is given: a model of its own, over the bytes of the session's. */
static struct snapshot_holder *make_holder(const struct session *session)
{
        const struct model_file *file = model_content(session->model);
        struct model *model;
        enum err err = model_open((struct str){(const char *)file, sizeof *file}, &model, NULL);
        assert(!err);
        return snapshot_holder_new(policy_ref(session->snapshot.policy), model, NULL);
}

static void decide_rows(struct run *run, size_t jobs)
{
        struct snapshot_holder *holder = make_holder(run->evaluation->session);
        run->snapshot = snapshot_pin(holder);
        run->slots = alloc_zeroed(jobs, sizeof *run->slots);
        run->slot_count = jobs;
        for (size_t i = 0; i < jobs; i++)
                run->slots[i].run = run;
        run->feed.run = feed;
        run->idle_check.fire = stop_when_idle;
        run->progress = progress_start("asking", run->evaluation->rows->count);
        feed_later(run);
        loop_run(run->loop);
        progress_end(&run->progress);
        free(run->slots);
        snapshot_unpin(run->snapshot);
        snapshot_holder_free(holder);
}

/* Lets the loop close what an opening that failed has left on it. */
static void stop_now(struct timer *timer)
{
        loop_stop(list_item(timer, struct run, idle_check)->loop);
}

static bool decide_with(struct run *run, struct llm_chain *chain, size_t jobs)
{
        struct err_note note = {.text = ""};
        run->loop = loop_new();
        bool is_open = llm_desk_open(chain, run->loop, 1, &run->busy, &run->desk, &note) == ERR_OK;
        if (is_open) {
                int64_t started_us = clock_monotonic_us(system_clock());
                decide_rows(run, jobs);
                run->evaluation->seconds = (double)(clock_monotonic_us(system_clock()) - started_us) / 1e6;
        } else {
                cli_complain(CLI_FAILED, "%s", note.text);
                run->idle_check.fire = stop_now;
                loop_timer_start(run->loop, &run->idle_check, IDLE_CHECK_MS);
                loop_run(run->loop);
        }
        loop_free(run->loop);
        return is_open && !run->has_failed;
}

bool eval_decide_llm(struct evaluation *evaluation, const struct settings *settings, size_t jobs)
{
        struct run run = {.evaluation = evaluation, .settings = settings};
        struct err_note note = {.text = ""};
        struct readiness readiness;
        struct llm_chain *chain;
        readiness_init(&readiness);
        if (llm_chain_new(settings, &readiness, &chain, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text) == CLI_OK;
        bool is_decided = decide_with(&run, chain, jobs);
        llm_chain_free(chain);
        return is_decided;
}
