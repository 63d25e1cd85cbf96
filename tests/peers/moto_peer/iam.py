"""IAM, as far as drills depend on it.

Policies of roles are enforced on every request of their sessions, and simulated. moto's own
enforcement (POST /moto-api/reset-auth) evaluates actions, and hardly any resource or condition.
This module evaluates Action, Resource and the conditions StringEquals, StringLike and
ForAnyValue:StringEquals. It takes the values from the request:

  aws:RequestedRegion   from the signature
  aws:RequestTag/K      from the tags that the request gives to a new resource
  aws:ResourceTag/K     from the tags that the resource has in moto (EC2, RDS, CloudFormation)
  s3:ResourceAccount    the owner of the bucket, or the caller if there is no bucket yet
  ec2:CreateAction      for the ec2:CreateTags that is part of a creation

A table of this module maps a request to its actions and resources. It follows the Service
Authorization Reference, and is independent of drillmaster's table.

  iam:PassedToService   of a role that is passed to AWS Backup or Lambda

Cloud Control asks each service with the caller's permissions. Which ones, the handlers of
CloudFormation's own resource schemas say, less NOT_TO_READ and ONLY_THEIR_OWN.

Not evaluated: Deny, NotAction, boundaries, policies of organizations, buckets and keys,
CloudFormation's use of the caller's permissions, the resources of JSON services (Service Quotas,
Secrets Manager) and of a request that names none. A role without policies here or in IAM may do
everything.
"""

import functools
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from xml.sax.saxutils import escape

import cfnlint

SIMULATE = "SimulatePrincipalPolicy"
# The paths of service-linked roles, which stand in their ARNs.
SERVICE_ROLES = {
    "AWSServiceRoleForRDS": "aws-service-role/rds.amazonaws.com/",
    "AWSServiceRoleForBackup": "aws-service-role/backup.amazonaws.com/",
    "AWSServiceRoleForAmazonElasticFileSystem": "aws-service-role/elasticfilesystem.amazonaws.com/",
    "AWSServiceRoleForRoute53Resolver": "aws-service-role/route53resolver.amazonaws.com/",
}
# The resources that a request makes. They have no id yet.
MADE = {
    "CreateVpc": ["vpc"], "CreateSubnet": ["subnet"], "CreateSecurityGroup": ["security-group"], "CopySnapshot": ["snapshot"],
    "CopyImage": ["image", "snapshot"], "CreateVolume": ["volume"], "RunInstances": ["instance", "volume", "network-interface"],
    "ImportKeyPair": ["key-pair"], "AllocateAddress": ["elastic-ip"],
}  # fmt: skip
EC2_IDS = {
    "vpc": "vpc", "subnet": "subnet", "sg": "security-group", "snap": "snapshot", "ami": "image", "vol": "volume", "i": "instance",
    "eipalloc": "elastic-ip",
}  # fmt: skip
WITHOUT_ACCOUNT = ("snapshot", "image")
RDS_MADE = {
    "CreateDBSubnetGroup": "DBSubnetGroupName", "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
    "CopyDBClusterSnapshot": "TargetDBClusterSnapshotIdentifier", "RestoreDBInstanceFromDBSnapshot": "DBInstanceIdentifier",
    "RestoreDBInstanceToPointInTime": "TargetDBInstanceIdentifier", "RestoreDBClusterFromSnapshot": "DBClusterIdentifier",
    "RestoreDBClusterToPointInTime": "DBClusterIdentifier",
    "CreateDBInstance": "DBInstanceIdentifier", "CreateDBInstanceReadReplica": "DBInstanceIdentifier",
}  # fmt: skip
RDS_NAMES = {
    "DBInstanceIdentifier": "db", "TargetDBInstanceIdentifier": "db", "SourceDBInstanceIdentifier": "db", "DBClusterIdentifier": "cluster",
    "SourceDBClusterIdentifier": "cluster", "DBSnapshotIdentifier": "snapshot", "TargetDBSnapshotIdentifier": "snapshot", "SourceDBSnapshotIdentifier": "snapshot",
    "DBClusterSnapshotIdentifier": "cluster-snapshot", "TargetDBClusterSnapshotIdentifier": "cluster-snapshot",
    "SourceDBClusterSnapshotIdentifier": "cluster-snapshot", "SnapshotIdentifier": "cluster-snapshot", "DBSubnetGroupName": "subgrp",
    "DBParameterGroupName": "pg", "DBClusterParameterGroupName": "cluster-pg", "OptionGroupName": "og",
}  # fmt: skip
# operation → actions on the bucket, actions on the object
S3 = {
    "HeadBucket": (["ListBucket"], []), "ListObjectsV2": (["ListBucket"], []), "ListObjects": (["ListBucket"], []),
    "ListObjectVersions": (["ListBucketVersions"], []), "ListMultipartUploads": (["ListBucketMultipartUploads"], []),
    "CreateBucket": (["CreateBucket", "TagResource"], []), "DeleteBucket": (["DeleteBucket"], []),
    "PutPublicAccessBlock": (["PutBucketPublicAccessBlock"], []), "GetPublicAccessBlock": (["GetBucketPublicAccessBlock"], []), "PutBucketEncryption": (["PutEncryptionConfiguration"], []),
    "GetBucketEncryption": (["GetEncryptionConfiguration"], []), "GetBucketReplication": (["GetReplicationConfiguration"], []),
    "GetObjectLockConfiguration": (["GetBucketObjectLockConfiguration"], []),
    "HeadObject": ([], ["GetObject"]), "GetObject": ([], ["GetObject"]), "GetObjectTagging": ([], ["GetObjectTagging"]),
    "PutObject": ([], ["PutObject"]), "CreateMultipartUpload": ([], ["PutObject"]), "UploadPart": ([], ["PutObject"]),
    "CompleteMultipartUpload": ([], ["PutObject"]), "AbortMultipartUpload": ([], ["AbortMultipartUpload"]),
    "UploadPartCopy": ([], ["PutObject"]), "CopyObject": ([], ["PutObject", "PutObjectTagging"]),
    "DeleteObject": ([], ["DeleteObject"]),
    "DeleteObjects": ([], ["DeleteObject", "DeleteObjectVersion"]),
}  # fmt: skip
OF_VERSIONS = {"GetObject": "GetObjectVersion", "GetObjectTagging": "GetObjectVersionTagging"}


