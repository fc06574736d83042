/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mail.h"

#include <curl/curl.h>
#include <string.h>

static size_t give(char *to, size_t size, size_t count, void *arg)
{
        struct str *rest = arg;
        size_t bytes = size * count < rest->len ? size * count : rest->len;
        memcpy(to, rest->ptr, bytes);
        *rest = (struct str){rest->ptr + bytes, rest->len - bytes};
        return bytes;
}

static void set_options(CURL *curl, const struct mail_request *request, struct curl_slist *to, struct str *rest)
{
        curl_easy_setopt(curl, CURLOPT_URL, request->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(request->is_plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
        if (request->ca_file) {
                curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
                curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        }
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->user ? request->password : NULL);
        curl_easy_setopt(curl, CURLOPT_MAIL_FROM, request->from);
        curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(curl, CURLOPT_READDATA, rest);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
}

static enum err err_of(CURLcode code)
{
        switch ((int)code) {
        case CURLE_OK:
                return ERR_OK;
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_USE_SSL_FAILED:
                return ERR_UNAVAILABLE;
        case CURLE_OPERATION_TIMEDOUT:
                return ERR_DEADLINE;
        default:
                return ERR_IO;
        }
}

enum err mail_send(const struct mail_request *request, struct mail_answer *ret_answer, struct err_note *note)
{
        struct curl_slist *to = NULL;
        struct str rest = request->text;
        long code = 0;
        CURL *curl = curl_easy_init();
        if (!curl)
                return err_set(note, ERR_IO, "libcurl cannot be set up");
        for (size_t i = 0; i < request->to_count; i++)
                to = curl_slist_append(to, request->to[i]);
        set_options(curl, request, to, &rest);
        CURLcode result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
        curl_easy_cleanup(curl);
        curl_slist_free_all(to);
        *ret_answer = (struct mail_answer){.code = (int)code, .was_sent = rest.len == 0};
        if (result != CURLE_OK)
                return err_set(note, err_of(result), "%s", curl_easy_strerror(result));
        return ERR_OK;
}
