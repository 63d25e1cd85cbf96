"""Identifies the AWS operation of an HTTP request, before moto sees it."""

import io
import json
import re
from urllib.parse import parse_qsl, unquote, urlencode

from . import rest

SECRET = ("password", "secret")
JSON_TARGET = "HTTP_X_AMZ_TARGET"


def identify(environ):
    """Returns {service, action, region, access_key, account, params}.

    It reads the body of query requests only, and puts it back.
    """
    service, region, access_key = credential_scope(environ)
    if environ.get(JSON_TARGET):
        action, params = environ[JSON_TARGET].rsplit(".", 1)[-1], {}
        if service == "cloudcontrolapi":
            params = json.loads(read_whole(environ) or b"{}")
    elif service in ("s3", "unknown") and not is_form(environ):
        service = "s3"
        action, params = s3_operation(environ)
    elif service in rest.MODELS:
        action, params = rest.operation(service, environ)
    elif service == "route53":
        action, params = route53_operation(environ)
    elif service in REST:
        action, params = rest_operation(service, environ), {}
    elif "/operation/" in environ.get("PATH_INFO", ""):  # RPC v2, with CBOR
        action, params = environ["PATH_INFO"].rsplit("/", 1)[1], {}
    else:
        pairs = parse_qsl(read_body(environ) + "&" + environ.get("QUERY_STRING", ""), keep_blank_values=True)
        params = {key: redact(key, value) for key, value in pairs if key not in ("Action", "Version")}
        action = dict(pairs).get("Action", "Unknown")
    return {
        "service": service,
        "action": action,
        "region": region,
        "access_key": access_key,
        "account": environ.get("HTTP_X_MOTO_ACCOUNT_ID") or account_of(access_key),
        "params": params,
    }


