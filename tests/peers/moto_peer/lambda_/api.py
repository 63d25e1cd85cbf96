"""Lambda's REST API, 2015-03-31, as far as drills use it.

Only functions that are one zip with a program `bootstrap` run (provided.al2023). Not here: images,
layers, aliases, code in S3, reserved concurrency.
"""

import base64
import binascii
import io
import json
import math
import threading
import zipfile

from moto.ec2.models import ec2_backends

from ..clock import CLOCK
from ..control import CONTROL, LOCK, Pending
from . import interfaces, roles, runtime
from .functions import FAILED, FUNCTIONS, Function, unpack

RUNTIMES = ("provided.al2023", "provided.al2")
PAGE = 50
MOST_CODE = 70_167_211  # bytes of a CreateFunction request
MOST_UNZIPPED = 262_144_000
MOST_ASYNC = 1024 * 1024
# Faults of Invoke that happen while the function runs.
FAULTS = ("killed", "slow", "garbage", "too_large")
LIMIT = {"concurrency": 1000, "running": 0}
_counted = threading.Lock()


class Refused(Exception):
    """An error answer: status, code, message, further members of the body, headers."""

    def __init__(self, status, code, message, headers=(), **more):
        super().__init__(message)
        self.status, self.code, self.message, self.headers, self.more = status, code, message, list(headers), more


def error(status, code, message, headers=(), **more):
    """The form that SDKs parse: the code stands in a header. Lambda writes `Message` or `message`."""
    kind = "User" if status < 500 else "Service"
    body = json.dumps({"Type": kind, "Message": message, "message": message, **more}).encode()
    return status, [("Content-Type", "application/json"), ("x-amzn-errortype", code), *headers], body


def answer(request, body, headers, opened):
    """Returns (status, headers, body). Only Invoke runs without the peer's lock."""
    handler = OPERATIONS.get(request["action"])
    if handler is None:
        return error(404, "UnknownOperationException", "the peer does not know this operation of Lambda")
    try:
        with CONTROL.serving(request):
            if handler is invoke:
                return invoke(request, body, headers, opened)
            with LOCK:
                status, said = handler(request, json.loads(body) if body else {})
    except Refused as it:
        return error(it.status, it.code, it.message, it.headers, **it.more)
    return status, [("Content-Type", "application/json")], b"" if said is None else json.dumps(said).encode()


def invalid(message):
    return Refused(400, "InvalidParameterValueException", message)


def constraint(value, name, rule):
    return Refused(400, "ValidationException", f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}")


def missing(arn):
    return Refused(404, "ResourceNotFoundException", f"Function not found: {arn}")


def function_of(request):
    """The function by its name or ARN, whole or in part, and the version that is meant."""
    asked = request["params"]["FunctionName"]
    parts = asked.split(":")
    name = parts[parts.index("function") + 1] if "function" in parts else parts[1 if len(parts) == 3 else 0]
    after = parts[parts.index(name) + 1 :]
    version = request["params"].get("Qualifier") or (after[0] if after else "$LATEST")
    found = FUNCTIONS.get((request["account"], request["region"], name))
    if found is None or version not in ("$LATEST", found.version):
        arn = f"arn:aws:lambda:{request['region']}:{request['account']}:function:{name}"
        raise missing(arn if version == "$LATEST" else f"{arn}:{version}")
    return found, version


def tagged(request):
    arn = request["params"]["Resource"]
    found = next((one for one in FUNCTIONS.values() if one.arn == arn), None)
    if found is None or found.account != request["account"]:
        raise missing(arn)
    return found


# --- creation


