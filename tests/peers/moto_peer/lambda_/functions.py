"""Functions and their states.

`Pending` lasts for the delay `function` of POST /peer/delays. A function that was not invoked for the
delay `function_idle` (14 days by default) is `Inactive`: its interfaces are reclaimed. The fault kind
`fails` makes a new function `Failed`.
"""

import base64
import hashlib
import itertools
import math
import shutil
import threading
import uuid
import zipfile
from datetime import datetime, timezone

from ..clock import CLOCK
from ..control import CONTROL, Pending
from . import interfaces, namespace, network

REASONS = {
    "Creating": "The function is being created.",
    "Restoring": "The function is being restored.",
    "Idle": "The function was idle for too long.",
}
FAILED = {
    "EniLimitExceeded": "The function's VPC has reached its limit of network interfaces.",
    "InsufficientRolePermissions": "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
    "SubnetOutOfIPAddresses": "One or more of the function's subnets has no available IP addresses.",
}
_numbers = itertools.count(1)
FUNCTIONS = {}  # (account, region, name) → Function


def stamp():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


class Function:
    def __init__(self, account, region, given, code, vpc, failure=None):
        """`failure`: (code, text) of the state in which the creation ends."""
        self.account, self.region, self.name = account, region, given["FunctionName"]
        self.arn = f"arn:aws:lambda:{region}:{account}:function:{self.name}"
        self.role, self.handler, self.runtime = given["Role"], given["Handler"], given["Runtime"]
        self.description, self.timeout, self.memory = given.get("Description", ""), given.get("Timeout", 3), given.get("MemorySize", 128)
        self.variables = (given.get("Environment") or {}).get("Variables") or {}
        self.architectures = given.get("Architectures") or ["x86_64"]
        self.tags = dict(given.get("Tags") or {})
        self.version = "1" if given.get("Publish") else None
        self.vpc, self.failure = vpc, failure
        self.code_size, self.code_hash = len(code), base64.b64encode(hashlib.sha256(code).digest()).decode()
        self.folder = namespace.folder() / f"function-{next(_numbers)}"
        self.lock = threading.Lock()
        self.environments = []
        self.alone = None  # the machine of a function without a VPC
        self.interfaces = []
        self.inactive = False
        self.update = None  # Pending, while the last update is in progress
        self.changed()
        self.begin("Creating")

    def begin(self, code):
        self.pending = Pending(code, CONTROL.ready_after("function"))
        self.used = self.pending.until
        self.inactive = False
        if self.failure is None and self.vpc:
            try:
                self.interfaces = interfaces.acquire(self)
            except interfaces.NoAddress:
                self.failure = ("SubnetOutOfIPAddresses", FAILED["SubnetOutOfIPAddresses"])

    def changed(self):
        self.modified, self.revision = stamp(), str(uuid.uuid4())

    def state(self):
        """Returns (state, reason code, reason); the last two are None if it is active."""
        if not self.pending.over() or CONTROL.never_ready(self.name):
            return "Pending", self.pending.word, REASONS[self.pending.word]
        if self.failure:
            return "Failed", *self.failure
        if not self.inactive and CLOCK.now() - self.used >= CONTROL.ready_after("function_idle"):
            self.become_inactive()
        return ("Inactive", "Idle", REASONS["Idle"]) if self.inactive else ("Active", None, None)

    def become_inactive(self):
        self.inactive = True
        self.end_environments()
        interfaces.release(self, at_once=True)

    def invoked(self):
        if self.used < math.inf:
            self.used = max(self.used, CLOCK.now())

    def machine(self, opened):
        """Where the next environment runs."""
        if self.interfaces:
            return self.interfaces[len(self.environments) % len(self.interfaces)].machine(opened)
        if self.alone is None:
            self.alone = network.Machine()  # no network at all, not even the internet
        return self.alone

    def end_environments(self):
        with self.lock:
            ended, self.environments = self.environments, []
        for environment in ended:
            environment.retire()

    def close(self):
        self.end_environments()
        if self.alone is not None:
            self.alone.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configured(self, version="$LATEST"):
        state, code, reason = self.state()
        updating = self.update is not None and not self.update.over()
        last = "InProgress" if updating else "Failed" if state == "Failed" else "Successful"
        told = {
            "FunctionName": self.name,
            "FunctionArn": self.arn if version == "$LATEST" else f"{self.arn}:{version}",
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.code_size,
            "Description": self.description,
            "Timeout": self.timeout,
            "MemorySize": self.memory,
            "LastModified": self.modified,
            "CodeSha256": self.code_hash,
            "Version": version,
            "TracingConfig": {"Mode": "PassThrough"},
            "RevisionId": self.revision,
            "State": state,
            "LastUpdateStatus": last,
            "PackageType": "Zip",
            "Architectures": self.architectures,
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.name}"},
        }
        if self.vpc:
            told["VpcConfig"] = {**self.vpc, "Ipv6AllowedForDualStack": False}
        if self.variables:
            told["Environment"] = {"Variables": self.variables}
        if code:
            told |= {"StateReasonCode": code, "StateReason": reason}
        return told


def unpack(code, folder):
    """Unpacks a zip with the permissions that it has, as Lambda does."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(code) as archive:
        for entry in archive.infolist():
            path = folder / entry.filename
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ValueError(entry.filename)
            archive.extract(entry, folder)
            path.chmod(0o755 if path.is_dir() else (entry.external_attr >> 16) & 0o777 or 0o644)
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    folder.chmod(0o755)


def clear():
    for function in FUNCTIONS.values():
        function.close()
    FUNCTIONS.clear()
