# SPDX-License-Identifier: Apache-2.0
"""Opens what a store has sealed, written apart from the server's own vault."""
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = ("text", "metadata", "customer_id", "decision_path", "answer")


def _open(key, column, row, sealed):
    sealed = bytes(sealed)
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], column.encode() + b"\0" + struct.pack("<q", row))


def opener(master):
    def unseal(subject, wrapped, column, row, sealed):
        if wrapped is None or sealed is None:
            return None
        try:
            return _open(_open(master, "subject.key", subject, wrapped), column, row, sealed).decode()
        except InvalidTag:
            return "[DOES NOT OPEN]"
    return unseal


def open_views(connection, master):
    """In this connection `message` and `feedback` are as if nothing were sealed."""
    connection.create_function("unseal", 5, opener(master))
    key = "m.subject, (SELECT key FROM main.subject WHERE id = m.subject)"
    columns = [row[1] for row in connection.execute("PRAGMA main.table_info(message)")]
    opened = ", ".join(f"unseal({key}, 'message.{name}', m.id, m.{name}) AS {name}" if name in SEALED else f"m.{name}"
                       for name in columns)
    connection.execute(f"CREATE TEMP VIEW message AS SELECT {opened} FROM main.message m")
    connection.execute("CREATE TEMP VIEW feedback AS SELECT message_row, f.key_id, created_at, is_right, f.category,"
                       f" f.intent, unseal({key}, 'feedback.comment/' || f.key_id, message_row, comment) AS comment"
                       " FROM main.feedback f JOIN main.message m ON m.id = f.message_row")
