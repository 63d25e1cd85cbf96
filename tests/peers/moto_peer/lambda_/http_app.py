"""An application for tests: answers what routes.json says, and notes each request in `requests`.

Arguments: port, `tls` or `plain`. Its folder holds the files, and the certificate for TLS.
"""

import http.server
import json
import signal
import ssl
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
ROUTES = json.loads((HERE / "routes.json").read_text())
NOTES = threading.Lock()


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        note = {"method": self.command, "path": self.path, "body": body, "host": self.headers.get("Host"), "from": self.client_address[0]}
        with NOTES, open(HERE / "requests", "a") as notes:
            notes.write(json.dumps(note) + "\n")
        path = self.path.split("?")[0]
        route = ROUTES.get(f"{self.command} {path}") or ROUTES.get(path) or {"status": 404, "body": "not found"}
        said = route.get("body", "")
        said = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(route.get("status", 200))
        for name, value in route.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer


def main():
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), App)
    if sys.argv[2] == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

        def load(*_signal):
            context.load_cert_chain(HERE / "server.pem", HERE / "server.key")

        load()
        signal.signal(signal.SIGHUP, load)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    else:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server.serve_forever()


main()
