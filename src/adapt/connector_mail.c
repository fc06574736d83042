/* SPDX-License-Identifier: Apache-2.0 */
/* A delivery as a mail. It cannot be searched for: after an unknown outcome it goes out again, with the same Message-ID, by which
 * mail systems that look for repeats know it. */
#include "adapt/connector_internal.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"
#include "net/mail.h"

enum { SUBJECT_MAX_BYTES = 45 * 8, WORD_BYTES = 45, MAIL_MAX_BYTES = 512 * 1024, ADDRESS_BYTES = 256 };

/* Within a mail's line limit (RFC 5322, 2.1.1). */
enum { LINE_BYTES = 57 };

static void append_base64(struct buf *to, struct str text)
{
        char line[(LINE_BYTES + 2) / 3 * 4 + 1];
        EVP_EncodeBlock((unsigned char *)line, (const unsigned char *)text.ptr, (int)text.len);
        buf_append_str(to, str_from(line));
}

/* As encoded words (RFC 2047), so that no byte of it can end the header. */
static void append_subject(struct buf *to, struct str subject)
{
        subject = utf8_cut_bytes(subject, SUBJECT_MAX_BYTES);
        buf_append_str(to, STR("Subject:"));
        while (subject.len > 0) {
                struct str word = utf8_cut_bytes(subject, WORD_BYTES);
                buf_append_str(to, STR(" =?UTF-8?B?"));
                append_base64(to, word);
                buf_append_str(to, STR("?=\r\n"));
                subject = (struct str){subject.ptr + word.len, subject.len - word.len};
        }
        if (to->ptr[to->len - 1] == ':')
                buf_append_str(to, STR(" \r\n"));
}

static void append_text(struct buf *to, struct str text)
{
        while (text.len > 0) {
                struct str line = {text.ptr, text.len < LINE_BYTES ? text.len : LINE_BYTES};
                append_base64(to, line);
                buf_append_str(to, STR("\r\n"));
                text = (struct str){text.ptr + line.len, text.len - line.len};
        }
}

static void append_date(struct buf *to)
{
        static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t now = time(NULL);
        struct tm tm;
        gmtime_r(&now, &tm);
        buf_printf(to, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void append_headers(const struct connector_values *values, struct buf *to)
{
        const struct connector_spec *spec = values->spec;
        const char *at = memchr(spec->from.ptr, '@', spec->from.len);
        struct str domain = {at, (size_t)(spec->from.ptr + spec->from.len - at)};
        struct buf subject;
        append_date(to);
        buf_printf(to, "From: <%.*s>\r\nTo: ", STR_ARGS(spec->from));
        for (size_t i = 0; i < spec->to_count; i++)
                buf_printf(to, "%s<%.*s>", i ? ",\r\n " : "", STR_ARGS(spec->to[i]));
        buf_printf(to, "\r\nMessage-ID: <%s%.*s>\r\n", values->delivery->id.text, STR_ARGS(domain));
        buf_init(&subject, MAIL_MAX_BYTES);
        connector_fill_text(values, spec->subject, CONNECTOR_LINE, &subject);
        append_subject(to, buf_str(&subject));
        buf_deinit(&subject);
        buf_append_str(to, STR("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
}

static void judge(struct connector_delivery *delivery, enum err err, const struct mail_answer *answer)
{
        if (!err)
                delivery->result = CONNECTOR_DELIVERED;
        else if (answer->code == 535 || answer->code == 530) /* the log-in, which somebody sets right */
                delivery->result = CONNECTOR_NOT_DONE;
        else if (answer->code >= 500)
                delivery->result = CONNECTOR_REFUSED;
        else if (answer->code >= 400)
                delivery->result = CONNECTOR_NOT_DONE;
        else
                delivery->result = answer->was_sent ? CONNECTOR_UNKNOWN : CONNECTOR_NOT_DONE;
        if (err && answer->code)
                err_prefix(&delivery->note, err, "after the mail server's reply %d: ", answer->code);
}

static void send_text(const struct connector_spec *spec, struct connector_delivery *delivery, struct str secret, struct str text)
{
        char url[1024], from[ADDRESS_BYTES], to[CONNECTOR_MAX_RECIPIENTS][ADDRESS_BYTES];
        const char *pointers[CONNECTOR_MAX_RECIPIENTS];
        struct mail_answer answer = {.code = 0};
        snprintf(url, sizeof url, "%.*s", STR_ARGS(spec->url));
        snprintf(from, sizeof from, "<%.*s>", STR_ARGS(spec->from));
        for (size_t i = 0; i < spec->to_count; i++) {
                snprintf(to[i], sizeof to[i], "<%.*s>", STR_ARGS(spec->to[i]));
                pointers[i] = to[i];
        }
        const struct mail_request request = {
                .url = url,
                .user = spec->user.ptr,
                .password = secret.ptr,
                .ca_file = spec->ca_file.ptr,
                .from = from,
                .to = pointers,
                .to_count = spec->to_count,
                .text = text,
                .is_plain = spec->is_plain,
                .timeout_ms = (long)spec->timeout_ms,
        };
        enum err err = mail_send(&request, &answer, &delivery->note);
        judge(delivery, err, &answer);
}

void connector_send_mail(const struct connector_values *values, struct connector_delivery *delivery, struct str secret)
{
        struct buf mail, text;
        buf_init(&mail, MAIL_MAX_BYTES);
        buf_init(&text, CONNECTOR_BODY_MAX_BYTES);
        append_headers(values, &mail);
        connector_fill_text(values, values->spec->text, CONNECTOR_TEXT, &text);
        append_text(&mail, buf_str(&text));
        if (mail.is_over || text.is_over) {
                delivery->result = CONNECTOR_REFUSED;
                err_set(&delivery->note, ERR_TOO_LARGE, "the mail is too long; cap its variables, as in {data.text:2000}");
        } else {
                send_text(values->spec, delivery, secret, buf_str(&mail));
        }
        buf_deinit(&text);
        buf_deinit(&mail);
}
