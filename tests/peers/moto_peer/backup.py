"""AWS Backup: vaults, recovery points, restore jobs and copy jobs, which moto lacks.

A restore job behaves as documented:

  - Keys of the metadata are not case-sensitive, and all values are texts.
  - Without metadata for the network, the resource lands where the account's defaults lead: RDS and EC2
    in the default VPC, in its default subnet and group. RDS is then publicly accessible.
  - EFS restores into the existing file system, unless `newFileSystem` is true.
  - Nothing is tagged. `CopySourceTagsToRestoredResource` fails the job for DynamoDB and S3.
  - S3 needs a bucket with versions. A job completes when nothing matched.
  - The same idempotency token gives the same job.
  - A cluster has no instances.

A copy job behaves as documented (AWS Backup guide, "Creating backup copies across AWS accounts"; API
reference, `StartCopyJob`):

  - It is asked for where the original lies, by the name of its vault, with a role of that account.
  - Continuous points are refused. The same idempotency token gives the same job.
  - Into a vault of another account: the job fails unless the vault's access policy lets that account
    in (`backup:CopyIntoBackupVault`), unless the vault is not `Default`, and, for what AWS Backup does not manage
    fully, unless the vault has a key of its own.
  - The job is seen in the account of the original only. The copy has an ARN and dates of its own.
  - `Lifecycle` counts its days from the creation of the original. A copy whose days are over is gone.
  - A vault with points is not deleted. Points take their time to go (`point_deletion`).

The job makes the real resource in moto's backends, once its delay (`restore_job`) is over. Fault rules
with the action StartRestoreJob: `outside` (the metadata for the network and the name are ignored),
`nothing` (it completes, and makes nothing), `job_fails`.

POST /peer/restores: jobs of the past, see `seed_jobs`.

POST /peer/vaults: [{account, region, vault, locked?, policy?, role?, points: [{arn, of, type, source, taken,
completed?, status?, size?, key?, copied_from?, cold_at?, archive?, infected?}]}]. `of` is the ARN of what was
backed up. `source` is what moto restores from: a snapshot, an image, a file system, a table's backup or a
bucket. `key` is the ARN of the key that encrypts it. Each account with a vault gets the roles `restore` and
`copy`, which AWS Backup may assume: `role` is the service that may, or null for no role.

A job's fault `half`: it fails after it has made the resource, and does not name it.
"""

import json
import re
import uuid
from datetime import datetime, timezone

from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.iam.models import iam_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from .clock import CLOCK
from .control import CONTROL

VAULTS = []
JOBS = {}
COPIES = {}
TOKENS = {}


def clear():
    for held in (VAULTS, JOBS, COPIES, TOKENS):
        held.clear()


def seed(vaults):
    known = {"account", "region", "vault", "locked", "policy", "role", "points"}
    for vault in vaults:
        if (service := vault.pop("role", "backup.amazonaws.com")) is not None:
            roles(vault["account"], service)
        if set(vault) - known:
            raise ValueError(f"vaults: unknown keys {sorted(set(vault) - known)}")
        place = {key: vault[key] for key in ("account", "region")}
        VAULTS.append({"locked": False, "policy": None, "key": None, "tags": {}, **vault, "points": [{**place, **point} for point in vault["points"]]})


def roles(account, service):
    backend = iam_backends[account]["aws"]
    if any(role.name == "restore" for role in backend.roles.values()):
        return
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    for name in ("restore", "copy"):
        backend.create_role(name, json.dumps(trust), "/", None, "", [], "3600")


