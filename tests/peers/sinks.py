"""Receives mail over SMTP with STARTTLS and a login, and POST over HTTPS, for the tests of `notify`.

Usage: sinks.py FOLDER SMTP_PORT HTTPS_PORT CERTIFICATE KEY. Each mail becomes FOLDER/N.mail, each
body FOLDER/N.post: whole, by a rename.
"""

import http.server
import itertools
import os
import pathlib
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

LOGIN = (b"drills", b"mail-password-5be1")

folder, smtp_port, https_port, certificate, key = sys.argv[1:]
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(certificate, key)
numbers = itertools.count()


def keep(kind, content):
    path = pathlib.Path(folder) / f"{next(numbers)}.{kind}"
    path.with_suffix(".part").write_bytes(content)
    os.rename(path.with_suffix(".part"), path)


class Mail:
    async def handle_DATA(self, server, session, envelope):
        head = f"X-Envelope: {envelope.mail_from} {','.join(envelope.rcpt_tos)}\r\n"
        keep("mail", head.encode() + envelope.content)
        return "250 Message accepted for delivery"


def login(server, session, envelope, mechanism, data):
    # Not handled: the server answers.
    return AuthResult(success=(data.login, data.password) == LOGIN, handled=False)


class Post(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        keep("post", self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()


mail = Controller(
    Mail(),
    hostname="127.0.0.1",
    port=int(smtp_port),
    tls_context=tls,
    require_starttls=True,
    authenticator=login,
    auth_required=True,
)
mail.start()
https = http.server.ThreadingHTTPServer(("127.0.0.1", int(https_port)), Post)
https.socket = tls.wrap_socket(https.socket, server_side=True)
https.serve_forever()