class Iam:
    def __init__(self):
        self.policies = {}  # role's ARN → policy documents
        self.sessions = {}  # access key → role's ARN
        self.own = lambda role: None  # the policies that IAM itself has of a role
        self.used = set()  # the actions that sessions with policies have needed

    def set(self, policies):
        for role, documents in policies.items():
            for statement in statements(documents):
                check(statement)
            self.policies[role] = documents
        return {"roles": sorted(self.policies)}

    def clear(self):
        self.policies.clear()

    def assumed(self, request, body):
        """Remembers the role of the session that an answer of AssumeRole gives."""
        key = re.search(rb"<AccessKeyId>([^<]+)</AccessKeyId>", body)
        if key:
            self.sessions[key.group(1).decode()] = request["params"].get("RoleArn")

    def refused(self, request):
        """The first action that the caller may not do, or None."""
        documents = self.policies.get(self.sessions.get(request["access_key"]))
        if documents is None or request["service"] == "sts":
            return None
        for action, resource, context in authorised(request):
            if not allowed(documents, action, resource, {"aws:RequestedRegion": request["region"], **context}):
                return {"action": action, "resource": resource, "context": context}
            self.used.add(action)
        return None

    def simulate(self, params):
        role = params["PolicySourceArn"]
        actions, resources = listed(params, "ActionNames"), listed(params, "ResourceArns") or ["*"]
        context = {}
        for n in range(1, 100):
            key = params.get(f"ContextEntries.member.{n}.ContextKeyName")
            if key is None:
                break
            context[key] = params[f"ContextEntries.member.{n}.ContextKeyValues.member.1"]
        documents = self.policies.get(role, self.own(role))
        members = []
        for action in actions:
            each = [(on, documents is None or allowed(documents, action, on, context)) for on in resources]
            said = "".join(
                f"<member><EvalResourceName>{escape(on)}</EvalResourceName><EvalResourceDecision>{decision(may)}</EvalResourceDecision></member>"
                for on, may in each
            )
            members.append(
                f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resources[0])}</EvalResourceName>"
                f"<EvalDecision>{decision(all(may for _, may in each))}</EvalDecision>"
                f"<ResourceSpecificResults>{said}</ResourceSpecificResults></member>"
            )
        return (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>'
            f"<IsTruncated>false</IsTruncated><EvaluationResults>{''.join(members)}</EvaluationResults>"
            "</SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
        ).encode()


