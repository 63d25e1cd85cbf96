"""Execution environments: a process of the function, and the Runtime API that it asks for work.

The Runtime API (2018-06-01) listens on 127.0.0.1 in the namespace of the function's machine, on a
socket that was made there, and is served by the peer. So nothing else of the host is in reach. Each
environment has a port of its own, and works on one invocation at a time. Deadlines are in real time,
because the process is real.
"""

import http.server
import json
import os
import platform
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

from . import namespace

MOST = 6 * 1024 * 1024  # bytes of a request or an answer
INIT = 10  # seconds
TAIL = 4096  # bytes of LogType=Tail
NOBODY = (65534, 65534)
STARTING = "fork/exec /var/task/bootstrap"
MACHINES = {"x86_64": 62, "arm64": 183, "aarch64": 183}  # e_machine of an ELF file


class Outcome:
    """`error`: whether it is a fault of the function. `body`: the payload."""

    def __init__(self, body, error=False):
        self.body, self.error = body, error


def fault(kind, message):
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), error=True)


class Invocation:
    def __init__(self, function, payload, context=None):
        self.id, self.payload, self.context = str(uuid.uuid4()), payload, context
        self.function = function
        self.outcome = self.forced = self.deadline = None  # `forced`: by a fault rule
        self.delivered = threading.Event()
        self.done = threading.Event()
        self.log = b""

    def end(self, outcome):
        """The first outcome counts."""
        if not self.done.is_set():
            self.outcome = outcome
            self.done.set()

    def failed(self, kind, text):
        self.end(self.fault(kind, text))

    def fault(self, kind, text):
        return fault(kind, f"RequestId: {self.id} Error: {text}")

    def timed_out(self):
        return self.fault("Sandbox.Timedout", f"Task timed out after {self.function.timeout}.00 seconds")

    def result(self):
        return self.forced or self.outcome


class Environment:
    def __init__(self, function, machine):
        self.function, self.machine = function, machine
        self.changed = threading.Condition()
        self.current = None  # the invocation that was delivered, or waits to be
        self.busy, self.fresh, self.retired, self.exit = True, True, False, None
        self.logs = function.folder.parent / f"log-{secrets.token_hex(6)}"
        self.begun, self.ready = time.monotonic(), None
        listening = namespace.inside(machine.namespace, lambda: socket.create_server(("127.0.0.1", 0), backlog=16))
        self.address = "%s:%d" % listening.getsockname()
        self.server = Server(listening, self)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.process = self.start()
        threading.Thread(target=self.wait, daemon=True).start()

    def start(self):
        bootstrap = self.function.folder / "bootstrap"
        with open(self.logs, "wb") as log:
            return subprocess.Popen(
                namespace.command(self.machine.namespace, [bootstrap], NOBODY), cwd=self.function.folder, env=self.variables(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def variables(self):
        """The documented environment (developer guide, "Defined runtime environment variables"), and nothing of the machine's."""
        function = self.function
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(function.folder),
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "_HANDLER": function.handler,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_RUNTIME_API": self.address,
            # The role's credentials: nobody takes them.
            "AWS_ACCESS_KEY_ID": "ASIA" + secrets.token_hex(8).upper(),
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
            "AWS_SESSION_TOKEN": secrets.token_hex(64),
            **function.variables,
        }

    def wait(self):
        status = self.process.wait()
        kind, text = self.ended(status)
        with self.changed:
            self.exit = status
            if self.current is not None:
                self.current.failed(kind, text)
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def ended(self, status):
        with open(self.logs, "rb") as log:
            said = log.read(TAIL)
        if self.ready is None and (found := re.search(rb"setpriv: failed to execute [^:]*: (.*)", said)):
            return "Runtime.InvalidEntrypoint", f"{STARTING}: {found.group(1).decode().lower()}"
        if status < 0:
            return "Runtime.ExitError", f"Runtime exited with error: signal: {signal.strsignal(-status).lower()}"
        if status:
            return "Runtime.ExitError", f"Runtime exited with error: exit status {status}"
        return "Runtime.ExitError", "Runtime exited without providing a reason"

    # --- asked by the Runtime API

    def next(self):
        """Waits for work. None if there will be none."""
        with self.changed:
            self.ready = self.ready or time.monotonic()
            if self.current is not None and self.current.delivered.is_set():
                self.current = None
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.exit is not None or self.retired or self.current is not None)
            if self.exit is not None or self.current is None:
                return None
            current = self.current
            current.deadline = time.time() + self.function.timeout
            current.delivered.set()
            self.changed.notify_all()
            return current

    # --- asked by Invoke

    def run(self, invocation, rule=None):
        """Returns when the invocation has ended. `rule` is a fault rule of the test."""
        cold, self.fresh = self.fresh, False
        offset = 0 if cold else self.logs.stat().st_size
        began = time.monotonic()
        with self.changed:
            self.current, dead = invocation, self.exit
            self.changed.notify_all()
        if dead is not None:
            invocation.failed(*self.ended(dead))
        self.deliver(invocation)
        if rule is not None and invocation.delivered.is_set():
            self.disturb(invocation, rule)
        if not invocation.done.wait(self.function.timeout):
            invocation.end(invocation.timed_out())
            self.kill()
        init = self.ready - self.begun if cold and self.ready else None
        invocation.log = self.log(invocation, offset, time.monotonic() - began, init)

    def disturb(self, invocation, rule):
        """The process has the invocation. Whatever it answers, the rule decides."""
        kind = rule["kind"]
        if kind == "garbage":
            invocation.forced = Outcome(rule.get("value", "\x00\x01<garbage").encode())
        elif kind == "too_large":
            invocation.forced = too_large()
        elif kind in ("killed", "slow"):
            time.sleep(rule.get("seconds", 0))
            killed = invocation.fault("Runtime.ExitError", "Runtime exited with error: signal: killed")
            invocation.forced = killed if kind == "killed" else invocation.timed_out()
            self.kill()

    def deliver(self, invocation):
        """Waits until the process has asked for the invocation. A start that takes too long is a timeout."""
        with self.changed:
            self.changed.wait_for(lambda: invocation.delivered.is_set() or invocation.done.is_set(), timeout=INIT + self.function.timeout)
            late = not (invocation.delivered.is_set() or invocation.done.is_set())
        if late:
            self.finish(invocation, invocation.timed_out())
            self.kill()

    def finish(self, invocation, outcome):
        with self.changed:
            invocation.end(outcome)
            self.changed.notify_all()

    def log(self, invocation, offset, spent, init):
        with open(self.logs, "rb") as log:
            log.seek(offset)
            said = log.read()
        ms = spent * 1000
        head = f"START RequestId: {invocation.id} Version: $LATEST\n".encode()
        tail = f"\nEND RequestId: {invocation.id}\nREPORT RequestId: {invocation.id}\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms) + 1} ms\t"
        tail += f"Memory Size: {self.function.memory} MB\tMax Memory Used: 1 MB\t" + (f"Init Duration: {init * 1000:.2f} ms\t" if init else "") + "\n"
        return head + said.rstrip(b"\n") + tail.encode()

    def usable(self):
        return self.exit is None and not self.retired

    def retire(self):
        """Ends the environment, after the invocation that it works on."""
        with self.changed:
            self.retired = True
            self.changed.notify_all()
            busy = self.busy
        if not busy:
            self.kill()

    def kill(self):
        self.retired = True
        if self.exit is not None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def too_large():
    return fault("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")


