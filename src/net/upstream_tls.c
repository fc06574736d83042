/* SPDX-License-Identifier: Apache-2.0 */
#include "net/upstream_inner.h"
enum err upstream_tls_check_file(const char *ca_file, struct err_note *note) { (void)ca_file;(void)note; return ERR_OK; }
void upstream_tls_start(struct upstream_connection *c) { (void)c; }
void upstream_tls_receive(struct upstream_connection *c, struct str b) { (void)c;(void)b; }
bool upstream_tls_write(struct upstream_connection *c, struct str h, struct str b) { (void)c;(void)b;(void)h; return false; }
bool upstream_tls_has_ended(const struct upstream_connection *c) { (void)c; return true; }
void upstream_tls_free(struct upstream_connection *c) { (void)c; }
void upstream_tls_deinit(struct upstream *u) { (void)u; }
void upstream_tls_append_base64(struct buf *to, struct str text) { (void)to;(void)text; }
