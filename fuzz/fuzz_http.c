/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP request that arrives whole and the same one in two reads: nothing of the verdict may
 * depend on where the network cuts. The first two bytes say where. */
#include "fuzz.h"

#include "base/alloc.h"
#include "net/http_parse.h"

enum { ACCEPTED = -1, INCOMPLETE = -2 };

static const struct server_limits limits = {
        .max_header_bytes = 1024, .max_headers = 16, .max_target_bytes = 256, .max_body_bytes = 512};

struct request {
        struct arena arena;
        struct head_scan scan;
        struct http_parser parser;
        struct http_request request;
        struct http_head head;
        struct buf body;
        int verdict;
        size_t used; /* bytes that belong to an accepted request */
};

/* In memory of its own, so that a sanitizer sees each step outside. */
static struct str part_of(struct str input, size_t start, size_t end)
{
        return (struct str){alloc_copy(input.ptr + start, end - start), end - start};
}

static void part_free(struct str part)
{
        free((void *)(uintptr_t)part.ptr);
}

static enum http_progress read_head(struct request *request, struct str input, size_t end)
{
        struct str part = part_of(input, 0, end);
        enum http_progress progress = head_scan(&request->scan, part, &limits);
        part_free(part);
        assert(request->scan.seen <= end);
        return progress;
}

/* `cut` is where the first read ends; input.len: all in one read. */
static void read_body(struct request *request, struct str input, size_t cut)
{
        size_t at = request->scan.seen;
        request->verdict = request->head.has_body ? INCOMPLETE : ACCEPTED;
        while (request->verdict == INCOMPLETE && at < input.len) {
                size_t end = cut > at ? cut : input.len;
                struct str part = part_of(input, at, end);
                size_t used = 0;
                enum http_progress progress = http_parser_body(&request->parser, part, &request->body, &used);
                part_free(part);
                if (progress == HTTP_REFUSED)
                        request->verdict = (int)request->parser.refusal;
                else if (progress == HTTP_DONE)
                        request->verdict = ACCEPTED;
                else
                        assert(used == end - at);
                assert(used <= end - at);
                at += used;
        }
        request->used = at;
}

static void read_request(struct request *request, struct str input, size_t cut)
{
        *request = (struct request){.verdict = INCOMPLETE};
        arena_init(&request->arena, 1 << 16);
        buf_init(&request->body, limits.max_body_bytes);
        enum http_progress progress = HTTP_MORE;
        if (cut < input.len)
                progress = read_head(request, input, cut);
        if (progress == HTTP_MORE)
                progress = read_head(request, input, input.len);
        if (progress == HTTP_REFUSED)
                request->verdict = (int)request->scan.refusal;
        if (progress != HTTP_DONE)
                return;
        size_t start = request->scan.start;
        struct str head =
                arena_copy(&request->arena, (struct str){input.ptr + start, request->scan.seen - start});
        progress = http_parser_head(&request->parser, head, &request->scan, &request->arena,
                                    &request->request, &request->head);
        if (progress == HTTP_REFUSED)
                request->verdict = (int)request->parser.refusal;
        else
                read_body(request, input, cut);
}

static void check_headers(const struct http_request *request)
{
        assert(request->header_count <= limits.max_headers && request->target.len <= limits.max_target_bytes);
        assert(request->path.len > 0);
        for (size_t i = 0; i < request->header_count; i++) {
                struct str value = request->headers[i].value;
                assert(http_is_token(request->headers[i].name) && value.ptr);
                for (size_t j = 0; j < value.len; j++)
                        assert(value.ptr[j] == '\t' || (unsigned char)value.ptr[j] >= 0x20);
        }
}

/* Two faults in one request: a limit that is passed before the line has ended hides that the line is
 * malformed too. Which of the two is told depends on the cut; that it is refused does not. */
static bool is_same_verdict(int one, int two)
{
        bool is_limit = false;
        for (int i = 0; i < 2; i++) {
                int verdict = i ? one : two;
                is_limit |= verdict == REFUSAL_URI_TOO_LONG || verdict == REFUSAL_HEADERS_TOO_LARGE ||
                            verdict == REFUSAL_PAYLOAD_TOO_LARGE;
        }
        return one == two || (one >= 0 && two >= 0 && is_limit);
}

static void check_same(const struct request *one, const struct request *two)
{
        assert(is_same_verdict(one->verdict, two->verdict));
        if (one->verdict != ACCEPTED)
                return;
        assert(one->used == two->used && one->body.len <= limits.max_body_bytes);
        assert(str_equal(buf_str(&one->body), buf_str(&two->body)));
        assert(one->head.is_chunked || one->body.len == one->head.content_length);
        assert(one->head.is_keep_alive == two->head.is_keep_alive);
        assert(one->request.method == two->request.method);
        assert(str_equal(one->request.path, two->request.path));
        assert(str_equal(one->request.query, two->request.query));
        assert(one->request.header_count == two->request.header_count);
        for (size_t i = 0; i < one->request.header_count; i++) {
                assert(str_equal(one->request.headers[i].name, two->request.headers[i].name));
                assert(str_equal(one->request.headers[i].value, two->request.headers[i].value));
        }
        check_headers(&one->request);
}

static void request_deinit(struct request *request)
{
        buf_deinit(&request->body);
        arena_deinit(&request->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str input = fuzz_input(data, size);
        size_t cut = fuzz_take_byte(&input);
        cut = (cut << 8 | fuzz_take_byte(&input)) % (input.len + 1);
        struct request whole, split;
        read_request(&whole, input, input.len);
        read_request(&split, input, cut);
        check_same(&whole, &split);
        request_deinit(&whole);
        request_deinit(&split);
        return 0;
}
