# SPDX-License-Identifier: Apache-2.0
"""The mail connector against aiosmtpd, a real SMTP server."""
import email
import email.policy
import json
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from server import free_port
from test_connectors import run, set_up


class Inbox:
    """Takes mails, or answers DATA with `reply`."""

    def __init__(self, reply=None):
        self.envelopes = []
        self.reply = reply

    async def handle_DATA(self, _server, _session, envelope):
        self.envelopes.append(envelope)
        return self.reply or "250 OK"


def serve(inbox, **options):
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    return controller


def connector(port, **more):
    return {"kind": "smtp", "url": f"smtp://127.0.0.1:{port}", "from": "triaged@example.com",
            "to": ["desk@example.com", "oncall@example.com"], **more}


def test_a_mail_has_its_marks_and_nothing_breaks_out_of_its_headers(policy):
    inbox = Inbox()
    server = serve(inbox)
    try:
        set_up(policy, {"post": connector(server.port, is_plain=True, subject="{event} {data.text}")})
        done = run(policy, "test", "post", "--id", "evt_7", "--event", "a\r\nBcc: evil@example.com")
        assert done.returncode == 0, done
    finally:
        server.stop()
    envelope, = inbox.envelopes
    assert envelope.mail_from == "triaged@example.com" and envelope.rcpt_tos == ["desk@example.com", "oncall@example.com"]
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Message-ID"] == "<evt_7@example.com>" and mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None and str(mail["Subject"]).startswith("a  Bcc: evil@example.com This is no message")
    assert "日本" in mail["Subject"] and "日本" in mail.get_content() and mail["Date"]


def test_what_the_mail_server_says_decides(policy):
    for reply, said in (("451 later", "not done"), ("554 no", "refused")):
        server = serve(Inbox(reply))
        try:
            set_up(policy, {"post": connector(server.port, is_plain=True)})
            assert run(policy, "test", "post").stdout.startswith(said)
        finally:
            server.stop()


def test_tls_is_required_and_verified_and_the_login_is_sent_in_it(policy, certificates):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "here.pem", certificates / "here.key")
    seen = []

    def check(_server, _session, _envelope, _mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"s3cret")

    inbox = Inbox()
    server = serve(inbox, tls_context=context, require_starttls=True, authenticator=check, auth_required=True)
    plain = serve(Inbox())
    try:
        login = {"user": "triaged", "secret_variable": "THE_SECRET"}
        set_up(policy, {"untrusted": connector(server.port, **login), "plain": connector(plain.port),
                        "good": connector(server.port, ca_file=str(certificates / "ca.pem"), **login)})
        assert run(policy, "test", "untrusted").stdout.startswith("not done") and not seen
        assert run(policy, "test", "plain").stdout.startswith("not done")
        good = run(policy, "test", "good")
        assert good.returncode == 0, good
        assert seen[-1] == (b"triaged", b"s3cret") and len(inbox.envelopes) == 1
        assert run(policy, "test", "good", secret="wrong").stdout.startswith("not done")
    finally:
        server.stop()
        plain.stop()
