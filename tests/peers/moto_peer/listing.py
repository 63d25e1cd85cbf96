"""Answers what `discover` asks, from a seeded estate (estate.py).

moto keeps no automated backups of deleted databases, no recovery points of AWS Backup, no
replication of EFS and no Cloud Control at all, and it pages few of its lists. So once an estate is
seeded, this module answers the listing operations instead of moto. The answers have the form that
botocore's models of the services say. A list never comes on one page if it has two items: a page
holds at most half of it, and at most what was asked for.

Not answered, and so still moto's: regions, zones, STS, everything that changes something.
"""

import functools
import json
from datetime import datetime
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from . import cbor
from .identify import read_whole

# operation → the key of its list
EC2 = {
    "DescribeInstances": "Reservations", "DescribeVolumes": "Volumes", "DescribeVpcs": "Vpcs", "DescribeSubnets": "Subnets",
    "DescribeSecurityGroups": "SecurityGroups", "DescribeNatGateways": "NatGateways", "DescribeNetworkInterfaces": "NetworkInterfaces",
    "DescribeVpcEndpoints": "VpcEndpoints", "DescribeLaunchTemplates": "LaunchTemplates", "DescribeTransitGateways": "TransitGateways",
    "DescribeSnapshots": "Snapshots", "DescribeImages": "Images",
}  # fmt: skip
RDS = {
    "DescribeDBInstances": "DBInstances", "DescribeDBClusters": "DBClusters", "DescribeGlobalClusters": "GlobalClusters",
    "DescribeDBInstanceAutomatedBackups": "DBInstanceAutomatedBackups", "DescribeDBClusterAutomatedBackups": "DBClusterAutomatedBackups",
    "DescribeDBSnapshots": "DBSnapshots", "DescribeDBClusterSnapshots": "DBClusterSnapshots", "DescribeDBSubnetGroups": "DBSubnetGroups",
    "DescribeDBParameterGroups": "DBParameterGroups", "DescribeOptionGroups": "OptionGroupsList",
}  # fmt: skip
BACKUP = {
    "ListBackupPlans": "BackupPlansList", "ListCopyJobs": "CopyJobs",
}  # fmt: skip


