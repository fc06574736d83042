/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/connector_internal.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "adapt/webhook_signature.h"
#include "net/fetch.h"

enum { URL_MAX_BYTES = 8192, HEADER_MAX_BYTES = 8000, MAX_HEADERS = 4, ANSWER_MAX_DEPTH = 32 };

/* One attempt and what it needs; owns the bufs. */
struct attempt {
        const struct connector_values *values;
        struct connector_delivery *delivery;
        struct str secret;
        struct buf auth, signature, url, body, answer;
        char timestamp[24], ca_file[1024];
        struct fetch_header headers[MAX_HEADERS];
        size_t header_count;
};

static void fail(struct attempt *attempt, enum connector_result result, const char *why)
{
        attempt->delivery->result = result;
        err_set(&attempt->delivery->note, ERR_IO, "%s", why);
}

/* Basic with a user, else the prefix and the secret. */
static void add_auth(struct attempt *attempt)
{
        const struct connector_spec *spec = attempt->values->spec;
        struct buf pair;
        if (attempt->secret.len == 0)
                return;
        if (spec->user.ptr) {
                buf_init(&pair, HEADER_MAX_BYTES / 2);
                buf_printf(&pair, "%.*s:%.*s", STR_ARGS(spec->user), STR_ARGS(attempt->secret));
                buf_append_str(&attempt->auth, STR("Basic "));
                char *at = buf_reserve(&attempt->auth, pair.len / 3 * 4 + 5);
                if (at)
                        buf_commit(&attempt->auth, (size_t)EVP_EncodeBlock((unsigned char *)at,
                                                                           (const unsigned char *)pair.ptr, (int)pair.len));
                explicit_bzero(pair.ptr, pair.len);
                buf_deinit(&pair);
        } else {
                buf_append_str(&attempt->auth, spec->auth_prefix);
                buf_append_str(&attempt->auth, attempt->secret);
        }
        attempt->headers[attempt->header_count++] =
                (struct fetch_header){spec->user.ptr ? "Authorization" : spec->auth_header.ptr, buf_str(&attempt->auth)};
}

static enum err add_signature(struct attempt *attempt)
{
        struct connector_delivery *delivery = attempt->delivery;
        snprintf(attempt->timestamp, sizeof attempt->timestamp, "%lld", (long long)time(NULL));
        const struct webhook webhook = {ident_str(&delivery->id), str_from(attempt->timestamp), buf_str(&attempt->body)};
        enum err err = webhook_sign(&webhook, attempt->secret, &attempt->signature, &delivery->note);
        attempt->headers[0] = (struct fetch_header){"webhook-id", webhook.id};
        attempt->headers[1] = (struct fetch_header){"webhook-timestamp", webhook.timestamp};
        attempt->headers[2] = (struct fetch_header){"webhook-signature", buf_str(&attempt->signature)};
        attempt->header_count = 3;
        return err;
}

static enum err make_body(struct attempt *attempt)
{
        const struct connector_spec *spec = attempt->values->spec;
        struct json template;
        if (spec->kind == CONNECTOR_WEBHOOK) {
                buf_append_str(&attempt->body, attempt->delivery->payload.safe);
                return ERR_OK;
        }
        struct json_parser *parser = json_parser_new(CONNECTOR_BODY_MAX_BYTES, ANSWER_MAX_DEPTH);
        enum err err = json_parse(parser, spec->body, &template, &attempt->delivery->note);
        if (!err)
                connector_fill_json(attempt->values, template, &attempt->body);
        json_parser_free(parser);
        if (!err && attempt->body.is_over)
                err = err_set(&attempt->delivery->note, ERR_TOO_LARGE, "the filled template has over %d bytes; cap its "
                              "variables, as in {data.text:2000}", CONNECTOR_BODY_MAX_BYTES);
        return err;
}

static void make_url(struct attempt *attempt, struct str path)
{
        buf_reset(&attempt->url);
        buf_append_str(&attempt->url, attempt->values->spec->url);
        connector_fill_text(attempt->values, path, CONNECTOR_URL, &attempt->url);
        buf_append_char(&attempt->url, '\0');
}

/* One request. The share of the time-out is all of it, or a third when there are two searches before. */
static enum err request(struct attempt *attempt, bool is_get, struct fetch_answer *ret_answer)
{
        const struct connector_spec *spec = attempt->values->spec;
        snprintf(attempt->ca_file, sizeof attempt->ca_file, "%.*s", STR_ARGS(spec->ca_file));
        const struct fetch_request request = {
                .url = attempt->url.ptr,
                .body = buf_str(&attempt->body),
                .timeout_ms = (long)(attempt->delivery->search_first ? spec->timeout_ms / 3 : spec->timeout_ms),
                .is_get = is_get,
                .ca_file = spec->ca_file.ptr ? attempt->ca_file : NULL,
                .headers = attempt->headers,
                .header_count = attempt->header_count,
        };
        buf_reset(&attempt->answer);
        *ret_answer = (struct fetch_answer){.body = &attempt->answer, .retry_after_ms = -1};
        if (attempt->url.is_over)
                return err_set(&attempt->delivery->note, ERR_TOO_LARGE, "the address has over %d bytes", URL_MAX_BYTES);
        enum err err = fetch(&request, ret_answer, &attempt->delivery->note);
        attempt->delivery->http_status = ret_answer->status;
        attempt->delivery->retry_after_ms = ret_answer->retry_after_ms;
        return err;
}