def decision(may):
    return "allowed" if may else "implicitDeny"


def listed(params, name):
    found = []
    while (value := params.get(f"{name}.member.{len(found) + 1}")) is not None:
        found.append(value)
    return found


# --- policies


def several(value):
    return value if isinstance(value, list) else [value]


def statements(documents):
    return [statement for document in documents for statement in several(document["Statement"])]


def check(statement):
    """Refuses elements that this module does not evaluate."""
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    tests = set(statement.get("Condition", {})) - {"StringEquals", "StringLike", "ForAnyValue:StringEquals"}
    if unknown or tests or statement["Effect"] != "Allow":
        raise ValueError(f"not evaluated: {sorted(unknown | tests)} {statement['Effect']}")
    if not re.fullmatch("[A-Za-z0-9]*", statement.get("Sid", "")):
        raise ValueError(f"no Sid: {statement['Sid']}")


def like(pattern, text):
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def allowed(documents, action, resource, context):
    """Whether a statement allows the action.

    `resource` is None if the request does not name it. Then neither the resource nor its tags are
    evaluated.
    """
    for statement in statements(documents):
        if not any(like(pattern.lower(), action.lower()) for pattern in several(statement["Action"])):
            continue
        if resource is not None and not any(like(pattern, resource) for pattern in several(statement["Resource"])):
            continue
        if all(
            holds(test, key, several(wanted), context, resource)
            for test, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        ):
            return True
    return False


def holds(test, key, wanted, context, resource):
    if resource is None and key.startswith("aws:ResourceTag/"):
        return True
    value = context.get(key)
    if value is None:
        return False
    return value in wanted if test.endswith("StringEquals") else any(like(pattern, value) for pattern in wanted)


# --- the actions and resources of a request


def authorised(request):
    """Returns [(action, resource or None, context)]."""
    service, operation = request["service"], request["action"]
    if service == "s3":
        return of_s3(request)
    action = f"{service}:{operation}"
    if service == "iam":
        name = request["params"].get("RoleName")
        name = SERVICE_ROLES.get(name, "") + name if name else None
        on = f"arn:aws:iam::{request['account']}:role/{name}" if name else request["params"].get("PolicySourceArn")
        return [(action, on, {})]
    if service == "monitoring":
        return [(f"cloudwatch:{operation}", None, {})]
    if service == "cloudcontrolapi":
        return of_cloud_control(request)
    if service in ("ec2", "rds", "cloudformation"):
        if service == "cloudformation" and operation in ("DescribeStackEvents", "ListStackResources", "GetTemplate"):
            return [(action, stack_arn(request), {})]
        if operation == "DescribeStacks" and "StackName" not in request["params"]:
            return [(action, "*", {}), ("cloudformation:ListStacks", "*", {})]
        if operation.startswith(("Describe", "List")):
            return [(action, "*", {})]
        return {"ec2": of_ec2, "rds": of_rds, "cloudformation": of_stacks}[service](request, action)
    if service in JSON_SERVICES:
        return JSON_SERVICES[service](request, action)
    return [(action, None, {})]


# What a handler's permissions hold that a reader does not need: values of secrets and parameters,
# what only a change needs, and where logs are delivered to.
NOT_TO_READ = {
    "secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt", "iam:PassRole", "s3:getObject", "managed-fleets:Get*",
    "logs:GetLogDelivery",
}  # fmt: skip
# Handlers of other services may ask KMS and CloudWatch Logs for names. Without it they say less.
ONLY_THEIR_OWN = {"kms:DescribeKey": "AWS::KMS::Key", "logs:DescribeLogGroups": "AWS::Logs::LogGroup"}


def of_cloud_control(request):
    """Cloud Control asks for its own action, and each handler's permissions of the caller."""
    kind, handler = request["params"]["TypeName"], {"ListResources": "list", "GetResource": "read"}[request["action"]]
    needed = [(f"cloudformation:{request['action']}", "*", {})]
    for action in handlers(kind).get(handler, {}).get("permissions", []):
        of_another = ONLY_THEIR_OWN.get(action, kind) != kind
        if action not in NOT_TO_READ and not of_another:
            needed.append((action, None, {}))
    return needed