class Listing:
    def __init__(self):
        self.estate = None

    def answers(self, request):
        if self.estate is None:
            return False
        name = f"of_{request['service']}"
        return hasattr(self, name) and request["action"] in OPERATIONS.get(request["service"], ())

    def answer(self, environ, request):
        records = self.estate.place(request["account"], request["region"])
        return getattr(self, f"of_{request['service']}")(environ, request, records)

    # --- the services

    def of_ec2(self, _environ, request, records):
        action, params = request["action"], request["params"]
        if action == "DescribeInstanceAttribute":
            data = records.user_data.get(params["InstanceId"])
            return xml("ec2", action, {"InstanceId": params["InstanceId"], "UserData": {"Value": data} if data else {}})
        if action in ("DescribeKeyPairs", "DescribeAddresses"):
            return xml("ec2", action, {action.removeprefix("Describe"): records[action]})
        rows = records[action]
        if "self" in (params.get("RestorableBy.1"), params.get("ExecutableBy.1")):
            rows = records[action + "/shared"]
        rows, token = page(rows, params.get("MaxResults"), params.get("NextToken"), 1000)
        return xml("ec2", action, {EC2[action]: rows, "NextToken": token})

    def of_rds(self, _environ, request, records):
        action, params = request["action"], request["params"]
        kind = params.get("SnapshotType")
        rows, token = page(records[f"{action}/{kind}" if kind else action], params.get("MaxRecords"), params.get("Marker"), 100)
        return xml("rds", action, {RDS[action]: rows, "Marker": token})

    def of_cloudformation(self, _environ, request, records):
        if request["action"] == "GetTemplate":
            return xml("cloudformation", "GetTemplate", {"TemplateBody": records.templates[request["params"]["StackName"]]})
        rows, token = page(records["DescribeStacks"], None, request["params"].get("NextToken"), 100)
        return xml("cloudformation", "DescribeStacks", {"Stacks": rows, "NextToken": token})

    def of_s3(self, _environ, request, records):
        action = request["action"]
        if action == "ListBuckets":
            query = {key: value[0] for key, value in parse_qs(request["params"]["query"]).items()}
            rows, token = page(records["ListBuckets"], query.get("max-buckets"), query.get("continuation-token"), 10_000)
            inside = "".join(f"<Bucket><Name>{escape(name)}</Name><BucketRegion>{request['region']}</BucketRegion></Bucket>" for name in rows)
            token = f"<ContinuationToken>{token}</ContinuationToken>" if token else ""
            return s3(200, f"<ListAllMyBucketsResult><Buckets>{inside}</Buckets>{token}</ListAllMyBucketsResult>")
        name = request["params"]["bucket"]
        bucket = self.estate.buckets.get(name)
        if bucket is None:
            return s3(404, error("NoSuchBucket"))
        if action == "HeadBucket":
            wanted = request["params"].get("owner")
            region = [("x-amz-bucket-region", bucket["region"])]
            if bucket["region"] != request["region"]:
                return 301, region, [b""]
            return (403 if wanted != bucket["account"] else 200), region, [b""]
        if (bucket["account"], bucket["region"]) != (request["account"], request["region"]):
            return s3(403, error("AccessDenied"))
        absent, inside = bucket["answers"][action]
        return s3(404, error(absent)) if inside is None else s3(200, inside)

    def of_dynamodb(self, environ, request, records):
        action, given = request["action"], body(environ)
        if action == "ListTables":
            rows, token = page(sorted(records.tables), given.get("Limit"), given.get("ExclusiveStartTableName"), 100)
            return plain({"TableNames": rows, "LastEvaluatedTableName": token})
        if action == "ListBackups":
            rows, token = page(records["ListBackups"], given.get("Limit"), given.get("ExclusiveStartBackupArn"), 100)
            return plain({"BackupSummaries": rows, "LastEvaluatedBackupArn": token})
        if action == "DescribeBackup":
            return plain(records.backups[given["BackupArn"]])
        if action == "ListTagsOfResource":
            rows, token = page(records.tables[given["ResourceArn"].rsplit("/", 1)[1]][action], None, given.get("NextToken"), 100)
            return plain({"Tags": rows, "NextToken": token})
        return plain(records.tables[given["TableName"]][action])

    def of_elasticfilesystem(self, environ, request, records):
        query = {key: value[0] for key, value in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if request["action"] == "DescribeFileSystems":
            rows, token = page(records["DescribeFileSystems"], query.get("MaxItems"), query.get("Marker"), 100)
            return plain({"FileSystems": rows, "NextMarker": token})
        rows, token = page(records["DescribeReplicationConfigurations"], query.get("MaxResults"), query.get("NextToken"), 100)
        return plain({"Replications": rows, "NextToken": token})

    def of_backup(self, environ, request, records):
        action = request["action"]
        query = {key: value[0] for key, value in parse_qs(environ.get("QUERY_STRING", "")).items()}
        parts = unquote(environ["PATH_INFO"]).strip("/").split("/")
        asked = (query.get("maxResults") or query.get("MaxResults"), query.get("nextToken"), 1000)
        if action == "ListTags":
            return plain({"Tags": records.tags.get("/".join(parts[1:]), {})})
        if action == "GetBackupSelection":
            return plain(records.selections[(parts[2], parts[4])])
        if action == "ListBackupSelections":
            rows = [{"SelectionId": at[1]} for at in sorted(records.selections) if at[0] == parts[2]]
            rows, token = page(rows, *asked)
            return plain({"BackupSelectionsList": rows, "NextToken": token})
        if action == "ListBackupVaults":
            key = "ListBackupVaults/shared" if query.get("shared") == "true" else "ListBackupVaults"
            rows, token = page(records[key], *asked)
            return plain({"BackupVaultList": rows, "NextToken": token})
        if action == "GetBackupVaultAccessPolicy":
            policy = records.policies.get(parts[1])
            if policy is None:
                return plain({"__type": "ResourceNotFoundException", "Message": "no policy"}, 400)
            return plain({"BackupVaultName": parts[1], "Policy": policy})
        if action == "ListRecoveryPointsByBackupVault":
            owner = query.get("backupVaultAccountId", request["account"])
            rows, token = page(self.estate.place(owner, request["region"]).vaults[parts[1]], *asked)
            return plain({"RecoveryPoints": rows, "NextToken": token})
        rows, token = page(records[action], *asked)
        return plain({BACKUP[action]: rows, "NextToken": token})

    def of_cloudcontrolapi(self, environ, request, records):
        given = body(environ)
        rows = records.controlled.get(given["TypeName"], {})
        if request["action"] == "GetResource":
            if given["Identifier"] not in rows:
                return plain({"__type": "ResourceNotFoundException", "Message": "not found"}, 400)
            described = {"Identifier": given["Identifier"], "Properties": json.dumps(rows[given["Identifier"]])}
            return plain({"TypeName": given["TypeName"], "ResourceDescription": described})
        if given["TypeName"] == "AWS::EKS::Nodegroup":
            cluster = json.loads(given["ResourceModel"])["ClusterName"]
            rows = {key: value for key, value in rows.items() if value["ClusterName"] == cluster}
        # Most handlers list identifiers alone.
        short = [{"Identifier": key, "Properties": json.dumps(self.estate.in_list(given["TypeName"], value))} for key, value in rows.items()]
        short, token = page(short, given.get("MaxResults"), given.get("NextToken"), 100)
        return plain({"TypeName": given["TypeName"], "ResourceDescriptions": short, "NextToken": token})

    def of_iam(self, _environ, request, records):
        action = request["action"]
        if action == "GetAccountSummary":
            inside = f"<SummaryMap><entry><key>AccountAccessKeysPresent</key><value>{records.root_keys}</value></entry></SummaryMap>"
            return of_iam(action, inside)
        keys, token = page(records.access_keys.get(request["params"]["UserName"], []), None, request["params"].get("Marker"), 100)
        members = "".join(f"<member><UserName>u</UserName><AccessKeyId>AKIA</AccessKeyId><Status>{status}</Status><CreateDate>{made}</CreateDate></member>" for status, made in keys)
        more = f"<IsTruncated>true</IsTruncated><Marker>{token}</Marker>" if token else "<IsTruncated>false</IsTruncated>"
        return of_iam(action, f"<AccessKeyMetadata>{members}</AccessKeyMetadata>{more}")

    def of_route53(self, environ, request, records):
        zone = environ["PATH_INFO"].strip("/").split("/")[-2]
        rows, token = page(records.records.get(zone, []), None, request["params"].get("name"), 300)
        each = "".join(f"<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>{f'<TTL>{ttl}</TTL>' if ttl else ''}</ResourceRecordSet>" for name, kind, ttl in rows)
        more = f"<IsTruncated>true</IsTruncated><NextRecordName>{token}</NextRecordName>" if token else "<IsTruncated>false</IsTruncated>"
        inside = f"<ResourceRecordSets>{each}</ResourceRecordSets>{more}<MaxItems>300</MaxItems>"
        return s3(200, f'<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">{inside}</ListResourceRecordSetsResponse>')

    def of_servicequotas(self, environ, request, records):
        given = body(environ)
        held = records.quotas if request["action"] == "GetServiceQuota" else records.default_quotas
        code = (given["ServiceCode"], given["QuotaCode"])
        if code not in held:
            return plain({"__type": "NoSuchResourceException", "Message": "no such quota"}, 400)
        return plain({"Quota": {"ServiceCode": code[0], "QuotaCode": code[1], "Value": held[code]}})

    def of_monitoring(self, environ, _request, records):
        given = cbor.decode(read_whole(environ))
        found = []
        for query in given["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            key = (metric["Namespace"], metric["MetricName"], *sorted((d["Name"], d["Value"]) for d in metric["Dimensions"]))
            values = [float(records.metrics[key])] if key in records.metrics else []
            found.append({"Id": query["Id"], "Label": metric["MetricName"], "Values": values, "Timestamps": [datetime(2026, 1, 1) for _ in values], "StatusCode": "Complete"})
        rows, token = page(found, None, given.get("NextToken"), 500)
        answer = {"MetricDataResults": rows, **({"NextToken": token} if token else {})}
        return 200, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], [cbor.encode(answer)]


OPERATIONS = {
    "ec2": {*EC2, "DescribeInstanceAttribute", "DescribeKeyPairs", "DescribeAddresses"},
    "rds": set(RDS),
    "cloudformation": {"DescribeStacks", "GetTemplate"},
    "s3": {"ListBuckets", "HeadBucket", "GetBucketEncryption", "GetBucketReplication", "GetBucketPolicy", "GetBucketTagging", "GetBucketVersioning", "GetObjectLockConfiguration"},
    "dynamodb": {"ListTables", "ListBackups", "DescribeBackup", "DescribeTable", "DescribeContinuousBackups", "ListTagsOfResource"},
    "elasticfilesystem": {"DescribeFileSystems", "DescribeReplicationConfigurations"},
    "backup": {*BACKUP, "ListBackupVaults", "ListRecoveryPointsByBackupVault", "ListTags", "GetBackupSelection", "ListBackupSelections", "GetBackupVaultAccessPolicy"},
    "cloudcontrolapi": {"ListResources", "GetResource"},
    "monitoring": {"GetMetricData"},
    "iam": {"GetAccountSummary", "ListAccessKeys"},
    "route53": {"ListResourceRecordSets"},
    "servicequotas": {"GetServiceQuota", "GetAWSDefaultServiceQuota"},
}  # fmt: skip


def page(rows, size, token, most):
    """At most half of the list, and at most what was asked for. The token is where to go on."""
    if size is not None and int(size) > most:
        raise ValueError(f"a page of {size} is more than the API takes ({most})")
    rows = list(rows)
    start = int(str(token).removeprefix("at-")) if token else 0
    end = start + min(int(size or most), max(1, len(rows) // 2))
    return rows[start:end], f"at-{end}" if end < len(rows) else None


def body(environ):
    return json.loads(read_whole(environ) or b"{}")


def plain(answer, status=200):
    """JSON with times in seconds, as the JSON protocols have them."""
    without = {key: value for key, value in answer.items() if value is not None}
    text = json.dumps(without, default=lambda at: at.timestamp())
    return status, [("Content-Type", "application/x-amz-json-1.0")], [text.encode()]


@functools.cache
def serializer(service, operation):
    model = get_service_model(service).operation_model(operation)
    protocol = {"ec2": "ec2", "rds": "query", "cloudformation": "query"}[service]
    return get_serializer_class(service, protocol)(model)


def xml(service, operation, answer):
    without = {key: value for key, value in answer.items() if value is not None}
    done = serializer(service, operation).serialize(without)
    text = done["body"]
    return done["status_code"], [("Content-Type", "text/xml")], [text.encode() if isinstance(text, str) else text]


def of_iam(action, inside):
    space = "https://iam.amazonaws.com/doc/2010-05-08/"
    text = f'<{action}Response xmlns="{space}"><{action}Result>{inside}</{action}Result></{action}Response>'
    return 200, [("Content-Type", "text/xml")], [text.encode()]


def s3(status, inside):
    return status, [("Content-Type", "application/xml")], [inside.encode()]


def error(code):
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