/* Whether the answer is JSON; finds the id in it. */
static bool read_id(struct attempt *attempt, struct str pointers)
{
        struct json root;
        struct connector_delivery *delivery = attempt->delivery;
        struct json_parser *parser = json_parser_new(CONNECTOR_ANSWER_MAX_BYTES, ANSWER_MAX_DEPTH);
        bool is_json = json_parse(parser, buf_str(&attempt->answer), &root, NULL) == ERR_OK;
        if (is_json && pointers.ptr)
                connector_find_id(root, pointers, delivery->external_id, sizeof delivery->external_id);
        json_parser_free(parser);
        return is_json;
}

/* Whether it was looked for, and is not there. */
static bool search(struct attempt *attempt)
{
        struct fetch_answer answer;
        struct connector_delivery *delivery = attempt->delivery;
        make_url(attempt, attempt->values->spec->search_path);
        enum err err = request(attempt, true, &answer);
        delivery->result = CONNECTOR_UNKNOWN;
        if (err) {
                err_prefix(&delivery->note, err, "the search for an earlier attempt: ");
                return false;
        }
        if (answer.status < 200 || answer.status > 299) {
                err_set(&delivery->note, ERR_IO, "the search for an earlier attempt was answered with HTTP %d", answer.status);
                return false;
        }
        if (!read_id(attempt, attempt->values->spec->search_id_path)) {
                fail(attempt, CONNECTOR_UNKNOWN, "the answer to the search for an earlier attempt is not JSON");
                return false;
        }
        if (!delivery->external_id[0])
                return true;
        delivery->result = CONNECTOR_DELIVERED;
        return false;
}

/* Whether the delivery may be sent again. The other system may still be at work on the attempt that got no answer, above all when we
 * were killed over it and came back at once; or its search may lag behind. So it is given time, and asked again. */
static bool is_not_there(struct attempt *attempt)
{
        int64_t settle_ms = attempt->values->spec->settle_ms;
        const struct timespec pause = {.tv_sec = settle_ms / 1000};
        if (!search(attempt))
                return false;
        if (settle_ms == 0)
                return true;
        nanosleep(&pause, NULL);
        return search(attempt);
}

/* A failure before anything went out is surely not done; one afterwards may be. An answer over our limit has a status. */
static void judge_failure(struct attempt *attempt, enum err err, const struct fetch_answer *answer)
{
        struct connector_delivery *delivery = attempt->delivery;
        if (answer->status >= 200 && answer->status < 300 && err == ERR_TOO_LARGE)
                delivery->result = CONNECTOR_DELIVERED;
        else if (err == ERR_INVALID || (err == ERR_TOO_LARGE && !answer->was_sent))
                delivery->result = CONNECTOR_REFUSED;
        else
                delivery->result = answer->was_sent ? CONNECTOR_UNKNOWN : CONNECTOR_NOT_DONE;
}

static void create(struct attempt *attempt)
{
        const struct connector_spec *spec = attempt->values->spec;
        struct fetch_answer answer;
        struct connector_delivery *delivery = attempt->delivery;
        if (spec->idempotency_header.ptr)
                attempt->headers[attempt->header_count++] =
                        (struct fetch_header){spec->idempotency_header.ptr, ident_str(&delivery->id)};
        make_url(attempt, spec->create_path);
        enum err err = request(attempt, false, &answer);
        if (err) {
                judge_failure(attempt, err, &answer);
                return;
        }
        delivery->result = connector_result_of(answer.status);
        if (delivery->result != CONNECTOR_DELIVERED)
                err_set(&delivery->note, ERR_IO, "HTTP %d%s", answer.status,
                        answer.status == 401 || answer.status == 403 ? ": look at the connector's user and secret" : "");
        else
                (void)read_id(attempt, spec->id_path);
}

static void run(struct attempt *attempt)
{
        const struct connector_spec *spec = attempt->values->spec;
        enum err err = make_body(attempt);
        if (!err && spec->kind == CONNECTOR_WEBHOOK)
                err = add_signature(attempt);
        else if (!err)
                add_auth(attempt);
        if (err) {
                attempt->delivery->result = spec->kind == CONNECTOR_WEBHOOK ? CONNECTOR_NOT_DONE : CONNECTOR_REFUSED;
                return;
        }
        if (!attempt->delivery->search_first || !spec->search_path.ptr || is_not_there(attempt))
                create(attempt);
}

void connector_send_http(const struct connector_values *values, struct connector_delivery *delivery, struct str secret,
                         struct buf *answer)
{
        struct attempt attempt = {.values = values, .delivery = delivery, .secret = secret};
        buf_init(&attempt.auth, HEADER_MAX_BYTES);
        buf_init(&attempt.signature, HEADER_MAX_BYTES);
        buf_init(&attempt.url, URL_MAX_BYTES);
        buf_init(&attempt.body, CONNECTOR_BODY_MAX_BYTES);
        buf_init(&attempt.answer, CONNECTOR_ANSWER_MAX_BYTES);
        run(&attempt);
        if (answer)
                buf_append_str(answer, buf_str(&attempt.answer));
        if (attempt.auth.ptr)
                explicit_bzero(attempt.auth.ptr, attempt.auth.len);
        buf_deinit(&attempt.auth);
        buf_deinit(&attempt.signature);
        buf_deinit(&attempt.url);
        buf_deinit(&attempt.body);
        buf_deinit(&attempt.answer);
}