def invoke(function, payload, opened, rule=None, context=None):
    """Runs one invocation in a free environment, or in a new one. Returns the ended Invocation."""
    invocation = Invocation(function, payload, context)
    if why := unable(function):
        invocation.failed("Runtime.InvalidEntrypoint", why)
        return invocation
    environment = taken(function, opened)
    try:
        environment.run(invocation, rule)
    finally:
        with function.lock:
            environment.busy = False
            if environment.retired or environment.exit is not None:
                if environment in function.environments:
                    function.environments.remove(environment)
        if environment.retired:
            environment.kill()
    return invocation


def unable(function):
    """Why the program cannot begin, or None. `setpriv` would give to a shell what is no program."""
    bootstrap = function.folder / "bootstrap"
    if not bootstrap.is_file():
        return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    with open(bootstrap, "rb") as program:
        head = program.read(20)
    machine = int.from_bytes(head[18:20], "little") if head.startswith(b"\x7fELF") else None
    runs = head.startswith(b"#!") or machine == MACHINES[function.architectures[0]] == MACHINES.get(platform.machine())
    return None if runs else f"{STARTING}: exec format error"


def taken(function, opened):
    with function.lock:
        function.environments = [one for one in function.environments if one.exit is None]
        for environment in function.environments:
            if not environment.busy and environment.usable():
                environment.busy = True
                return environment
        environment = Environment(function, function.machine(opened))
        function.environments.append(environment)
        return environment


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listening, environment):
        super().__init__(listening.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.environment = environment

    def handle_error(self, request, client_address):
        # A killed process does not read its answer.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    PATH = re.compile(r"/2018-06-01/runtime/(?:invocation/(?P<next>next)|invocation/(?P<id>[^/]+)/(?P<what>response|error)|init/(?P<init>error))")

    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        found = self.PATH.fullmatch(self.path)
        if not found or not found["next"]:
            return self.answer(404, {"errorType": "NotFound", "errorMessage": self.path})
        invocation = self.server.environment.next()
        if invocation is None:
            self.close_connection = True  # the environment is at its end
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.function.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):x}-{secrets.token_hex(12)};Sampled=0",
        }
        if invocation.context:
            headers["Lambda-Runtime-Client-Context"] = invocation.context
        return self.reply(200, invocation.payload, headers)

    def do_POST(self):
        body, environment = self.body(), self.server.environment
        found = self.PATH.fullmatch(self.path)
        current = environment.current
        if found and found["init"] and current is not None:
            environment.finish(current, Outcome(body, error=True))
            return self.answer(202, {"status": "OK"})
        if found and found["init"]:
            return self.answer(202, {"status": "OK"})
        if not found or not found["id"]:
            return self.answer(404, {"errorType": "NotFound", "errorMessage": self.path})
        if current is None or current.id != found["id"]:
            return self.answer(400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
        if found["what"] == "error":
            environment.finish(current, Outcome(body, error=True))
        elif len(body) > MOST + 100:
            environment.finish(current, too_large())
            return self.answer(413, {"errorType": "RequestEntityTooLarge", "errorMessage": f"Exceeded maximum allowed payload size ({MOST + 100} bytes)."})
        else:
            environment.finish(current, Outcome(body))
        return self.answer(202, {"status": "OK"})

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def answer(self, status, said):
        self.reply(status, json.dumps(said).encode())

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
