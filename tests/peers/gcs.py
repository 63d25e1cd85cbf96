"""The part of Google Cloud Storage's XML API that a store of runs uses: put, get, delete, list.

No emulator in a package heeds `x-goog-if-generation-match` there, which Google's own service does:
https://docs.cloud.google.com/storage/docs/xml-api/reference-headers. Anything that is not written
here is answered with 501.

Usage: gcs.py FOLDER PORT BUCKET. FOLDER/account.json is the service account that may use the bucket.
A request needs its signature, or the token in FOLDER/token.
"""

import base64
import email.utils
import http.server
import json
import pathlib
import secrets
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# Small, so that lists have several pages. Google's have 1000 objects.
PAGE = 7
EMAIL = "drills@example.iam.gserviceaccount.com"

folder, port, bucket = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
admin = secrets.token_hex(16)
lock = threading.Lock()
objects = {}  # name: (bytes, generation, time)
generations = iter(range(1, 1 << 62))


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def is_signed(authorization):
    """Whether it is a token that the service account has signed, and that has not run out."""
    if authorization == f"Bearer {admin}":
        return True
    try:
        scheme, token = (authorization or "").split(" ", 1)
        head, claims, signature = token.split(".")
        key.public_key().verify(
            decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        claims = json.loads(decoded(claims))
        return scheme == "Bearer" and claims["iss"] == EMAIL and claims["exp"] > time.time()
    except (ValueError, KeyError, InvalidSignature):
        return False


class Xml(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def asked(self):
        """The name of the object, or "" for the bucket. None: it was refused."""
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        of, _, name = path.lstrip("/").partition("/")
        if not is_signed(self.headers["authorization"]):
            return self.refuse(401, "AuthenticationRequired")
        if urllib.parse.unquote(of) != bucket:
            return self.refuse(404, "NoSuchBucket")
        return urllib.parse.unquote(name)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if (name := self.asked()) is None:
            return
        wanted = self.headers["x-goog-if-generation-match"]
        with lock:
            _, generation, _ = objects.get(name, (b"", 0, 0))
            if wanted is not None and int(wanted) != generation:
                return self.refuse(412, "PreconditionFailed")
            generation = next(generations)
            objects[name] = (body, generation, time.time())
        self.answer(200, etag=f'"{generation}"', x_goog_generation=generation)

    def do_GET(self):
        if (name := self.asked()) is None:
            return
        if not name:
            return self.listed()
        with lock:
            found = objects.get(name)
        if found is None:
            return self.refuse(404, "NoSuchKey")
        body, generation, at = found
        at = email.utils.formatdate(at, usegmt=True)
        self.answer(200, body, etag=f'"{generation}"', x_goog_generation=generation, last_modified=at)

    def do_DELETE(self):
        if (name := self.asked()) is None:
            return
        with lock:
            found = objects.pop(name, None)
        self.answer(204) if found else self.refuse(404, "NoSuchKey")

    def listed(self):
        known = {"list-type", "prefix", "continuation-token"}
        if unknown := self.query.keys() - known:
            return self.refuse(501, f"NotImplemented: {unknown}")
        after = self.query.get("continuation-token", "")
        with lock:
            names = sorted(n for n in objects if n.startswith(self.query.get("prefix", "")) and n > after)
            page = [(name, *objects[name]) for name in names[:PAGE]]
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(body)}</Size><ETag>\"{generation}\"</ETag>"
            f"<LastModified>{time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(at))}</LastModified></Contents>"
            for name, body, generation, at in page
        )
        if len(names) > PAGE:
            rows += f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>"
        self.answer(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

    def do_POST(self):
        self.refuse(501, "NotImplemented")

    do_HEAD = do_POST


class Server(http.server.ThreadingHTTPServer):
    # Eight writers connect at once.
    request_queue_size = 128


account = {
    "type": "service_account",
    "client_email": EMAIL,
    "private_key_id": "drillmaster",
    "private_key": pem.decode(),
    "gcs_base_url": f"http://127.0.0.1:{port}",
}
(folder / "token").write_text(admin)
(folder / "account.json").write_text(json.dumps(account))
Server(("127.0.0.1", port), Xml).serve_forever()
