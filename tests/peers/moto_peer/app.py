"""The WSGI middleware around moto.

It has the request log, faults, idempotency tokens and the admin API under /peer/.
"""

import io
import json
import os
import socket
import struct
import threading

from moto.backends import list_of_moto_modules  # noqa: F401  (the import registers the backends)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from . import (
    ageing, answers, backup, clusters, corrections, delays, estate, front, inventory, lambda_, listing, resolver, selections, sharing, tables
)  # fmt: skip
from .clock import CLOCK
from .control import CONTROL, LOCK
from .iam import SIMULATE, Iam
from .identify import JSON_TARGET, identify

TOKENS = ("ClientToken", "ClientRequestToken")


class Dropped(ConnectionAbortedError):
    """Werkzeug takes this error for a client that hung up, and writes nothing."""


class PeerApp:
    def __init__(self):
        delays.install()
        sharing.install()
        corrections.install()
        clusters.install()
        tables.install()
        resolver.install()
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lock = LOCK
        self.log_lock = threading.Lock()
        self.log = []
        self.count = 0
        self.tokens = {}
        self.fronts = []
        self.iam = Iam()
        self.listing = listing.Listing()
        lambda_.install(self.iam)

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith("/peer/"):
            return self.admin(environ, start_response, path)
        if path.startswith("/moto-api"):
            if path == "/moto-api/reset":
                self.tokens.clear()
                backup.clear()
                with self.lock:
                    lambda_.clear()
                    resolver.clear()
            return self.moto(environ, start_response)
        request = identify(environ)
        entry = self.note(request, environ.get("peer.front"))
        try:
            status, headers, body = self.serve(environ, request, entry)
        except Dropped:
            raise
        except Exception:
            # moto does not know the operation, and werkzeug answers with an HTML page.
            entry["status"] = 500
            raise
        entry["status"] = status
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body

    def note(self, request, front):
        with self.log_lock:
            self.count += 1
            entry = {"n": self.count, **request, "status": None}
            if front is not None:
                entry["front"] = front.server.server_port
            self.log.append(entry)
        return entry

    def serve(self, environ, request, entry):
        json_protocol = bool(environ.get(JSON_TARGET))
        with self.lock:
            refused = self.iam.refused(request)
        if refused:
            drain(environ)
            entry["denied"] = refused
            status, headers, body = answers.denied(request, refused["action"], json_protocol)
            return status, sized(headers, body), [body]
        rule = CONTROL.transport_fault(request)
        if rule is None and "peer.front" in environ:
            rule = environ["peer.front"].fault(request)
        kind = rule["kind"] if rule else None
        if kind is not None:
            entry["fault"] = kind
        if kind == "drop_before":
            drop(environ)
        if kind == "reset_before":
            drain(environ)
            reset(environ)
        if kind == "delay":
            CLOCK.sleep(rule.get("seconds", 1))
        if kind in ("throttle", "500", "503", "error", "unseen", "offered_in", "quota"):
            drain(environ)
            status, headers, body = answers.of_rule(rule, request, json_protocol)
            return status, sized(headers, body), [body]
        refusal = answers.undeletable(request)
        if refusal and CONTROL.take("undeletable", request):
            drain(environ)
            entry["fault"] = "undeletable"
            status, headers, body = refusal
            return status, sized(headers, body), [body]
        if (request["service"], request["action"]) == ("iam", SIMULATE):
            body = self.iam.simulate(request["params"])
            return 200, sized([("Content-Type", "text/xml")], body), [body]
        if request["service"] == "cloudcontrolapi" and self.listing.estate is None:
            status, headers, body = answers.aliases(request, backup.MANAGED)
            drain(environ)
            return status, sized(headers, body), [body]
        if role := service_role(request):
            drain(environ)
            body = answers.service_role(request["account"], role)
            return 200, sized([("Content-Type", "text/xml")], body), [body]
        if request["service"] == "backup" and request["action"] in selections.OPERATIONS and self.listing.estate is None:
            status, headers, body = selections.answer(request, take_body(environ))
            return status, sized(headers, body), [body]
        answer = self.answer(environ, request, twice=kind == "twice")
        entry["status"] = answer[0]
        if request["action"] == "AssumeRole":
            self.iam.assumed(request, b"".join(answer[2]))
        if kind == "drop_after":
            drop(environ)
        if kind == "reset_after":
            reset(environ)
        if kind in ("500_after", "503_after"):
            status, headers, body = answers.of_rule({"kind": kind[:3]}, request, json_protocol)
            return status, sized(headers, body), [body]
        if kind in ("truncated", "cut"):
            # A cut object is always a truncated one. Half an object that passes for all of it would
            # not be a fault of the network.
            return halved(environ, answer, "truncated" if request["action"] == "GetObject" else kind)
        return answer

    def answer(self, environ, request, twice):
        if self.listing.answers(request):
            status, headers, chunks = self.listing.answer(environ, request)
            return status, sized(headers, b"".join(chunks)), chunks
        if twice:
            body = take_body(environ)
            environ["wsgi.input"] = io.BytesIO(body)
            self.answer({**environ}, request, twice=False)
            environ["wsgi.input"] = io.BytesIO(body)
        if request["service"] == "lambda":
            # Invoke waits for a function, so it does not keep the lock.
            with self.lock:
                delays.reap()
            status, headers, body = lambda_.answer(environ, request, take_body(environ))
            return status, sized(headers, body), [body]
        # The reading of a log must see what has arrived by now.
        if request["service"] == "s3":
            with self.lock:
                delays.reap()
        # S3 bodies stream, and moto stores them under locks of its own. Under the peer's lock as
        # well, requests could wait for each other.
        if request["service"] == "s3":
            return self.forward(environ, request)
        with self.lock:
            delays.reap()
            backup.settle()
            if request["service"] == "backup":
                said = backup.answer(request, peek_body(environ))
                if said is not None:
                    status, headers, body = said
                    return status, sized(headers, body), [body]
            return self.once(environ, request)

    def once(self, environ, request):
        """Gives the same answer to the same token in the same account and region.

        AWS promises this. moto ignores tokens.
        """
        token = next((request["params"][name] for name in TOKENS if request["params"].get(name)), None)
        if token is None or request["service"] not in ("ec2", "cloudformation"):
            return self.forward(environ, request)
        if str(request["params"].get("DryRun", "")).lower() == "true":
            return self.forward(environ, request)
        key = (request["service"], request["account"], request["region"], request["action"], token)
        params = tuple(sorted(request["params"].items()))
        if key in self.tokens:
            known, answer = self.tokens[key]
            if known == params:
                return answer
            message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            status, headers, body = answers.error(request["service"], 400, "IdempotentParameterMismatch", message)
            return status, sized(headers, body), [body]
        answer = self.forward(environ, request)
        if answer[0] < 300:
            self.tokens[key] = (params, answer)
        return answer

    def forward(self, environ, request):
        got = {}

        def start_response(status, headers, _exc_info=None):
            got["status"], got["headers"] = int(status.split(" ", 1)[0]), headers

        with CONTROL.serving(request):
            body = self.moto(environ, start_response)
            try:
                chunks = list(body)
            finally:
                if hasattr(body, "close"):
                    body.close()
        return got["status"], got["headers"], chunks

    # --- the admin API

    def admin(self, environ, start_response, path):
        method = environ["REQUEST_METHOD"]
        try:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            given = json.loads(body) if body else None
            status, answer = self.answer_admin(method, path, given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        payload = json.dumps(answer, indent=1, ensure_ascii=False).encode()
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", sized([("Content-Type", "application/json")], payload))
        return [payload]

    def answer_admin(self, method, path, given):
        if (said := lambda_.admin(method, path, given)) is not None:
            return 200, said
        match method, path:
            case "GET", "/peer/health":
                return 200, {"ready": True}
            case "GET", "/peer/log":
                with self.log_lock:
                    return 200, [dict(entry) for entry in self.log]
            case "DELETE", "/peer/log":
                with self.log_lock:
                    self.log.clear()
                    self.count = 0
            case "GET", "/peer/delays":
                return 200, CONTROL.delays()
            case "POST", "/peer/delays":
                CONTROL.set_delays(given)
                return 200, CONTROL.delays()
            case "GET", "/peer/clock":
                return 200, CLOCK.told()
            case "POST", "/peer/clock":
                CLOCK.set(given)
                return 200, CLOCK.told()
            case "GET", "/peer/faults":
                return 200, CONTROL.rules()
            case "POST", "/peer/faults":
                CONTROL.set_rules(given)
                return 200, CONTROL.rules()
            case "DELETE", "/peer/faults":
                CONTROL.set_rules([])
            case "POST", "/peer/fronts":
                self.fronts.append(front.opened(self, given))
                return 200, self.fronts[-1].told()
            case "GET", "/peer/fronts":
                return 200, [one.told() for one in self.fronts]
            case "POST", "/peer/age":
                with self.lock:
                    for wish in given if isinstance(given, list) else [given]:
                        ageing.age(wish)
            case "POST", "/peer/estate":
                self.listing.estate = estate.seeded()
                return 200, self.listing.estate.expected()
            case "DELETE", "/peer/estate":
                self.listing.estate = None
            case "GET", "/peer/used":
                return 200, sorted(self.iam.used)
            case "POST", "/peer/vaults":
                backup.seed(given)
            case "POST", "/peer/restores":
                backup.seed_jobs(given)
            case "POST", "/peer/policies":
                return 200, self.iam.set(given)
            case "DELETE", "/peer/policies":
                self.iam.clear()
            case "GET", "/peer/state":
                with self.lock:
                    delays.reap()
                    backup.settle()
                    return 200, inventory.inventory()
            case _:
                return 404, {"error": f"no {method} {path}"}
        return 200, {"ok": True}


def sized(headers, body):
    return [*headers, ("Content-Length", str(len(body)))]


def halved(environ, answer, kind):
    """Half of the answer's body.

    truncated: the length announces more, and the connection is reset. cut: the length is that of
    the half.
    """
    status, headers, chunks = answer
    body = b"".join(chunks)
    half = body[: len(body) // 2]
    headers = [(name, value) for name, value in headers if name.lower() not in ("content-length", "transfer-encoding")]
    if not half or environ["REQUEST_METHOD"] == "HEAD":
        reset(environ)
    if kind == "cut":
        return status, sized(headers, half), [half]

    def broken():
        yield half
        reset(environ)

    return status, sized(headers, body), broken()


def take_body(environ):
    """Reads all of the body, so that moto can get it more than once."""
    stream, left = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    if environ.get("wsgi.input_terminated") and not left:
        return stream.read()
    return stream.read(left)


def peek_body(environ):
    body = take_body(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def reset(environ):
    """Ends the connection with RST.

    The descriptor stays in use until werkzeug closes it. It becomes a socket without another end.
    """
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ours, theirs = socket.socketpair()
        theirs.close()
        os.dup2(ours.fileno(), connection.fileno())
        ours.close()
    raise Dropped("reset by a fault rule")


def drain(environ):
    """Reads the rest of the body.

    An early answer would leave it on a kept-alive connection.
    """
    stream, left = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    if environ.get("wsgi.input_terminated") and not left:  # a chunked body marks its own end
        while stream.read(65536):
            pass
    while left > 0:
        chunk = stream.read(min(left, 65536))
        if not chunk:
            break
        left -= len(chunk)


def drop(environ):
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise Dropped("dropped by a fault rule")


def service_role(request):
    """The service-linked role that is asked for, or None. An account has them all, unless a fault says NoSuchEntity."""
    name = request["params"].get("RoleName", "") if (request["service"], request["action"]) == ("iam", "GetRole") else ""
    return name if name.startswith("AWSServiceRoleFor") else None
