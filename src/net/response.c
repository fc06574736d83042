/* SPDX-License-Identifier: Apache-2.0 */
#include "net/response.h"

#include <assert.h>
#include <string.h>
#include <time.h>

static const struct {
        int status;
        struct str line;
} status_lines[] = {
        {200, STR_INIT("HTTP/1.1 200 OK\r\n")},
        {201, STR_INIT("HTTP/1.1 201 Created\r\n")},
        {202, STR_INIT("HTTP/1.1 202 Accepted\r\n")},
        {204, STR_INIT("HTTP/1.1 204 No Content\r\n")},
        {304, STR_INIT("HTTP/1.1 304 Not Modified\r\n")},
        {400, STR_INIT("HTTP/1.1 400 Bad Request\r\n")},
        {401, STR_INIT("HTTP/1.1 401 Unauthorized\r\n")},
        {403, STR_INIT("HTTP/1.1 403 Forbidden\r\n")},
        {404, STR_INIT("HTTP/1.1 404 Not Found\r\n")},
        {405, STR_INIT("HTTP/1.1 405 Method Not Allowed\r\n")},
        {408, STR_INIT("HTTP/1.1 408 Request Timeout\r\n")},
        {409, STR_INIT("HTTP/1.1 409 Conflict\r\n")},
        {410, STR_INIT("HTTP/1.1 410 Gone\r\n")},
        {413, STR_INIT("HTTP/1.1 413 Content Too Large\r\n")},
        {414, STR_INIT("HTTP/1.1 414 URI Too Long\r\n")},
        {415, STR_INIT("HTTP/1.1 415 Unsupported Media Type\r\n")},
        {417, STR_INIT("HTTP/1.1 417 Expectation Failed\r\n")},
        {422, STR_INIT("HTTP/1.1 422 Unprocessable Content\r\n")},
        {429, STR_INIT("HTTP/1.1 429 Too Many Requests\r\n")},
        {431, STR_INIT("HTTP/1.1 431 Request Header Fields Too Large\r\n")},
        {500, STR_INIT("HTTP/1.1 500 Internal Server Error\r\n")},
        {501, STR_INIT("HTTP/1.1 501 Not Implemented\r\n")},
        {503, STR_INIT("HTTP/1.1 503 Service Unavailable\r\n")},
        {505, STR_INIT("HTTP/1.1 505 HTTP Version Not Supported\r\n")},
};

static void append_status_line(struct buf *out, int status)
{
        for (size_t i = 0; i < sizeof status_lines / sizeof *status_lines; i++) {
                if (status_lines[i].status != status)
                        continue;
                buf_append_str(out, status_lines[i].line);
                return;
        }
        assert(status >= 200 && status <= 599);
        buf_append_str(out, STR("HTTP/1.1 "));
        buf_append_i64(out, status);
        buf_append_str(out, STR(" \r\n"));
}

static bool is_one_line(struct str s)
{
        for (size_t i = 0; i < s.len; i++)
                if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
                        return false;
        return true;
}

static void append_header(struct buf *out, struct str name, struct str value)
{
        /* A second line in a value would be a second header of the client's choice. */
        assert(is_one_line(name) && is_one_line(value));
        buf_append_str(out, name);
        buf_append_str(out, STR(": "));
        buf_append_str(out, value);
        buf_append_str(out, STR("\r\n"));
}

bool response_has_body(const struct http_response *response)
{
        return response->status != 204 && response->status != 304;
}

void response_head(struct buf *out, const struct http_response *response,
                   const struct response_framing *framing)
{
        append_status_line(out, response->status);
        append_header(out, STR("Date"), str_from(framing->date));
        if (response_has_body(response)) {
                buf_append_str(out, STR("Content-Length: "));
                buf_append_u64(out, response->body.len);
                buf_append_str(out, STR("\r\n"));
                if (response->content_type)
                        append_header(out, STR("Content-Type"), str_from(response->content_type));
        }
        if (framing->is_last)
                buf_append_str(out, STR("Connection: close\r\n"));
        else if (framing->is_http_1_0)
                buf_append_str(out, STR("Connection: keep-alive\r\n"));
        for (size_t i = 0; i < response->header_count; i++)
                append_header(out, response->headers[i].name, response->headers[i].value);
        buf_append_str(out, STR("\r\n"));
        assert(!out->is_over);
}

void response_date(int64_t wall_s, char ret_text[RESPONSE_DATE_BYTES])
{
        /* strftime() would speak the language of the locale. */
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        time_t seconds = (time_t)wall_s;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        char text[96];
        snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
                 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        memcpy(ret_text, text, RESPONSE_DATE_BYTES - 1);
        ret_text[RESPONSE_DATE_BYTES - 1] = '\0';
}
