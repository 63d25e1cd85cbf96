"""Identifies the AWS operation of an HTTP request, before moto sees it."""

import io
import json
import re
from urllib.parse import parse_qsl, unquote, urlencode

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
        elif service in ("dynamodb", "route53resolver"):
            params = json_params(environ)
    elif service in REST:
        action, params = rest_operation(environ, service)
    elif service in ("s3", "unknown") and not is_form(environ):
        service = "s3"
        action, params = s3_operation(environ)
    elif service == "route53":
        action, params = route53_operation(environ)
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


# service → (method, path, operation). Groups of the path are params.
REST = {
    "backup": (
        ("GET", "/backup-vaults", "ListBackupVaults"),
        ("PUT", "/backup-vaults/(?P<vault>[^/]+)", "CreateBackupVault"),
        ("DELETE", "/backup-vaults/(?P<vault>[^/]+)", "DeleteBackupVault"),
        ("PUT", "/backup-vaults/(?P<vault>[^/]+)/access-policy", "PutBackupVaultAccessPolicy"),
        ("GET", "/backup-vaults/(?P<vault>[^/]+)/recovery-points", "ListRecoveryPointsByBackupVault"),
        ("GET", "/backup-vaults/(?P<vault>[^/]+)/recovery-points/(?P<point>.+)", "DescribeRecoveryPoint"),
        ("DELETE", "/backup-vaults/(?P<vault>[^/]+)/recovery-points/(?P<point>.+)", "DeleteRecoveryPoint"),
        ("GET", "/backup-vaults/(?P<vault>[^/]+)/access-policy", "GetBackupVaultAccessPolicy"),
        ("PUT", "/restore-jobs", "StartRestoreJob"),
        ("GET", "/restore-jobs", "ListRestoreJobs"),
        ("GET", "/restore-jobs/(?P<job>[^/]+)/metadata", "GetRestoreJobMetadata"),
        ("GET", "/restore-jobs/(?P<job>[^/]+)", "DescribeRestoreJob"),
        ("GET", "/copy-jobs", "ListCopyJobs"),
        ("PUT", "/copy-jobs", "StartCopyJob"),
        ("GET", "/copy-jobs/(?P<job>[^/]+)", "DescribeCopyJob"),
        ("GET", "/backup/plans", "ListBackupPlans"),
        ("GET", "/backup/plans/(?P<BackupPlanId>[^/]+)/selections", "ListBackupSelections"),
        ("PUT", "/backup/plans/(?P<BackupPlanId>[^/]+)/selections", "CreateBackupSelection"),
        ("GET", "/backup/plans/(?P<BackupPlanId>[^/]+)/selections/(?P<SelectionId>[^/]+)", "GetBackupSelection"),
        ("GET", "/tags/(?P<point>.+)", "ListTags"),
    ),
    "lambda": (
        ("POST", "/2015-03-31/functions", "CreateFunction"),
        ("GET", "/2015-03-31/functions", "ListFunctions"),
        ("GET", "/2015-03-31/functions/(?P<FunctionName>[^/]+)", "GetFunction"),
        ("DELETE", "/2015-03-31/functions/(?P<FunctionName>[^/]+)", "DeleteFunction"),
        ("GET", "/2015-03-31/functions/(?P<FunctionName>[^/]+)/configuration", "GetFunctionConfiguration"),
        ("PUT", "/2015-03-31/functions/(?P<FunctionName>[^/]+)/configuration", "UpdateFunctionConfiguration"),
        ("POST", "/2015-03-31/functions/(?P<FunctionName>[^/]+)/invocations", "Invoke"),
        ("GET", "/2017-03-31/tags/(?P<Resource>.+)", "ListTags"),
        ("POST", "/2017-03-31/tags/(?P<Resource>.+)", "TagResource"),
    ),
    "elasticfilesystem": (
        ("POST", "/2015-02-01/file-systems", "CreateFileSystem"),
        ("GET", "/2015-02-01/file-systems/replication-configurations", "DescribeReplicationConfigurations"),
        ("GET", "/2015-02-01/file-systems", "DescribeFileSystems"),
        ("DELETE", "/2015-02-01/file-systems/(?P<file_system>[^/]+)", "DeleteFileSystem"),
        ("POST", "/2015-02-01/resource-tags/(?P<file_system>[^/]+)", "TagResource"),
        ("POST", "/2015-02-01/mount-targets", "CreateMountTarget"),
        ("GET", "/2015-02-01/mount-targets", "DescribeMountTargets"),
        ("DELETE", "/2015-02-01/mount-targets/(?P<mount_target>[^/]+)", "DeleteMountTarget"),
    ),
}  # fmt: skip