def create(request, given):
    account, region, name = request["account"], request["region"], given["FunctionName"]
    if given.get("Runtime") not in RUNTIMES or given.get("PackageType", "Zip") != "Zip":
        raise invalid(f"The runtime parameter of {given.get('Runtime')} is not supported: the peer runs {', '.join(RUNTIMES)}.")
    if not given.get("Handler"):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    within(given, "Timeout", "timeout", 1, 900)
    within(given, "MemorySize", "memorySize", 128, 10240)
    assumable(account, given["Role"])
    vpc = checked_vpc(account, region, given.get("VpcConfig") or {})
    code = code_of(given.get("Code") or {})
    failure = None
    if rule := CONTROL.take("fails", request):
        failure = (rule.get("code", "InternalError"), rule.get("message") or FAILED.get(rule.get("code"), "The function could not be created."))
    elif vpc and (action := roles.missing(account, given["Role"])):
        raise invalid(f"The provided execution role does not have permissions to call {action.split(':')[1]} on EC2")
    if (account, region, name) in FUNCTIONS:
        raise Refused(409, "ResourceConflictException", f"Function already exist: {name}")
    made = Function(account, region, given, code, vpc, failure)
    try:
        unpack(io.BytesIO(code), made.folder)
    except (ValueError, OSError, zipfile.BadZipFile):
        interfaces.release(made, at_once=True)
        raise invalid("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
    FUNCTIONS[(account, region, name)] = made
    return 201, made.configured()


def within(given, key, name, least, most):
    value = given.get(key, least)
    if value > most:
        raise constraint(value, name, f"Member must have value less than or equal to {most}")
    if value < least:
        raise constraint(value, name, f"Member must have value greater than or equal to {least}")


def assumable(account, arn):
    if not arn.startswith("arn:aws:iam::"):
        raise constraint(arn, "role", "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+")
    if arn.split(":")[4] != account:
        raise Refused(403, "AccessDeniedException", "Cross-account pass role is not allowed.")
    role = roles.found(account, arn)
    if role is None or not roles.trusts_lambda(role) or CONTROL.take("role_refused", CONTROL.current()):
        raise invalid("The role defined for the function cannot be assumed by Lambda.")


def checked_vpc(account, region, wish):
    subnets, groups = wish.get("SubnetIds") or [], wish.get("SecurityGroupIds") or []
    if bool(subnets) != bool(groups):
        raise invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
    if not subnets:
        return None
    backend = ec2_backends[account][region]
    known = {subnet.id: subnet for zone in backend.subnets.values() for subnet in zone.values()}
    for subnet in subnets:
        if subnet not in known:
            raise invalid(
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
                f"EC2 Error Message: The subnet ID '{subnet}' does not exist"
            )
    vpcs = {known[subnet].vpc_id for subnet in subnets}
    for group in groups:
        found = backend.get_security_group_from_id(group)
        if found is None:
            raise invalid(
                "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
                f"EC2 Error Message: The security group '{group}' does not exist"
            )
        vpcs.add(found.vpc_id)
    if len(vpcs) != 1:
        raise invalid("Security Groups and subnets are not in the same VPC.")
    return {"SubnetIds": subnets, "SecurityGroupIds": groups, "VpcId": vpcs.pop()}


def code_of(given):
    unreadable = invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    if "ZipFile" not in given:
        raise invalid("Please provide a source for function code: the peer takes ZipFile alone.")
    try:
        code = base64.b64decode(given["ZipFile"], validate=True)
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (binascii.Error, zipfile.BadZipFile):
        raise unreadable from None
    if size > MOST_UNZIPPED:
        raise invalid(f"Unzipped size must be smaller than {MOST_UNZIPPED} bytes")
    return code


# --- reading, tags, changes


def get(request, _given):
    function, version = function_of(request)
    location = f"https://awslambda-{function.region}-tasks.s3.{function.region}.amazonaws.com/snapshots/{function.account}/{function.name}"
    told = {"Configuration": function.configured(version), "Code": {"RepositoryType": "S3", "Location": location}}
    return 200, {**told, "Tags": function.tags} if function.tags else told


def configuration(request, _given):
    function, version = function_of(request)
    return 200, function.configured(version)


def listed(request, _given):
    here = sorted(name for account, region, name in FUNCTIONS if (account, region) == (request["account"], request["region"]))
    size, marker = min(int(request["params"].get("MaxItems") or PAGE), PAGE), request["params"].get("Marker", "")
    here = [name for name in here if name > marker]
    told = {"Functions": [without_state(FUNCTIONS[(request["account"], request["region"], name)].configured()) for name in here[:size]]}
    return 200, {**told, "NextMarker": here[size - 1]} if len(here) > size else told


def without_state(told):
    """ListFunctions leaves these out (API reference, "ListFunctions")."""
    left_out = ("State", "StateReasonCode", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig")
    return {key: value for key, value in told.items() if key not in left_out}


def list_tags(request, _given):
    return 200, {"Tags": tagged(request).tags}


def tag(request, given):
    tagged(request).tags |= given["Tags"]
    return 204, None


def delete(request, _given):
    function, version = function_of(request)
    if version != "$LATEST":
        function.version = None
        return 204, None
    del FUNCTIONS[(function.account, function.region, function.name)]
    interfaces.release(function)
    function.close()
    return 204, None


def update(request, given):
    """A change ends the environments. A change of the VPC takes the delay `function`."""
    function, _ = function_of(request)
    if function.update is not None and not function.update.over():
        message = f"The operation cannot be performed at this time. An update is in progress for resource: {function.arn}"
        raise Refused(409, "ResourceConflictException", message)
    not_pending(function)
    within(given, "Timeout", "timeout", 1, 900)
    within(given, "MemorySize", "memorySize", 128, 10240)
    if "Role" in given:
        assumable(function.account, given["Role"])
        function.role = given["Role"]
    if "VpcConfig" in given:
        vpc = checked_vpc(function.account, function.region, given["VpcConfig"])
        function.end_environments()
        interfaces.release(function)
        function.vpc = vpc
        if vpc:
            function.interfaces = interfaces.acquire(function)
    for key, name in (("Timeout", "timeout"), ("MemorySize", "memory"), ("Description", "description"), ("Handler", "handler")):
        if key in given:
            setattr(function, name, given[key])
    if "Environment" in given:
        function.variables = given["Environment"].get("Variables") or {}
    function.changed()
    function.end_environments()
    function.update = Pending("InProgress", CONTROL.ready_after("function"))
    return 200, function.configured()


def not_pending(function):
    state, _, _ = function.state()
    if state in ("Pending", "Failed"):
        message = f"The operation cannot be performed at this time. The function is currently in the following state: {state}"
        raise Refused(409, "ResourceConflictException", message)
    return state


# --- invocation


def invoke(request, payload, headers, opened):
    how = headers.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
    most = MOST_ASYNC if how == "Event" else runtime.MOST
    with LOCK:
        function, version = function_of(request)
        if len(payload) > most:
            raise Refused(413, "RequestTooLargeException", f"Request must be smaller than {most} bytes for the InvokeFunction operation")
        if payload and not is_json(payload):
            raise Refused(400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
        state = not_pending(function)
        if state == "Active" and CONTROL.take("inactive", request):
            function.become_inactive()
            state = "Inactive"
        if state == "Inactive":
            function.begin("Restoring")
            message = "The function was inactive, and its connection to the VPC is being restored. Try again shortly."
            raise Refused(502, "ResourceNotReadyException", message)
        function.invoked()
        if how == "DryRun":
            return 204, [], b""
        rule = next((found for kind in FAULTS if (found := CONTROL.take(kind, request))), None)
    admitted()
    work = (function, payload or b"{}", opened, rule, headers.get("HTTP_X_AMZ_CLIENT_CONTEXT"))
    if how == "Event":
        threading.Thread(target=counted, args=work, daemon=True).start()
        return 202, [("X-Amzn-RequestId", request_id())], b""
    invocation = counted(*work)
    outcome = invocation.result()
    said = [("Content-Type", "application/json"), ("X-Amzn-RequestId", invocation.id), ("X-Amz-Executed-Version", version)]
    if outcome.error:
        said.append(("X-Amz-Function-Error", "Unhandled"))
    if headers.get("HTTP_X_AMZ_LOG_TYPE") == "Tail":
        said.append(("X-Amz-Log-Result", base64.b64encode(invocation.log[-runtime.TAIL :]).decode()))
    return 200, said, outcome.body


def is_json(payload):
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


def request_id():
    return runtime.Invocation(None, b"").id


def too_many(reason="ConcurrentInvocationLimitExceeded", seconds=1):
    return Refused(429, "TooManyRequestsException", "Rate Exceeded.", [("Retry-After", str(math.ceil(seconds)))], Reason=reason)


def admitted():
    with _counted:
        if LIMIT["running"] >= LIMIT["concurrency"]:
            raise too_many()
        LIMIT["running"] += 1


def counted(function, *work):
    try:
        invocation = runtime.invoke(function, *work)
        with LOCK:
            function.used = max(function.used, CLOCK.now())
        return invocation
    finally:
        with _counted:
            LIMIT["running"] -= 1


OPERATIONS = {
    "CreateFunction": create, "GetFunction": get, "GetFunctionConfiguration": configuration, "ListFunctions": listed, "ListTags": list_tags,
    "TagResource": tag, "DeleteFunction": delete, "UpdateFunctionConfiguration": update, "Invoke": invoke,
}  # fmt: skip
