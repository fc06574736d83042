/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_parse.h"

#include <string.h>

enum {
        MAX_FRAMING_BYTES = 8192,      /* of chunk extensions and trailers together */
        FRAMING_BYTES_PER_CHUNK = 16,  /* "\r\n", a size, "\r\n" */
};

/* What the callbacks of llhttp work on: the head first, the body later. */
struct parse {
        struct http_parser *parser;
        struct http_header *headers;
        size_t count;
        size_t capacity;
        struct http_head head;
        struct str target;
        struct buf *body;
        const char *framing; /* where the bytes begin that were not looked at and are no body */
        bool is_too_large;
        bool has_all_headers;
};

static int on_target(llhttp_t *llhttp, const char *at, size_t len)
{
        struct parse *parse = llhttp->data;
        parse->target = (struct str){at, len};
        return 0;
}

static int on_name(llhttp_t *llhttp, const char *at, size_t len)
{
        struct parse *parse = llhttp->data;
        if (!parse->headers) /* a trailer */
                return 0;
        if (parse->count == parse->capacity)
                return -1;
        parse->headers[parse->count++] = (struct http_header){{at, len}, STR("")};
        return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
        struct parse *parse = llhttp->data;
        if (!parse->headers)
                return 0;
        if (parse->count == 0)
                return -1;
        parse->headers[parse->count - 1].value = str_trim((struct str){at, len});
        return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
        struct parse *parse = llhttp->data;
        parse->has_all_headers = true;
        parse->head.is_keep_alive = llhttp_should_keep_alive(llhttp);
        parse->head.is_chunked = (llhttp->flags & F_CHUNKED) != 0;
        parse->head.content_length = llhttp->content_length;
        /* We switch to no other protocol: an offer to upgrade is ignored (RFC 9110, 7.8). */
        llhttp->upgrade = 0;
        return 0;
}

/* What lies between the pieces of a chunked body, up to `end`: llhttp takes a line feed alone in
 * some places and folded trailers, where others may see another end of the body. */
static bool is_strict_framing(struct parse *parse, const char *end)
{
        struct http_parser *parser = parse->parser;
        for (const char *at = parse->framing; at < end; at++) {
                bool is_bare = (parser->previous == '\r') != (*at == '\n');
                bool is_folded = parser->previous == '\n' && (*at == ' ' || *at == '\t');
                if (is_bare || is_folded)
                        return false;
                parser->previous = *at;
        }
        parser->framing_bytes += (size_t)(end - parse->framing);
        parse->framing = end;
        return parser->framing_bytes <= MAX_FRAMING_BYTES + parser->chunks * FRAMING_BYTES_PER_CHUNK;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
        struct parse *parse = llhttp->data;
        if (!is_strict_framing(parse, at))
                return -1;
        parse->framing = at + len;
        parse->parser->previous = '\0';
        if (!parse->body)
                return 0;
        buf_append(parse->body, at, len);
        parse->is_too_large = parse->body->is_over;
        return parse->is_too_large ? -1 : 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
        struct parse *parse = llhttp->data;
        parse->parser->chunks++;
        parse->is_too_large = parse->body && llhttp->content_length > parse->body->max_bytes - parse->body->len;
        return parse->is_too_large ? -1 : 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
        (void)llhttp;
        return HPE_PAUSED; /* what follows is another request */
}

static const llhttp_settings_t settings = {
        .on_url = on_target,
        .on_header_field = on_name,
        .on_header_value = on_value,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_chunk_header = on_chunk_header,
        .on_message_complete = on_message_complete,
};

static enum http_progress refuse(struct http_parser *parser, enum http_refusal refusal)
{
        parser->refusal = refusal;
        return HTTP_REFUSED;
}

/* The headers that decide about framing and routing, each at most once. */
struct special {
        struct str host, content_length, transfer_encoding, expect;
};

static bool take_once(struct str *to, struct str value)
{
        if (to->ptr)
                return false;
        *to = value;
        return true;
}

static bool find_special(const struct parse *parse, struct special *special)
{
        bool is_single = true;
        for (size_t i = 0; i < parse->count; i++) {
                const struct http_header *header = &parse->headers[i];
                if (str_equal_nocase(header->name, STR("Host")))
                        is_single &= take_once(&special->host, header->value);
                else if (str_equal_nocase(header->name, STR("Content-Length")))
                        is_single &= take_once(&special->content_length, header->value);
                else if (str_equal_nocase(header->name, STR("Transfer-Encoding")))
                        is_single &= take_once(&special->transfer_encoding, header->value);
                else if (str_equal_nocase(header->name, STR("Expect")))
                        is_single &= take_once(&special->expect, header->value);
        }
        return is_single;
}

