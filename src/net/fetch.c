/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include "net/unix_path.h"

#include <curl/curl.h>

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
                return ERR_UNAVAILABLE;
        case CURLE_OPERATION_TIMEDOUT:
                return ERR_DEADLINE;
        case CURLE_WRITE_ERROR:
                return ERR_TOO_LARGE;
        default:
                return ERR_IO;
        }
}

static CURLcode perform(CURL *curl, const struct fetch_request *request, const char *socket, struct buf *answer)
{
        /* Large bodies go out at once instead of after a round trip. */
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Expect:");
        curl_easy_setopt(curl, CURLOPT_URL, request->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        /* No signals among threads; and a resolver that hangs is left behind rather than waited for. */
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
        CURLcode code = curl_easy_perform(curl);
        curl_slist_free_all(headers);
        return code;
}

static enum err post(const struct fetch_request *request, const char *socket, struct buf *answer, int *ret_status,
                     struct err_note *note)
{
        long status = 0;
        CURL *curl = curl_easy_init();
        CURLcode code = curl ? perform(curl, request, socket, answer) : CURLE_FAILED_INIT;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
        if (code != CURLE_OK)
                return err_set(note, err_of(code), "%s", curl_easy_strerror(code));
        *ret_status = (int)status;
        return ERR_OK;
}

enum err fetch_post(const struct fetch_request *request, struct buf *answer, int *ret_status, struct err_note *note)
{
        struct unix_path socket;
        if (!request->unix_socket)
                return post(request, NULL, answer, ret_status, note);
        enum err err = unix_path_open(request->unix_socket, &socket, note);
        if (err)
                return err;
        err = post(request, socket.text, answer, ret_status, note);
        unix_path_close(&socket);
        return err;
}
