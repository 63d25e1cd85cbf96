"""Error answers in each service's own protocol. An SDK takes them for AWS's."""

import json
from xml.sax.saxutils import escape

from moto.core.utils import get_service_model

from .lambda_ import api as lambda_api

REQUEST_ID = "00000000-0000-4000-8000-000000000000"
NAMESPACES = {
    "rds": "http://rds.amazonaws.com/doc/2014-10-31/",
    "cloudformation": "http://cloudformation.amazonaws.com/doc/2010-05-15/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
THROTTLE = {"ec2": (503, "RequestLimitExceeded", "Request limit exceeded."), "s3": (503, "SlowDown", "Please reduce your request rate.")}
UNAVAILABLE = {"ec2": "Unavailable", "s3": "ServiceUnavailable"}
INTERNAL = {"ec2": "InternalError", "s3": "InternalError"}


def error(service, status, code, message, json_protocol=False):
    """Returns (status, headers, body)."""
    if service == "lambda":
        return of_lambda(status, code, message)
    code, message = escape(code), escape(message)
    if json_protocol:
        body = json.dumps({"__type": code, "message": message})
        return status, [("Content-Type", "application/x-amz-json-1.1")], body.encode()
    if service == "ec2":
        failure = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f"<Response><Errors>{failure}</Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId><HostId>peer</HostId></Error>"
    else:
        kind = "Receiver" if status >= 500 else "Sender"
        space = NAMESPACES.get(service, "https://iam.amazonaws.com/doc/2010-05-08/")
        body = (
            f'<ErrorResponse xmlns="{space}"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>'
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
    return status, [("Content-Type", "application/xml")], ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode()


def denied(request, action, json_protocol):
    """Each service's answer to a caller without the permission."""
    service = request["service"]
    if service == "ec2":
        return error(service, 403, "UnauthorizedOperation", f"You are not authorized to perform this operation: {action}.")
    code, status = ("AccessDeniedException", 400) if json_protocol else ("AccessDenied", 403)
    if service == "lambda":
        code = "AccessDeniedException"
    message = f"User is not authorized to perform: {action} because no identity-based policy allows the {action} action"
    return error(service, status, code, message, json_protocol)


def of_rule(rule, request, json_protocol):
    """The answer of a throttle, 500, 503, error, unseen, offered_in or quota rule."""
    service, kind = request["service"], rule["kind"]
    if kind == "unseen":
        return nothing(request)
    if kind == "quota":
        body = json.dumps({"Quota": {"Value": float(rule["value"])}})
        return 200, [("Content-Type", "application/x-amz-json-1.1")], body.encode()
    if kind == "offered_in":
        return offered(request, rule["zones"])
    if kind == "throttle" and service == "lambda":
        reason = "ConcurrentInvocationLimitExceeded" if request["action"] == "Invoke" else "CallerRateLimitExceeded"
        refused = lambda_api.too_many(rule.get("value", reason), rule.get("seconds", 1))
        return lambda_api.error(refused.status, refused.code, refused.message, refused.headers, **refused.more)
    if kind == "throttle":
        default = (400, "ThrottlingException" if json_protocol else "Throttling", "Rate exceeded")
        status, code, message = THROTTLE.get(service, default)
    elif kind == "500":
        status, code, message = 500, INTERNAL.get(service, "InternalFailure"), "An internal error has occurred."
    elif kind == "503":
        status, code, message = 503, UNAVAILABLE.get(service, "ServiceUnavailable"), "The service is unavailable. Try again shortly."
    else:
        code, message = rule.get("code", "InvalidParameterValue"), rule.get("message", "Refused by a test.")
        status = rule.get("status") or (lambda_status(code) if service == "lambda" else 400)
    return error(service, status, code, message, json_protocol)


def of_lambda(status, code, message):
    code = {"InternalFailure": "ServiceException"}.get(code, code)
    return lambda_api.error(status, code, message)


def lambda_status(code):
    """The status that Lambda's API model gives to an error."""
    model = get_service_model("lambda")
    return next((shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes if shape.name == code), 400)


def offered(request, zones):
    """DescribeInstanceTypeOfferings: the requested types, in these zones only."""
    types = [value for key, value in sorted(request["params"].items()) if key.startswith("Filter.1.Value")]
    items = "".join(
        f"<item><instanceType>{kind}</instanceType><locationType>availability-zone-id</locationType><location>{zone}</location></item>"
        for kind in types
        for zone in zones
    )
    action = request["action"]
    body = f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{REQUEST_ID}</requestId>'
    body += f"<instanceTypeOfferingSet>{items}</instanceTypeOfferingSet></{action}Response>"
    return 200, [("Content-Type", "application/xml")], body.encode()


def nothing(request):
    """An empty list: a describing call of EC2 that does not see a new resource yet."""
    action = request["action"]
    body = f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{REQUEST_ID}</requestId></{action}Response>'
    return 200, [("Content-Type", "application/xml")], body.encode()


DELETING = ("Delete", "Terminate", "Deregister", "Release", "Detach", "Disassociate")


def undeletable(request):
    """AWS's answer if something still uses the resource.

    None if the request deletes nothing.
    """
    service, action = request["service"], request["action"]
    if not action.startswith(DELETING):
        return None
    if service == "ec2":
        return error(service, 400, "DependencyViolation", "The resource has a dependent object and cannot be deleted.")
    if service == "rds":
        code = "InvalidDBSubnetGroupStateFault" if action == "DeleteDBSubnetGroup" else "InvalidDBInstanceState"
        return error(service, 400, code, "The resource is in use and cannot be deleted.")
    if service == "s3":
        code = ("BucketNotEmpty", 409) if action == "DeleteBucket" else ("AccessDenied", 403)
        return error(service, code[1], code[0], "The resource cannot be deleted.")
    if service == "lambda":
        return error(service, 409, "ResourceConflictException", "The function cannot be deleted.")
    return error(service, 400, "ValidationError", "The resource cannot be deleted.")


def service_role(account, name):
    """GetRole of a service-linked role. moto has none, and no call of a drill makes one."""
    return (
        '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>'
        f"<Path>/aws-service-role/</Path><RoleName>{escape(name)}</RoleName><RoleId>AROA00000000000000000</RoleId>"
        f"<Arn>arn:aws:iam::{account}:role/aws-service-role/{escape(name)}</Arn><CreateDate>2020-01-01T00:00:00Z</CreateDate>"
        f"</Role></GetRoleResult><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></GetRoleResponse>"
    ).encode()


def aliases(request, managed):
    """Cloud Control, as far as drills ask it: the aliases of KMS. Without an estate they are AWS's own."""
    if request["params"].get("TypeName") != "AWS::KMS::Alias":
        return error("cloudcontrolapi", 400, "TypeNotFoundException", "unknown type", json_protocol=True)
    rows = {name: json.dumps({"AliasName": name, "TargetKeyId": key}) for name, key in managed.items()}
    headers = [("Content-Type", "application/x-amz-json-1.0")]
    if request["action"] == "GetResource":
        name = request["params"]["Identifier"]
        said = {"TypeName": "AWS::KMS::Alias", "ResourceDescription": {"Identifier": name, "Properties": rows[name]}}
    else:
        # The handler lists names alone.
        said = {"TypeName": "AWS::KMS::Alias", "ResourceDescriptions": [{"Identifier": name, "Properties": json.dumps({"AliasName": name})} for name in rows]}
    return 200, headers, json.dumps(said).encode()
