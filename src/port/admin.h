/* SPDX-License-Identifier: Apache-2.0 */
/* Administration of one data directory: keys, knowledge base, what reviewers said, models, tickets, reviews.
 *
 * An operation is a name, its arguments as a JSON object and a JSON object as its result, so that
 * the command line does the same thing whether it opens the store itself or asks the server that
 * owns it (DATA_DIR/control.sock). Synchronous: not on a loop's thread.
 *
 * key.add {"name","scopes"[,"rate_per_minute","rate_burst"]} -> {"id","name","scopes","key"}
 * key.list {} -> {"keys":[…]}
 * key.revoke {"name"} -> {"name"}
 * kb.import {"articles":[{"id","title","body","url","locale","aliases":[…],"tags":[…]}]} -> {"added","updated","unchanged"}
 * kb.import_part: as kb.import, but a server answers from the articles only behind the next kb.import,
 *   which may bring none: so that it builds its index once and not for each part of a large import
 * kb.list {} -> {"articles":[{"id","title","locale","url"}]}
 * kb.export {["after"]} -> {"articles":[…]}: the next ones behind that id, by id, whole, without what is empty;
 *   none behind the last
 * kb.delete {"id"} -> {"id"}
 * kb.search {"query"[,"limit"]} -> {"hits":[{"id","title","url","snippet","score"}]}: without the policy's synonyms
 * feedback.list {} -> {"rows":[{"text","category"[,"intent"]}]}: rows as `triaged train` reads them
 * audit.key {} -> {"verifier"}
 * audit.checkpoint {} -> {"checkpoint","size"}: a signed note
 * audit.read {"first"} -> {"lines","count"}: entries from that one on, a line each; from 0 on it is an entry itself
 * audit.prove {"seq"} or {"record"} -> {"seq","entry","path","checkpoint","size"}
 * audit.prove {"old_size"} -> {"old_size","path","checkpoint","size"}
 * model.list {} -> {"models":[{"version","is_active","made_at"}]}, the built-in model first
 * model.add {"model"} -> {"version"}: the bytes of a model file in hexadecimal digits
 * model.activate {"version"} -> {"version"}
 * model.rollback {} -> {"version"}: of the one that was active before
 * model.train {} -> {"version","is_activated","labels","held_back","before":{…},"after":{…}}: learns from
 *   feedback; a fixed share of the labels is never trained on, and the new model is activated only when
 *   on those neither macro_f1 nor safety_recall is lower than the active model's
 * outbox.list {["connector","state","limit","cursor"]} -> {"entries":[{"id","connector","event","message_id","state",
 *   "created_at","due_at","attempts","is_unknown","last_error"}],"next_cursor"}
 * outbox.retry {"id"} or {["connector"]}, which is all dead ones -> {"retried"}
 * outbox.drop {"id"} -> {"dropped"}
 * subject.show {"id"} -> {"subject":{"created_at","erased_at","messages","tickets","records","held","feedback"}}: `id` is
 *   a customer_id or a message's id
 * subject.export {"id"} -> {"subject","lines"}: a line of JSON for each message with all that hangs on it
 * subject.erase {"id"} -> {"subject"}: what there was; it is gone now
 * ticket.list {the filters of core/ticket.h, as strings} -> {"tickets":[…],"next_cursor"}
 * ticket.show {"id"} -> {"ticket"}
 * ticket.update {"id","set":{"status","priority","queue","assignee"}[,"if_version"]} -> {"ticket"}
 * ticket.comment {"id","text"} -> {"ticket"}
 * review.list {the filters of core/review.h, as strings} -> {"reviews":[…],"next_cursor"}
 * review.show {"id"} -> {"review"}
 * review.reveal {"id"} -> {"originals"}
 * review.change {"id","action"[,"assignee","outcome","note","if_version"]} -> {"review"}
 * compliance.export {"format" and the filters of core/compliance.h, as strings} -> {"text","count","next_cursor"}: a page,
 *   as lines of CSV or as what stands between the brackets of a JSON array
 */
#ifndef PORT_ADMIN_H
#define PORT_ADMIN_H

#include "base/buf.h"
#include "base/err.h"

enum { ADMIN_MAX_BYTES = 64 << 20 }; /* of arguments and of results */

struct admin {
        enum err (*execute)(struct admin *admin, struct str operation, struct str arguments, struct buf *result,
                            struct err_note *note);
};

/* Appends the result. ERR_NOT_FOUND, ERR_EXISTS, ERR_INVALID, or what the store says. */
static inline MUST_USE enum err admin_execute(struct admin *admin, struct str operation, struct str arguments,
                                              struct buf *result, struct err_note *note)
{
        return admin->execute(admin, operation, arguments, result, note);
}

#endif
