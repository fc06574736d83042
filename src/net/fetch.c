/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include "net/retry_after.h"
#include "net/unix_path.h"

#include <curl/curl.h>
#include <stdio.h>
#include <time.h>

enum { HEADER_MAX_BYTES = 8192 };

static size_t append(char *data, size_t size, size_t count, void *arg)
{
        struct buf *answer = arg;
        buf_append(answer, data, size * count);
        return answer->is_over ? 0 : size * count;
}

static enum err err_of(CURLcode code)
{
        switch ((int)code) {
        case CURLE_OK:
                return ERR_OK;
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_PEER_FAILED_VERIFICATION:
                return ERR_UNAVAILABLE;
        case CURLE_OPERATION_TIMEDOUT:
                return ERR_DEADLINE;
        case CURLE_WRITE_ERROR:
                return ERR_TOO_LARGE;
        default:
                return ERR_IO;
        }
}

static bool is_value(struct str value)
{
        for (size_t i = 0; i < value.len; i++)
                if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
                        return false;
        return value.len > 0;
}

static enum err make_headers(const struct fetch_request *request, struct curl_slist **ret_headers, struct err_note *note)
{
        char line[HEADER_MAX_BYTES];
        /* Large bodies go out at once instead of after a round trip. */
        *ret_headers = curl_slist_append(NULL, "Expect:");
        if (!request->is_get)
                *ret_headers = curl_slist_append(*ret_headers, "Content-Type: application/json");
        for (size_t i = 0; i < request->header_count; i++) {
                const struct fetch_header *header = &request->headers[i];
                int len = snprintf(line, sizeof line, "%s: %.*s", header->name, STR_ARGS(header->value));
                if (!is_value(header->value) || len < 0 || (size_t)len >= sizeof line)
                        return err_set(note, ERR_INVALID, "the value of the header %s is empty, too long, or has bytes "
                                       "that no header can hold", header->name);
                *ret_headers = curl_slist_append(*ret_headers, line);
        }
        return ERR_OK;
}

static CURLcode perform(CURL *curl, const struct fetch_request *request, const char *socket, struct curl_slist *headers,
                        struct buf *answer)
{
        curl_easy_setopt(curl, CURLOPT_URL, request->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        if (!request->is_get) {
                curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
                curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr);
        }
        if (request->ca_file) {
                curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
                curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        }
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        /* No signals among threads; and a resolver that hangs is left behind rather than waited for. */
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
        return curl_easy_perform(curl);
}

static struct str header_of(CURL *curl, const char *name)
{
        struct curl_header *header;
        return str_from(curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL);
}

static void read_answer(CURL *curl, struct fetch_answer *answer)
{
        long status = 0, sent_bytes = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
        answer->status = (int)status;
        answer->was_sent = sent_bytes > 0;
        answer->retry_after_ms = retry_after_ms(header_of(curl, "Retry-After-Ms"), header_of(curl, "Retry-After"),
                                                (int64_t)time(NULL) * 1000);
}

static enum err send_request(const struct fetch_request *request, const char *socket, struct fetch_answer *answer,
                     struct err_note *note)
{
        struct curl_slist *headers = NULL;
        enum err err = make_headers(request, &headers, note);
        CURL *curl = err ? NULL : curl_easy_init();
        CURLcode code = curl ? perform(curl, request, socket, headers, answer->body) : CURLE_FAILED_INIT;
        if (curl)
                read_answer(curl, answer);
        curl_easy_cleanup(curl);
        curl_slist_free_all(headers);
        if (!err && code != CURLE_OK)
                err = err_set(note, err_of(code), "%s", curl_easy_strerror(code));
        return err;
}

enum err fetch(const struct fetch_request *request, struct fetch_answer *answer, struct err_note *note)
{
        struct unix_path socket;
        if (!request->unix_socket)
                return send_request(request, NULL, answer, note);
        enum err err = unix_path_open(request->unix_socket, &socket, note);
        if (err)
                return err;
        err = send_request(request, socket.text, answer, note);
        unix_path_close(&socket);
        return err;
}

enum err fetch_post(const struct fetch_request *request, struct buf *answer, int *ret_status, struct err_note *note)
{
        struct fetch_answer whole = {.body = answer};
        enum err err = fetch(request, &whole, note);
        if (!err)
                *ret_status = whole.status;
        return err;
}
