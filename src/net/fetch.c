/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include "net/unix_path.h"

#include <curl/curl.h>
#include <stdio.h>

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
        char url[512];
        /* Large bodies go out at once instead of after a round trip. */
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        headers = curl_slist_append(headers, "Expect:");
        snprintf(url, sizeof url, "http://localhost%s", request->path);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.ptr);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        CURLcode code = curl_easy_perform(curl);
        curl_slist_free_all(headers);
        return code;
}

enum err fetch_post(const struct fetch_request *request, struct buf *answer, int *ret_status, struct err_note *note)
{
        long status = 0;
        struct unix_path socket;
        enum err err = unix_path_open(request->unix_socket, &socket, note);
        if (err)
                return err;
        CURL *curl = curl_easy_init();
        CURLcode code = curl ? perform(curl, request, socket.text, answer) : CURLE_FAILED_INIT;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
        unix_path_close(&socket);
        if (code != CURLE_OK)
                return err_set(note, err_of(code), "%s", curl_easy_strerror(code));
        *ret_status = (int)status;
        return ERR_OK;
}
