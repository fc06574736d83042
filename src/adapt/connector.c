/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/connector_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"

enum { PAYLOAD_MAX_DEPTH = 16 };

enum connector_result connector_result_of(int status)
{
        if (status >= 200 && status < 300)
                return CONNECTOR_DELIVERED;
        switch (status) {
        case 401: /* a key that was changed is set right by somebody */
        case 403:
        case 408:
        case 425:
        case 429:
        case 503:
                return CONNECTOR_NOT_DONE;
        case 409: /* the same id is in flight */
                return CONNECTOR_UNKNOWN;
        case 410:
                return CONNECTOR_DISABLED;
        }
        return status >= 500 ? CONNECTOR_UNKNOWN : CONNECTOR_REFUSED;
}

enum err connector_secret(const struct connector_spec *spec, char **ret_secret, struct err_note *note)
{
        char name[256];
        struct str place = spec->secret_variable;
        if (spec->secret_file.ptr)
                return secret_read_file(spec->secret_file.ptr, true, ret_secret, note);
        if (spec->secret_credential.ptr)
                return secret_read_credential("secret_credential", spec->secret_credential.ptr, ret_secret, note);
        if (!place.ptr) {
                *ret_secret = alloc_copy("", 0);
                return ERR_OK;
        }
        snprintf(name, sizeof name, "%.*s", STR_ARGS(place));
        const char *value = getenv(name);
        if (!value)
                return err_set(note, ERR_NOT_FOUND, "the environment variable %s is not set; it must hold the secret", name);
        enum err err = secret_check(str_from(value), name, note);
        if (!err)
                *ret_secret = alloc_copy(value, strlen(value));
        return err;
}

static void send_by_kind(const struct connector_values *values, struct connector_delivery *delivery, struct str secret,
                 struct buf *answer)
{
        if (values->spec->kind == CONNECTOR_SMTP)
                connector_send_mail(values, delivery, secret);
        else
                connector_send_http(values, delivery, secret, answer);
}

void connector_deliver(const struct connector_spec *spec, struct connector_delivery *delivery, struct buf *answer)
{
        char *secret = NULL;
        struct connector_values values = {spec, delivery, {0}};
        delivery->retry_after_ms = -1;
        delivery->http_status = 0;
        delivery->external_id[0] = '\0';
        delivery->note.text[0] = '\0';
        delivery->result = CONNECTOR_NOT_DONE;
        if (connector_secret(spec, &secret, &delivery->note) != ERR_OK)
                return;
        assert(secret);
        struct json_parser *parser = json_parser_new(CONNECTOR_BODY_MAX_BYTES, PAYLOAD_MAX_DEPTH);
        enum err err = json_parse(parser, delivery->payload.safe, &values.payload, &delivery->note);
        if (err)
                delivery->result = CONNECTOR_REFUSED;
        else
                send_by_kind(&values, delivery, str_from(secret), answer);
        json_parser_free(parser);
        explicit_bzero(secret, strlen(secret));
        free(secret);
}