def rest_operation(environ, service):
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/").rstrip("/") or "/"
    params = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    for verb, pattern, operation in REST[service]:
        found = re.fullmatch(pattern, path)
        if verb == method and found:
            # The payload of a function may hold secrets, and is nobody else's business.
            given = {} if operation == "Invoke" else json_params(environ)
            return operation, params | {key: unquote(value) for key, value in found.groupdict().items()} | given
    return "Unknown", params


def read_whole(environ):
    """The body. It is put back for whoever reads next."""
    stream, length = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)
    body = stream.read() if environ.get("wsgi.input_terminated") and not length else stream.read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def json_params(environ):
    """The texts of a JSON body, and its tags as `tag:KEY`."""
    body = read_whole(environ)
    try:
        given = json.loads(body) if body else {}
    except ValueError:
        return {}
    params = {key: redact(key, value) for key, value in given.items() if isinstance(value, str)}
    tags = {f"tag:{tag['Key']}": tag["Value"] for tag in given.get("Tags") or [] if isinstance(tag, dict)}
    if isinstance(given.get("Tags"), dict):
        tags = {f"tag:{key}": value for key, value in given["Tags"].items()}
    for name in ("SubnetIds", "SecurityGroupIds"):
        tags |= {f"{name}.{n}": value for n, value in enumerate((given.get("VpcConfig") or {}).get(name) or [], 1)}
    metadata = {f"Metadata.{key}": value for key, value in (given.get("Metadata") or {}).items()}
    tags |= {f"tag:{key}": value for key, value in (given.get("BackupVaultTags") or {}).items()}
    days = (given.get("Lifecycle") or {}).get("DeleteAfterDays")
    lifecycle = {} if days is None else {"Lifecycle.DeleteAfterDays": str(days)}
    return params | tags | metadata | lifecycle


ROUTE53 = (
    ("GET", "hostedzonesbyvpc", "ListHostedZonesByVPC"),
    ("GET", "hostedzone/(?P<zone>[^/]+)/rrset", "ListResourceRecordSets"),
    ("POST", "hostedzone/(?P<zone>[^/]+)/rrset", "ChangeResourceRecordSets"),
    ("POST", "hostedzone", "CreateHostedZone"),
    ("GET", "hostedzone", "ListHostedZones"),
    ("GET", "hostedzone/(?P<zone>[^/]+)", "GetHostedZone"),
    ("DELETE", "hostedzone/(?P<zone>[^/]+)", "DeleteHostedZone"),
    ("GET", "tags/hostedzone/(?P<zone>[^/]+)", "ListTagsForResource"),
    ("POST", "tags/hostedzone/(?P<zone>[^/]+)", "ChangeTagsForResource"),
    ("GET", "change/(?P<change>[^/]+)", "GetChange"),
)  # fmt: skip


def route53_operation(environ):
    """Knows only the operations of drills. Those that seed tests are `Unknown`."""
    path, method = environ.get("PATH_INFO", "/").strip("/"), environ["REQUEST_METHOD"]
    params = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    for verb, pattern, operation in ROUTE53:
        found = re.fullmatch("[^/]+/" + pattern, path)
        if verb == method and found:
            return operation, params | found.groupdict()
    return "Unknown", params


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
