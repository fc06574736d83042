/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "base/utf8.h"
#include "cli/cli.h"
#include "core/message.h"
#include "text/redact.h"

#include <string.h>

enum { MODEL_MAX_BYTES = 64 << 20 };

static enum err open_model(const char *path, struct session *session, struct err_note *note)
{
        struct str bytes = model_embedded();
        enum err err = path ? cli_read_file(path, MODEL_MAX_BYTES, &session->model_file, note) : ERR_OK;
        if (!err && path)
                bytes = buf_str(&session->model_file);
        if (err)
                return err;
        err = model_open(bytes, &session->model, note);
        session->snapshot.model = session->model;
        return err && path ? err_prefix(note, err, "%s: ", path) : err;
}

enum err session_open(const struct settings *settings, const char *model_path, struct session *session,
                      struct err_note *note)
{
        const char *directory = *settings->policy_dir ? settings->policy_dir : NULL;
        *session = (struct session){0};
        enum err err = policy_load(directory, &session->snapshot.policy, note);
        return err ? err : open_model(model_path, session, note);
}

void session_close(struct session *session)
{
        if (session->snapshot.policy)
                policy_unref(session->snapshot.policy);
        model_free(session->model);
        buf_deinit(&session->model_file);
}

const char *session_fault_of(struct str trimmed)
{
        if (trimmed.len == 0)
                return "`text` must not be empty";
        if (memchr(trimmed.ptr, '\0', trimmed.len))
                return "`text` must not contain U+0000";
        return utf8_count(trimmed) > MESSAGE_MAX_POINTS ? "`text` must have at most 5000 characters" : NULL;
}

bool session_look(const struct session *session, struct raw_text text, struct arena *arena,
                  struct sighting *ret_sighting)
{
        const struct policy_facts *policy = policy_facts(session->snapshot.policy);
        const struct redact_manner *manner = &policy->redaction.manners[SINK_RECORD];
        ret_sighting->finding = safety_net_scan(policy->safety_net, text);
        ret_sighting->is_withheld = redact_as(text, manner, arena, &ret_sighting->text, NULL) != ERR_OK;
        if (ret_sighting->is_withheld) {
                if (ret_sighting->finding.severity == SEVERITY_NONE)
                        return false;
                ret_sighting->text = SAFE_LITERAL("[TEXT_WITHHELD]");
        }
        model_classify(session->model, ret_sighting->text, &ret_sighting->classified);
        return true;
}

void session_probabilities(const struct verdict *verdict, const struct model_verdict *classified,
                           double ret_probabilities[CATEGORY_COUNT])
{
        double had = classified->probabilities[verdict->category];
        double scale = had < 1 ? (1 - verdict->confidence) / (1 - had) : 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                ret_probabilities[c] = c == verdict->category ? verdict->confidence
                                                              : classified->probabilities[c] * scale;
}