def credential_scope(environ):
    """Returns service, region and access key of a SigV4 header or a presigned URL."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    scope = None
    if "Credential=" in header:
        scope = header.split("Credential=", 1)[1].split(",")[0].strip()
    else:
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        scope = query.get("X-Amz-Credential")
    parts = (scope or "").split("/")
    if len(parts) != 5:
        return "unknown", "", ""
    access_key, _date, region, service, _ = parts
    return service, region, access_key


def account_of(access_key):
    from moto.iam.models import get_account_id_from

    return get_account_id_from(access_key)


def is_form(environ):
    return environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")


def read_body(environ):
    if not is_form(environ):
        return ""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body.decode("utf-8", "replace")


def redact(key, value):
    return "…" if any(word in key.lower() for word in SECRET) else value


# (method, level, key of the query, header) → operation. The query and the headers must hold these.
# The first row that fits counts. The level is account, bucket or key.
S3_OPERATIONS = (
    ("PUT", "key", "partNumber", "x-amz-copy-source", "UploadPartCopy"),
    ("PUT", "key", "partNumber", None, "UploadPart"),
    ("PUT", "key", "retention", None, "PutObjectRetention"),
    ("PUT", "key", "legal-hold", None, "PutObjectLegalHold"),
    ("PUT", "key", "tagging", None, "PutObjectTagging"),
    ("PUT", "key", "acl", None, "PutObjectAcl"),
    ("PUT", "key", None, "x-amz-copy-source", "CopyObject"),
    ("PUT", "key", None, None, "PutObject"),
    ("POST", "key", "uploads", None, "CreateMultipartUpload"),
    ("POST", "key", "uploadId", None, "CompleteMultipartUpload"),
    ("DELETE", "key", "uploadId", None, "AbortMultipartUpload"),
    ("DELETE", "key", "tagging", None, "DeleteObjectTagging"),
    ("DELETE", "key", None, None, "DeleteObject"),
    ("HEAD", "key", None, None, "HeadObject"),
    ("GET", "key", "uploadId", None, "ListParts"),
    ("GET", "key", "attributes", None, "GetObjectAttributes"),
    ("GET", "key", "tagging", None, "GetObjectTagging"),
    ("GET", "key", "acl", None, "GetObjectAcl"),
    ("GET", "key", "retention", None, "GetObjectRetention"),
    ("GET", "key", "legal-hold", None, "GetObjectLegalHold"),
    ("GET", "key", None, None, "GetObject"),
    ("POST", "bucket", "delete", None, "DeleteObjects"),
    ("GET", "bucket", "versions", None, "ListObjectVersions"),
    ("GET", "bucket", "uploads", None, "ListMultipartUploads"),
    ("GET", "bucket", "list-type", None, "ListObjectsV2"),
    ("GET", "bucket", "location", None, "GetBucketLocation"),
    ("GET", "account", None, None, "ListBuckets"),
    ("HEAD", "bucket", None, None, "HeadBucket"),
)  # fmt: skip
# ?policy and the like. The name of the operation is the verb, "Bucket" and this word.
S3_CONFIGURATION = {
    "versioning": "Versioning", "policy": "Policy", "policyStatus": "PolicyStatus", "tagging": "Tagging", "acl": "Acl",
    "encryption": "Encryption", "lifecycle": "LifecycleConfiguration", "replication": "Replication", "cors": "Cors",
    "publicAccessBlock": "PublicAccessBlock", "ownershipControls": "OwnershipControls", "logging": "Logging",
    "notification": "NotificationConfiguration", "object-lock": "ObjectLockConfiguration", "website": "Website",
}  # fmt: skip
S3_UNPREFIXED = ("PublicAccessBlock", "ObjectLockConfiguration")


# The reading operations of services that are told by method and path: a pattern of the path, and
# the operation.
REST = {
    "backup": (
        ("/backup-vaults/[^/]+/recovery-points/?", "ListRecoveryPointsByBackupVault"),
        ("/backup-vaults/?", "ListBackupVaults"),
        ("/backup/plans/[^/]+/selections/[^/]+", "GetBackupSelection"),
        ("/backup/plans/[^/]+/selections/?", "ListBackupSelections"),
        ("/backup/plans/?", "ListBackupPlans"),
        ("/copy-jobs/?", "ListCopyJobs"),
        ("/tags/.+", "ListTags"),
    ),
    "elasticfilesystem": (
        ("/2015-02-01/file-systems/replication-configurations", "DescribeReplicationConfigurations"),
        ("/2015-02-01/file-systems/?", "DescribeFileSystems"),
    ),
}  # fmt: skip


def rest_operation(service, environ):
    if environ["REQUEST_METHOD"] != "GET":
        return "Unknown"
    path = environ.get("PATH_INFO", "/")
    return next((operation for pattern, operation in REST[service] if re.fullmatch(pattern, path)), "Unknown")


def read_whole(environ):
    """The body. It is put back for whoever reads next."""
    stream, length = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    body = stream.read() if environ.get("wsgi.input_terminated") and not length else stream.read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def route53_operation(environ):
    """Knows only the operations of drills. Those that seed tests are `Unknown`."""
    known = {("GET", "hostedzonesbyvpc"): "ListHostedZonesByVPC"}
    path = environ.get("PATH_INFO", "/").strip("/").split("/")
    params = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    return known.get((environ["REQUEST_METHOD"], path[-1]), "Unknown"), params


def s3_operation(environ):
    method = environ["REQUEST_METHOD"]
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    path = environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")
    bucket, _, key = unquote(path.split("?", 1)[0]).lstrip("/").partition("/")
    level = "key" if key else "bucket" if bucket else "account"
    shown = {name: value for name, value in query.items() if not name.lower().startswith(("x-amz-", "x-id"))}
    params = {"method": method, "bucket": bucket, "key": key, "query": urlencode(shown)}
    owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER")
    if owner:
        params["owner"] = owner
    source = environ.get("HTTP_X_AMZ_COPY_SOURCE")
    if source:
        params["copy_source"] = unquote(source)
    for verb, where, wanted, header, operation in S3_OPERATIONS:
        if (verb, where) != (method, level) or (wanted is not None and wanted not in query):
            continue
        if header is None or source:
            return operation, params
    if level == "bucket":
        verb = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, method)
        for name, word in S3_CONFIGURATION.items():
            if name in query:
                return verb + ("" if word in S3_UNPREFIXED else "Bucket") + word, params
        return {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "GET": "ListObjects"}.get(method, "Unknown"), params
    return "Unknown", params