/* Our own idea of the framing, which has to be llhttp's too. */
static enum http_progress check_framing(const struct parse *parse, const struct special *special,
                                        bool is_http_1_0)
{
        uint64_t length = 0;
        if (special->content_length.ptr && !str_to_u64(special->content_length, &length))
                return refuse(parse->parser, REFUSAL_MALFORMED);
        bool is_chunked = special->transfer_encoding.ptr != NULL;
        if (is_chunked && (is_http_1_0 || special->content_length.ptr))
                return refuse(parse->parser, REFUSAL_MALFORMED);
        if (is_chunked && !str_equal_nocase(special->transfer_encoding, STR("chunked"))) {
                bool is_unknown = http_is_token(special->transfer_encoding);
                return refuse(parse->parser, is_unknown ? REFUSAL_NOT_IMPLEMENTED : REFUSAL_MALFORMED);
        }
        if (is_chunked != parse->head.is_chunked || length != parse->head.content_length)
                return refuse(parse->parser, REFUSAL_MALFORMED);
        return HTTP_DONE;
}

static enum http_progress check_head(struct parse *parse, const struct head_scan *scan)
{
        struct special special = {0};
        if (!find_special(parse, &special))
                return refuse(parse->parser, REFUSAL_MALFORMED);
        if (special.host.ptr ? !http_is_authority(special.host) : !scan->is_http_1_0)
                return refuse(parse->parser, REFUSAL_MALFORMED);
        if (check_framing(parse, &special, scan->is_http_1_0) == HTTP_REFUSED)
                return HTTP_REFUSED;
        parse->head.is_http_1_0 = scan->is_http_1_0;
        parse->head.has_body = parse->head.is_chunked || parse->head.content_length > 0;
        /* HTTP/1.0 knows no expectations (RFC 9110, 10.1.1). */
        if (special.expect.ptr && !scan->is_http_1_0) {
                if (!str_equal_nocase(special.expect, STR("100-continue")))
                        return refuse(parse->parser, REFUSAL_EXPECTATION_FAILED);
                parse->head.expects_continue = parse->head.has_body;
        }
        return HTTP_DONE;
}

/* A head that llhttp does not take. A transfer coding that nobody here knows is no error of the
 * client's, but llhttp calls it one, so we look for it ourselves. */
static enum http_progress refuse_head(const struct parse *parse)
{
        struct special special = {0};
        bool is_sound = parse->has_all_headers && find_special(parse, &special) && !special.content_length.ptr;
        bool is_unknown = is_sound && http_is_token(special.transfer_encoding) &&
                          !str_equal_nocase(special.transfer_encoding, STR("chunked"));
        return refuse(parse->parser, is_unknown ? REFUSAL_NOT_IMPLEMENTED : REFUSAL_MALFORMED);
}

enum http_progress http_parser_head(struct http_parser *parser, struct str head, const struct head_scan *scan,
                                    struct arena *arena, struct http_request *request,
                                    struct http_head *ret_head)
{
        struct parse parse = {.parser = parser, .capacity = scan->lines - 1};
        parse.headers = arena_alloc(arena, (parse.capacity + 1) * sizeof *parse.headers);
        *parser = (struct http_parser){0};
        if (!parse.headers)
                return refuse(parser, REFUSAL_HEADERS_TOO_LARGE);
        llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
        parser->llhttp.data = &parse;
        llhttp_errno_t error = llhttp_execute(&parser->llhttp, head.ptr, head.len);
        parser->llhttp.data = NULL;
        if (error != HPE_OK && error != HPE_PAUSED)
                return refuse_head(&parse);
        if (parse.count != parse.capacity)
                return refuse(parser, REFUSAL_MALFORMED);
        if (check_head(&parse, scan) == HTTP_REFUSED)
                return HTTP_REFUSED;
        /* llhttp stops behind a head without a body, and only there. */
        if (parse.head.has_body != (error == HPE_OK))
                return refuse(parser, REFUSAL_MALFORMED);
        if (!http_split_target(parse.target, scan->method, &request->path, &request->query))
                return refuse(parser, REFUSAL_MALFORMED);
        request->method = scan->method;
        request->target = parse.target;
        request->headers = parse.headers;
        request->header_count = parse.count;
        *ret_head = parse.head;
        return HTTP_DONE;
}

enum http_progress http_parser_body(struct http_parser *parser, struct str input, struct buf *body,
                                    size_t *ret_used)
{
        struct parse parse = {.parser = parser, .body = body, .framing = input.ptr};
        parser->llhttp.data = &parse;
        llhttp_errno_t error = llhttp_execute(&parser->llhttp, input.ptr, input.len);
        parser->llhttp.data = NULL;
        if (parse.is_too_large)
                return refuse(parser, REFUSAL_PAYLOAD_TOO_LARGE);
        if (error != HPE_OK && error != HPE_PAUSED)
                return refuse(parser, REFUSAL_MALFORMED);
        size_t used = input.len;
        if (error == HPE_PAUSED)
                used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - input.ptr);
        if (!is_strict_framing(&parse, input.ptr + used))
                return refuse(parser, REFUSAL_MALFORMED);
        *ret_used = used;
        return error == HPE_PAUSED ? HTTP_DONE : HTTP_MORE;
}