class Refused(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


def answer(request, body):
    """Returns (status, headers, body) of an operation, or None if it is moto's."""
    operation = OPERATIONS.get(request["action"])
    if operation is None:
        return None
    try:
        status, said = 200, operation(request, json.loads(body) if body else {})
    except Refused as refused:
        status, said = refused.status, {"Code": refused.code, "Message": str(refused), "Type": "Client"}
        return status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", refused.code)], json.dumps(said).encode()
    return status, [("Content-Type", "application/json")], json.dumps(said).encode()


def here(request):
    return request["account"], request["region"]


def vault_arn(vault):
    return f"arn:aws:backup:{vault['region']}:{vault['account']}:backup-vault:{vault['vault']}"


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


def now():
    return datetime.now(timezone.utc).timestamp()


def of_place(request):
    return [vault for vault in VAULTS if (vault["account"], vault["region"]) == here(request)]


def find_point(arn):
    for vault in VAULTS:
        for point in vault["points"]:
            if point["arn"] == arn:
                return vault, point
    return None, None


# --- what is read


def list_vaults(request, _body):
    if request["params"].get("shared") == "true":
        return {"BackupVaultList": []}
    return {
        "BackupVaultList": [
            {"BackupVaultName": vault["vault"], "BackupVaultArn": vault_arn(vault), "Locked": vault["locked"], "NumberOfRecoveryPoints": len(vault["points"])}
            for vault in of_place(request)
        ]
    }


def named(request):
    for vault in of_place(request):
        if vault["vault"] == request["params"]["vault"]:
            return vault
    raise Refused("ResourceNotFoundException", "Backup vault does not exist.")


def create_vault(request, body):
    name = request["params"]["vault"]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{2,50}", name):
        raise Refused("InvalidParameterValueException", "The name of the vault is not valid.")
    key = body.get("EncryptionKeyArn")
    if key is not None and not re.fullmatch(rf"arn:aws:kms:{request['region']}:[0-9]+:key/.+", key):
        raise Refused("InvalidParameterValueException", "The key is not valid.")
    account, region = here(request)
    known = [vault for vault in of_place(request) if vault["vault"] == name]
    if known and known[0].get("creator") != body.get("CreatorRequestId"):
        raise Refused("AlreadyExistsException", "Backup vault with the same name already exists.")
    if not known:
        VAULTS.append({"account": account, "region": region, "vault": name, "locked": False, "points": [], "policy": None, "key": key, "tags": body.get("BackupVaultTags") or {}, "creator": body.get("CreatorRequestId")})
    return {"BackupVaultName": name, "BackupVaultArn": vault_arn(named(request)), "CreationDate": now()}


def put_policy(request, body):
    named(request)["policy"] = json.loads(body["Policy"])
    return {}


def delete_vault(request, _body):
    vault = named(request)
    if vault["points"]:
        raise Refused("InvalidRequestException", f"Backup vault cannot be deleted (contains {len(vault['points'])} recovery points).")
    VAULTS.remove(vault)
    return {}


def list_tags(request, _body):
    for vault in VAULTS:
        if vault_arn(vault) == request["params"]["point"]:
            return {"Tags": vault["tags"]}
    raise Refused("ResourceNotFoundException", "Resource does not exist.")


def told(vault, point):
    said = {
        "RecoveryPointArn": point["arn"],
        "BackupVaultName": vault["vault"],
        "BackupVaultArn": vault_arn(vault),
        "ResourceArn": point["of"],
        "ResourceType": point["type"],
        "Status": point.get("status", "COMPLETED"),
        "CreationDate": seconds(point["taken"]),
        "BackupSizeInBytes": point.get("size", 1 << 30),
        "IsEncrypted": False,
    }
    if point.get("status", "COMPLETED") in ("COMPLETED", "AVAILABLE"):
        said["CompletionDate"] = seconds(point.get("completed", point["taken"]))
    if point.get("key"):
        said |= {"IsEncrypted": True, "EncryptionKeyArn": point["key"]}
    if point.get("copied_from"):
        said["SourceBackupVaultArn"] = point["copied_from"]
    if point.get("cold_at"):
        said["CalculatedLifecycle"] = {"MoveToColdStorageAt": seconds(point["cold_at"])}
        said["Lifecycle"] = {"MoveToColdStorageAfterDays": 1, "OptInToArchiveForSupportedResources": point.get("archive", False)}
    if "infected" in point:  # a scan was made, and found something or not
        said["AggregatedScanResult"] = {"FailedScan": False, "Findings": ["MALWARE"] if point["infected"] else []}
    return said


def vault_policy(request, _body):
    for vault in of_place(request):
        if vault["vault"] == request["params"]["vault"] and vault.get("policy"):
            return {"BackupVaultName": vault["vault"], "BackupVaultArn": vault_arn(vault), "Policy": json.dumps(vault["policy"])}
    raise Refused("ResourceNotFoundException", "The vault has no access policy.")


def list_points(request, _body):
    vault = named(request)
    return {"RecoveryPoints": [told(vault, point) for point in vault["points"]]}


def describe_point(request, _body):
    vault, point = find_point(request["params"]["point"])
    if point is None or (vault["account"], vault["region"]) != here(request):
        raise Refused("ResourceNotFoundException", "Recovery point does not exist.")
    return told(vault, point)


def delete_point(request, _body):
    vault, point = find_point(request["params"]["point"])
    if point is None or (vault["account"], vault["region"]) != here(request):
        raise Refused("ResourceNotFoundException", "Recovery point does not exist.")
    if vault["locked"]:
        raise Refused("InvalidRequestException", "The backup vault is locked.")
    if point.get("status") != "DELETING":
        point.update(status="DELETING", until=CLOCK.now() + CONTROL.ready_after("point_deletion"))
    return {}


def list_copies(request, _body):
    params = request["params"]

    def is_wanted(copy):
        told = told_copy(copy)
        asked = {"destinationVaultArn": "DestinationBackupVaultArn", "sourceRecoveryPointArn": "SourceRecoveryPointArn", "state": "State"}
        since = datetime.fromisoformat(params["createdAfter"]).timestamp() if "createdAfter" in params else 0
        return copy["here"] == here(request) and copy["CreationDate"] >= since and all(key not in params or params[key] == told[name] for key, name in asked.items())

    return {"CopyJobs": [told_copy(copy) for copy in COPIES.values() if is_wanted(copy)]}


# --- restores


def start_restore(request, body):
    token, place = body.get("IdempotencyToken"), here(request)
    if token and (place, token) in TOKENS:
        return {"RestoreJobId": TOKENS[(place, token)]}
    vault, point = find_point(body["RecoveryPointArn"])
    if point is None or (vault["account"], vault["region"]) != place:
        raise Refused("ResourceNotFoundException", f"Recovery point {body['RecoveryPointArn']} does not exist.")
    if point.get("status", "COMPLETED") not in ("COMPLETED", "AVAILABLE"):
        raise Refused("InvalidRequestException", f"The recovery point is {point['status']}.")
    if not str(body.get("IamRoleArn", "")).startswith(f"arn:aws:iam::{place[0]}:role/"):
        raise Refused("InvalidParameterValueException", "Invalid IAM role.")
    metadata = {key.lower(): value for key, value in body.get("Metadata", {}).items()}
    if any(not isinstance(value, str) for value in metadata.values()):
        raise Refused("InvalidParameterValueException", "Metadata values are texts.")
    faults = {kind: bool(CONTROL.take(kind, request)) for kind in ("outside", "nothing", "job_fails", "half")}
    job = {
        "RestoreJobId": str(uuid.uuid4()).upper(), "AccountId": place[0], "RecoveryPointArn": point["arn"],
        "CreationDate": now(), "Status": "RUNNING", "IamRoleArn": body["IamRoleArn"], "ResourceType": point["type"],
        "BackupSizeInBytes": point.get("size", 1 << 30), "place": place, "point": point, "metadata": metadata, "given": body.get("Metadata", {}), "faults": faults,
        "copies_tags": bool(body.get("CopySourceTagsToRestoredResource")), "until": CLOCK.now() + CONTROL.ready_after("restore_job"),
    }  # fmt: skip
    JOBS[job["RestoreJobId"]] = job
    if token:
        TOKENS[(place, token)] = job["RestoreJobId"]
    return {"RestoreJobId": job["RestoreJobId"]}


HIDDEN = ("place", "point", "metadata", "given", "faults", "copies_tags", "until")


def describe_restore(request, _body):
    job = JOBS.get(request["params"]["job"])
    if job is None or job["place"] != here(request):
        raise Refused("ResourceNotFoundException", "Restore job does not exist.")
    return {key: value for key, value in job.items() if key not in HIDDEN}


def list_restores(request, _body):
    params = request["params"]
    jobs = [job for job in JOBS.values() if job["place"] == here(request)]
    if params.get("status"):
        jobs = [job for job in jobs if job["Status"] == params["status"]]
    if params.get("resourceType"):
        jobs = [job for job in jobs if job["ResourceType"] == params["resourceType"]]
    if params.get("createdAfter"):
        since = seconds(params["createdAfter"].replace("Z", "+00:00"))
        jobs = [job for job in jobs if job["CreationDate"] >= since]
    first = int(params.get("nextToken", 0))
    page = {"RestoreJobs": [{key: value for key, value in job.items() if key not in HIDDEN} for job in jobs[first : first + JOBS_A_PAGE]]}
    return page | ({"NextToken": str(first + JOBS_A_PAGE)} if len(jobs) > first + JOBS_A_PAGE else {})


# AWS gives 1,000. Fewer show that a client turns the pages.
JOBS_A_PAGE = 2


def seed_jobs(jobs):
    """Restore jobs of the past: [{account, region, type, seconds, size?, days_ago?, status?, made?, id?}]."""
    for job in jobs:
        id, began = job.get("id") or str(uuid.uuid4()).upper(), now() - job.get("days_ago", 1) * 86400
        JOBS[id] = {
            "RestoreJobId": id, "AccountId": job["account"], "CreationDate": began, "CompletionDate": began + job["seconds"],
            "Status": job.get("status", "COMPLETED"), "ResourceType": job["type"], "BackupSizeInBytes": job.get("size", 1 << 30),
            "place": (job["account"], job["region"]), "until": 0,
        }  # fmt: skip
        if job.get("made"):
            JOBS[id]["CreatedResourceArn"] = job["made"]


def restore_metadata(request, _body):
    job = JOBS.get(request["params"]["job"])
    if job is None or job["place"] != here(request):
        raise Refused("ResourceNotFoundException", "Restore job does not exist.")
    return {"RestoreJobId": job["RestoreJobId"], "Metadata": job["given"]}


def settle():
    """Ends the jobs whose time has come. The app calls it before each request, under its lock."""
    for job in JOBS.values():
        if job["Status"] == "RUNNING" and job["until"] <= CLOCK.now():
            end(job)
    for vault in VAULTS:
        vault["points"] = [point for point in vault["points"] if stays(point)]
    for copy in COPIES.values():
        if copy["State"] == "RUNNING" and copy["until"] <= CLOCK.now():
            end_copy(copy)


def stays(point):
    is_expired = point.get("delete_at") is not None and point["delete_at"] <= now()
    return not is_expired and (point.get("status") != "DELETING" or point["until"] > CLOCK.now())


def end(job):
    job["CompletionDate"] = now()
    if job["faults"]["job_fails"]:
        job.update(Status="FAILED", StatusMessage="The role lacks a permission, says a test.")
        return
    if job["copies_tags"] and job["ResourceType"] in ("DynamoDB", "S3"):
        job.update(Status="FAILED", StatusMessage="Tags cannot be copied for this resource type.")
        return
    if job["faults"]["nothing"]:
        job.update(Status="COMPLETED")
        if job["ResourceType"] == "S3":
            job["CreatedResourceArn"] = f"arn:aws:s3:::{job['metadata']['destinationbucketname']}"
        return
    try:
        made = MAKERS[job["ResourceType"]](job, job["metadata"])
        if job["faults"]["half"]:
            job.update(Status="FAILED", StatusMessage="It failed half-way, says a test.")
            return
        job["CreatedResourceArn"] = made
    except Exception as error:  # moto refuses in its own ways. A real job fails.
        job.update(Status="FAILED", StatusMessage=str(error))
        return
    job.update(Status="COMPLETED", PercentDone="100.00%")


def settled(thing):
    """A job completes once what it made is ready."""
    thing.__dict__["peer_pending"] = None
    return thing


def arn(job, service, resource):
    account, region = job["place"]
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def names(job, metadata, key):
    """The name that was asked for, or another one where a fault says so."""
    return f"elsewhere-{uuid.uuid4().hex[:8]}" if job["faults"]["outside"] else metadata[key.lower()]


def network(job, metadata, key):
    return None if job["faults"]["outside"] else metadata.get(key.lower())


def database(job, metadata):
    account, region = job["place"]
    groups = network(job, metadata, "vpcSecurityGroupIds")
    group = network(job, metadata, "dbSubnetGroupName")
    overrides = {
        "db_instance_identifier": metadata["dbinstanceidentifier"],
        "db_subnet_group_name": group,
        "vpc_security_group_ids": json.loads(groups) if groups else None,
        "multi_az": metadata.get("multiaz") == "true",
        "deletion_protection": metadata.get("deletionprotection") == "true",
        "publicly_accessible": metadata.get("publiclyaccessible", "true") == "true" or group is None,
        "db_instance_class": metadata.get("dbinstanceclass"),
    }
    overrides = {key: value for key, value in overrides.items() if value is not None}
    made = rds_backends[account][region].restore_db_instance_from_db_snapshot(job["point"]["source"], overrides)
    made.tags = []
    return settled(made).arn


def cluster(job, metadata):
    account, region = job["place"]
    groups = network(job, metadata, "vpcSecurityGroupIds")
    overrides = {
        "db_cluster_identifier": metadata["dbclusteridentifier"],
        "db_subnet_group_name": network(job, metadata, "dbSubnetGroupName"),
        "vpc_security_group_ids": json.loads(groups) if groups else None,
        "deletion_protection": metadata.get("deletionprotection") == "true",
    }
    made = rds_backends[account][region].restore_db_cluster_from_snapshot(job["point"]["source"], overrides)
    made.tags = []
    return settled(made).arn


def machine(job, metadata):
    account, region = job["place"]
    backend = ec2_backends[account][region]
    subnet, groups = network(job, metadata, "subnetId"), network(job, metadata, "securityGroupIds")
    if subnet is None:
        default = [one for zone in backend.subnets.values() for one in zone.values() if one.vpc_id == backend.get_default_vpc().id]
        subnet = default[0].id
    reservation = backend.run_instances(
        job["point"]["source"], 1, None, [], subnet_id=subnet, security_group_ids=json.loads(groups) if groups else [],
        instance_type=metadata.get("instancetype", "t3.micro"), is_instance_type_default=False,
    )  # fmt: skip
    made = settled(reservation.instances[0])
    return arn(job, "ec2", f"instance/{made.id}")


def volume(job, metadata):
    account, region = job["place"]
    zone = f"{region}c" if job["faults"]["outside"] else metadata["availabilityzone"]
    backend = ec2_backends[account][region]
    snapshot = backend.snapshots[job["point"]["source"]]
    made = settled(backend.create_volume(snapshot.volume_size or 1, zone, snapshot.id))
    return arn(job, "ec2", f"volume/{made.id}")


def file_system(job, metadata):
    account, region = job["place"]
    backend = efs_backends[account][region]
    if job["faults"]["outside"] or metadata.get("newfilesystem") != "true":
        return arn(job, "elasticfilesystem", f"file-system/{job['point']['source']}")
    made = backend.create_file_system(
        creation_token=metadata["creationtoken"], performance_mode=metadata["performancemode"], encrypted=metadata["encrypted"] == "true",
        kms_key_id=metadata.get("kmskeyid"), throughput_mode="bursting", provisioned_throughput_in_mibps=0,
        availability_zone_name=metadata.get("availabilityzonename"), backup=False, tags=[],
    )  # fmt: skip
    return arn(job, "elasticfilesystem", f"file-system/{made.file_system_id}")


def table(job, metadata):
    account, region = job["place"]
    made = dynamodb_backends[account][region].restore_table_from_backup(names(job, metadata, "targetTableName"), job["point"]["source"])
    return made.table_arn


def bucket(job, metadata):
    account, _region = job["place"]
    backend = s3_backends[account]["aws"]
    to = backend.get_bucket(metadata["destinationbucketname"])
    if to.versioning_status != "Enabled":
        raise ValueError("The destination bucket must have versioning enabled.")
    source = backend.get_bucket(job["point"]["source"])
    for key in list(source.keys):
        backend.put_object(to.name, key, source.keys[key].value)
    return f"arn:aws:s3:::{to.name}"


MAKERS = {
    "RDS": database, "Aurora": cluster, "EC2": machine, "EBS": volume, "EFS": file_system, "DynamoDB": table, "S3": bucket,
}  # fmt: skip


# --- copies


def start_copy(request, body):
    token, place = body.get("IdempotencyToken"), here(request)
    if token and (place, "copy", token) in TOKENS:
        return {"CopyJobId": TOKENS[(place, "copy", token)]}
    vault, point = find_point(body["RecoveryPointArn"])
    if point is None or (vault["account"], vault["region"]) != place:
        raise Refused("ResourceNotFoundException", "Recovery point does not exist.")
    if ":continuous:" in point["arn"]:
        raise Refused("InvalidRequestException", "Continuous recovery points cannot be copied.")
    if vault["vault"] != body["SourceBackupVaultName"]:
        raise Refused("ResourceNotFoundException", "The recovery point does not lie in that vault.")
    if not str(body.get("IamRoleArn", "")).startswith(f"arn:aws:iam::{place[0]}:role/"):
        raise Refused("InvalidParameterValueException", "Invalid IAM role.")
    if point.get("status", "COMPLETED") not in ("COMPLETED", "AVAILABLE"):
        raise Refused("InvalidRequestException", f"The recovery point is {point['status']}.")
    if not any(vault_arn(one) == body["DestinationBackupVaultArn"] for one in VAULTS):
        raise Refused("InvalidParameterValueException", "The destination vault does not exist.")
    copy = {
        "CopyJobId": str(uuid.uuid4()).upper(), "here": place, "point": point, "to": body["DestinationBackupVaultArn"], "from": vault_arn(vault),
        "State": "RUNNING", "CreationDate": now(), "until": CLOCK.now() + CONTROL.ready_after("copy_job"), "copy": None,
        "fails": bool(CONTROL.take("job_fails", request)), "days": (body.get("Lifecycle") or {}).get("DeleteAfterDays"),
    }  # fmt: skip
    if copy["days"] is not None and not 1 <= copy["days"] <= 36500:
        raise Refused("InvalidParameterValueException", "Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than 36500 days")
    COPIES[copy["CopyJobId"]] = copy
    if token:
        TOKENS[(place, "copy", token)] = copy["CopyJobId"]
    return {"CopyJobId": copy["CopyJobId"], "CreationDate": copy["CreationDate"]}


# The aliases of AWS's own keys, in each account and region.
MANAGED = {"alias/aws/rds": "aws-managed-rds", "alias/aws/ebs": "aws-managed-ebs"}

# AWS Backup manages the backups of these fully, and encrypts them with the key of their vault.
FULLY_MANAGED = ("EFS", "S3", "DynamoDB")


def managed_keys(place):
    account, region = place
    return {f"arn:aws:kms:{region}:{account}:key/{key}" for key in MANAGED.values()}


def why_not(copy, vault):
    """Why the job fails, or None."""
    if copy["fails"]:
        return "The role lacks a permission, says a test."
    if vault is None:
        return "The destination backup vault does not exist."
    account = copy["here"][0]
    if vault["account"] == account:
        return None
    admitted = [
        principal
        for statement in (vault["policy"] or {}).get("Statement", [])
        if statement["Effect"] == "Allow" and "backup:CopyIntoBackupVault" in statement["Action"]
        for principal in statement["Principal"]["AWS"]
    ]
    if f"arn:aws:iam::{account}:root" not in admitted:
        return "Access Denied trying to call AWS Backup service: the vault's access policy does not admit the account."
    if vault["vault"] == "Default":
        return "The default vault takes no copies of another account."
    if copy["point"]["type"] not in FULLY_MANAGED and copy["point"].get("key") in managed_keys(copy["here"]):
        return "The source is encrypted with an AWS managed key, which no other account can be given."
    if copy["point"]["type"] not in FULLY_MANAGED and vault["key"] is None:
        return "The destination vault is encrypted with an AWS managed key, which cross-account copies cannot use."
    return None


def end_copy(copy):
    vault = next((one for one in VAULTS if vault_arn(one) == copy["to"]), None)
    why = why_not(copy, vault)
    if why:
        copy.update(State="FAILED", StatusMessage=why, CompletionDate=now())
        return
    made = datetime.now(timezone.utc).isoformat()
    name = f"arn:aws:backup:{vault['region']}:{vault['account']}:recovery-point:{uuid.uuid4()}"
    # AWS Backup guide, "Backup and tag copy": the creation date is that of the source.
    delete_at = None if copy["days"] is None else seconds(copy["point"]["taken"]) + copy["days"] * 86400
    vault["points"].append({**copy["point"], "arn": name, "key": vault["key"], "taken": made, "completed": made, "copied_from": copy["from"], "delete_at": delete_at})
    copy.update(State="COMPLETED", copy=name, CompletionDate=now())


def told_copy(copy):
    said = {
        "CopyJobId": copy["CopyJobId"], "SourceBackupVaultArn": copy["from"], "SourceRecoveryPointArn": copy["point"]["arn"],
        "DestinationBackupVaultArn": copy["to"], "ResourceArn": copy["point"]["of"], "ResourceType": copy["point"]["type"],
        "State": copy["State"], "CreationDate": copy["CreationDate"],
    }  # fmt: skip
    if copy.get("StatusMessage"):
        said |= {"StatusMessage": copy["StatusMessage"], "CompletionDate": copy["CompletionDate"]}
    if copy["copy"]:
        said |= {"DestinationRecoveryPointArn": copy["copy"], "CompletionDate": copy["CompletionDate"]}
    return said


def describe_copy(request, _body):
    copy = COPIES.get(request["params"]["job"])
    if copy is None or copy["here"] != here(request):
        raise Refused("ResourceNotFoundException", "Copy job does not exist.")
    return {"CopyJob": told_copy(copy)}


OPERATIONS = {
    "CreateBackupVault": create_vault, "PutBackupVaultAccessPolicy": put_policy, "DeleteBackupVault": delete_vault, "ListTags": list_tags,
    "ListBackupVaults": list_vaults, "ListRecoveryPointsByBackupVault": list_points, "DescribeRecoveryPoint": describe_point,
    "DeleteRecoveryPoint": delete_point, "ListCopyJobs": list_copies, "StartRestoreJob": start_restore,
    "DescribeRestoreJob": describe_restore, "ListRestoreJobs": list_restores, "GetRestoreJobMetadata": restore_metadata,
    "GetBackupVaultAccessPolicy": vault_policy, "StartCopyJob": start_copy, "DescribeCopyJob": describe_copy,
}  # fmt: skip