@functools.cache
def handlers(kind):
    """The handlers in CloudFormation's own schema of the type, which cfn-lint carries."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    of_types = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    return json.loads((schemas / "resources" / f"{of_types[kind]}.json").read_text()).get("handlers", {})


def of_ec2(request, action):
    params, operation = request["params"], request["action"]
    made = MADE.get(operation, [])
    needed = []
    if operation == "CreateTags":
        tags = {f"aws:RequestTag/{key}": value for key, value in pairs(params, "Tag").items()}
        ids = [value for name, value in params.items() if name.startswith("ResourceId.")]
        return [(action, ec2_arn(request, EC2_IDS[one.split("-")[0]], one), {**tags, **tags_of_ec2(request, one)}) for one in ids]
    for kind in made:
        tags = {f"aws:RequestTag/{key}": value for key, value in tags_for(params, kind).items()}
        arn = ec2_arn(request, kind, "*")
        needed.append((action, arn, tags))
        if tags:
            needed.append(("ec2:CreateTags", arn, {**tags, "ec2:CreateAction": operation}))
    for name, value in params.items():
        prefix = value.split("-")[0]
        if prefix in EC2_IDS and re.fullmatch(r"[a-z]+-[0-9a-f]{8,17}", value):
            needed.append((action, ec2_arn(request, EC2_IDS[prefix], value), tags_of_ec2(request, value)))
        elif name == "KeyName" and operation != "ImportKeyPair":
            needed.append((action, ec2_arn(request, "key-pair", value), tags_of_key(request, value)))
    return needed or [(action, None, {})]


def ec2_arn(request, kind, name):
    account = "" if kind in WITHOUT_ACCOUNT else request["account"]
    return f"arn:aws:ec2:{request['region']}:{account}:{kind}/{name}"


def tags_for(params, kind):
    """The tags that a request gives to new resources of this kind."""
    found = {}
    for n in range(1, 10):
        if params.get(f"TagSpecification.{n}.ResourceType") == kind:
            found |= pairs(params, f"TagSpecification.{n}.Tag")
    return found


def pairs(params, prefix):
    found = {}
    while (key := params.get(f"{prefix}.{len(found) + 1}.Key")) is not None:
        found[key] = params.get(f"{prefix}.{len(found) + 1}.Value", "")
    return found


def carried(tags):
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def ec2_backend(request):
    from moto.ec2.models import ec2_backends

    return ec2_backends[request["account"]][request["region"]]


def tags_of_ec2(request, thing):
    tags = ec2_backend(request).describe_tags({"resource-id": [thing]})
    return carried({tag["key"]: tag["value"] for tag in tags})


def tags_of_key(request, name):
    key = ec2_backend(request).key_pairs.get(name)
    return carried({tag["key"]: tag["value"] for tag in key.get_tags()}) if key else {}


def of_rds(request, action):
    params, operation = request["params"], request["action"]
    new = RDS_MADE.get(operation)
    tags = {f"aws:RequestTag/{key}": value for kind in ("Tag", "member") for key, value in pairs(params, f"Tags.{kind}").items()}
    if operation == "AddTagsToResource":
        return [(action, params["ResourceName"], {**tags, **tags_of_rds(request, params["ResourceName"])})]
    needed = []
    for name, kind in RDS_NAMES.items():
        if name not in params:
            continue
        value = params[name]
        arn = value if value.startswith("arn:") else f"arn:aws:rds:{request['region']}:{request['account']}:{kind}:{value}"
        if name == new:
            needed.append((action, arn, tags))
            if tags:
                needed.append(("rds:AddTagsToResource", arn, tags))
        else:
            needed.append((action, arn, tags_of_rds(request, arn)))
    return needed or [(action, None, {})]


def tags_of_rds(request, arn):
    from moto.rds.models import rds_backends

    backend = rds_backends[request["account"]][request["region"]]
    for holder in (backend.databases, backend.clusters, backend.database_snapshots, backend.cluster_snapshots, backend.subnet_groups):
        for thing in holder.values():
            if thing.arn == arn:
                return carried({tag["Key"]: tag["Value"] for tag in thing.get_tags()})
    return {}


def tags_given(request):
    """The tags that a request in JSON gives."""
    return {f"aws:RequestTag/{name[4:]}": value for name, value in request["params"].items() if name.startswith("tag:")}


# What the creation of a vault needs of its key (AWS Backup guide, "API permissions").
FOR_A_VAULT = ("CreateGrant", "GenerateDataKey", "Decrypt", "RetireGrant", "DescribeKey")


def tags_of_vault(arn):
    from . import backup

    return next((vault["tags"] for vault in backup.VAULTS if backup.vault_arn(vault) == arn), {})


def of_backup(request, action):
    params, operation = request["params"], request["action"]
    if operation == "StartRestoreJob":
        role = {"iam:PassedToService": "backup.amazonaws.com"}
        return [(action, params["RecoveryPointArn"], {}), ("iam:PassRole", params["IamRoleArn"], role)]
    if operation == "StartCopyJob":
        role = {"iam:PassedToService": "backup.amazonaws.com"}
        return [(action, params["RecoveryPointArn"], {}), ("iam:PassRole", params["IamRoleArn"], role)]
    if operation in ("DescribeRecoveryPoint", "DeleteRecoveryPoint"):
        return [(action, params["point"], {})]
    if "vault" in params:
        arn = f"arn:aws:backup:{request['region']}:{request['account']}:backup-vault:{params['vault']}"
        if operation == "CreateBackupVault":
            tags = tags_given(request)
            key = params.get("EncryptionKeyArn")
            of_key = [(f"kms:{verb}", key, {"kms:ViaService": f"backup.{request['region']}.amazonaws.com"}) for verb in FOR_A_VAULT] if key else []
            return [(action, arn, tags), ("backup:TagResource", arn, tags), ("backup-storage:MountCapsule", "*", {}), *of_key]
        return [(action, arn, carried(tags_of_vault(arn)))]
    if operation in ("ListBackupSelections", "GetBackupSelection"):
        return [(action, f"arn:aws:backup:{request['region']}:{request['account']}:backup-plan:{params['BackupPlanId']}", {})]
    if operation == "ListTags":
        return [(action, params["point"], {})]
    return [(action, "*", {})]


def of_efs(request, action):
    from moto.efs.models import efs_backends

    params = request["params"]
    name = params.get("file_system") or params.get("FileSystemId")
    start = f"arn:aws:elasticfilesystem:{request['region']}:{request['account']}:file-system/"
    backend = efs_backends[request["account"]][request["region"]]
    if "mount_target" in params:
        target = backend.mount_targets_by_id.get(params["mount_target"])
        name = target.file_system_id if target else None
    if name is None:
        return [(action, start + "*", {})]
    tags = {tag["Key"]: tag["Value"] for tag in backend.list_tags_for_resource(name)} if name in backend.file_systems_by_id else {}
    return [(action, start + name, {**tags_given(request), **carried(tags)})]


# What a restore does to the new table with the caller's permissions.
OF_RESTORES = ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")


def of_dynamodb(request, action):
    from moto.dynamodb.models import dynamodb_backends

    params = request["params"]
    if request["action"].startswith("RestoreTable"):
        made = f"arn:aws:dynamodb:{request['region']}:{request['account']}:table/{params['TargetTableName']}"
        source = params.get("BackupArn") or params["SourceTableArn"]
        return [(action, made, {}), (action, source, {}), *((f"dynamodb:{other}", made, {}) for other in OF_RESTORES)]
    name = params.get("TableName")
    arn = params.get("ResourceArn") or params.get("BackupArn") or (f"arn:aws:dynamodb:{request['region']}:{request['account']}:table/{name}" if name else None)
    if arn is None:
        return [(action, "*", {})]
    backend = dynamodb_backends[request["account"]][request["region"]]
    table = backend.tables.get(arn.rsplit("/", 1)[-1])
    tags = {tag["Key"]: tag["Value"] for tag in backend.list_tags_of_resource(table.table_arn)} if table else {}
    return [(action, arn, {**tags_given(request), **carried(tags)})]


# What Lambda asks EC2 for with the caller's permissions, to attach a function to a VPC.
FOR_A_VPC = ("DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcs")


def of_lambda(request, action):
    from .lambda_.functions import FUNCTIONS

    params = request["params"]
    start = f"arn:aws:lambda:{request['region']}:{request['account']}:function:"
    name = params.get("FunctionName", "").rsplit("function:", 1)[-1].split(":")[0]
    arn = params.get("Resource") or (start + name if name else "*")
    held = next((function.tags for function in FUNCTIONS.values() if function.arn == arn), {})
    # The name of the action differs from that of the operation.
    action = {"lambda:Invoke": "lambda:InvokeFunction"}.get(action, action)
    if request["action"] == "CreateFunction":
        tags = tags_given(request)
        needed = [(action, arn, tags)] + ([("lambda:TagResource", arn, tags)] if tags else [])
        needed.append(("iam:PassRole", params["Role"], {"iam:PassedToService": "lambda.amazonaws.com"}))
        in_vpc = any(key.startswith("SubnetIds.") for key in params)
        return needed + [(f"ec2:{one}", "*", {}) for one in FOR_A_VPC if in_vpc]
    if request["action"] == "TagResource":
        return [(action, arn, {**tags_given(request), **carried(held)})]
    if request["action"] == "ListFunctions":
        return [(action, "*", {})]
    return [(action, arn, carried(held))]


def of_resolver(request, action):
    from . import resolver

    params = request["params"]
    tags = {f"aws:RequestTag/{key[4:]}": value for key, value in params.items() if key.startswith("tag:")}
    if tags:
        return [(action, None, tags), ("route53resolver:TagResource", None, tags)]
    needed = []
    for key, kind in resolver.KINDS.items():
        if key in params and not request["action"].startswith("List"):
            of_thing = {f"aws:ResourceTag/{name}": value for name, value in resolver.tags_of(request, kind, params[key]).items()}
            on = resolver.arn(request["account"], request["region"], kind, params[key])
            needed.append((action, on, of_thing))
    return needed or [(action, None, {})]


def of_route53(request, action):
    params = request["params"]
    if "zone" in params:
        return [(action, f"arn:aws:route53:::hostedzone/{params['zone']}", {})]
    if "change" in params:
        return [(action, f"arn:aws:route53:::change/{params['change']}", {})]
    return [(action, "*", {})]


JSON_SERVICES = {
    "lambda": of_lambda, "backup": of_backup, "elasticfilesystem": of_efs, "dynamodb": of_dynamodb, "route53resolver": of_resolver,
    "route53": of_route53,
}  # fmt: skip


def stack_arn(request):
    name = request["params"].get("StackName", "")
    return name if name.startswith("arn:") else f"arn:aws:cloudformation:{request['region']}:{request['account']}:stack/{name}/0"


def of_stacks(request, action):
    from moto.cloudformation.models import cloudformation_backends

    arn = stack_arn(request)
    if request["action"] == "CreateStack":
        tags = {f"aws:RequestTag/{key}": value for key, value in pairs(request["params"], "Tags.member").items()}
        return [(action, arn, tags)] + ([("cloudformation:TagResource", arn, tags)] if tags else [])
    stack = cloudformation_backends[request["account"]][request["region"]].stacks.get(arn)
    return [(action, arn, carried(stack.tags if stack else {}))]


def owner_of(request, bucket):
    """The account of a bucket, or the caller's if there is no bucket yet."""
    from moto.s3.models import s3_backends

    _, account = s3_backends.bucket_accounts.get(bucket, (None, request["account"]))
    return account


def of_s3(request):
    operation, params = request["action"], request["params"]
    bucket, key = params.get("bucket", ""), params.get("key", "")
    if operation == "ListBuckets":
        return [("s3:ListAllMyBuckets", "*", {})]
    on_bucket, on_object = S3.get(operation, ([operation], []))
    version = "versionId" in params.get("query", "")
    on_object = [OF_VERSIONS.get(action, action) if version else action for action in on_object]
    owner = {"s3:ResourceAccount": owner_of(request, bucket)}
    needed = [(f"s3:{action}", f"arn:aws:s3:::{bucket}", owner) for action in on_bucket]
    needed += [(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key or '*'}", owner) for action in on_object]
    source = params.get("copy_source")
    if source:
        path, _, version = source.lstrip("/").partition("?versionId=")
        for action in ["GetObject"] + (["GetObjectTagging"] if operation == "CopyObject" else []):
            needed.append((f"s3:{OF_VERSIONS[action] if version else action}", f"arn:aws:s3:::{path}", {}))
    return needed
