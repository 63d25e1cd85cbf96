"""Corrections of moto's gaps that would mislead a drill.

EC2
  - DryRun is honoured where moto executes: VPCs, subnets, route tables, network ACLs, peerings, NAT
    and transit gateways, VPC endpoints.
  - An unknown image is refused (MOTO_ENABLE_AMI_VALIDATION, __main__.py).
  - A subnet maps public addresses on launch only if the request says so.
  - CreateVolume and CreateSubnet refuse zones of other regions.
  - An interface that RunInstances makes goes with its instance.
  - CopyImage keeps its tag specifications.
  - CopySnapshot with Encrypted=true is encrypted.
  - A subnet or group that is in use is not deleted.
  - DeleteKeyPair takes an id.
  - For ClientToken see app.py.

RDS
  - A restore takes Multi-AZ, deletion protection, and subnet, security and parameter groups from
    the request, never from the source. The source may live in another region or account. The zone
    comes from the subnet group.
  - A replica gets the subnet group of its own region, and not the protection of its source.
  - A restore to a time after the latest restorable one is refused. So is one to a time before the
    earliest, if ageing set it.
  - A second cluster of the same name is refused, and does not replace the first one.
  - Automated backups have a RestoreWindow.
  - A subnet group in use is not deleted.
  - Every class can be ordered in every zone of the region. moto lists two engines, in zones of
    us-east-1.
  - A cluster's automated snapshots go with it.
  - BackupRetentionPeriod=0 makes no automated snapshot. Neither does an instance of a cluster.
  - A replica in another region than its source can be deleted.
  - A snapshot has the option group of its database. The options TDE and Timezone are marked as RDS
    marks them: persistent, and TDE permanent as well.

CloudFormation
  - ListStackResources lists the resources of a deleted stack: DELETE_COMPLETE, or DELETE_SKIPPED
    for retained ones.
  - A DB instance or cluster without a DeletionPolicy (or with Snapshot) leaves a final snapshot.
  - A DB instance that exports logs gets its log groups, which outlive it.
  - SecurityGroupEgress of a security group replaces the rule that lets everything out.

KMS
  - Sign takes a DIGEST for what it is. moto would hash it once more.
  - GetPublicKey answers with the ARN of the key.

S3
  - GetBucketVersioning answers with the element that SDKs look for.
  - HeadBucket honours the expected owner.
  - A copy honours x-amz-copy-source-if-match.
  - DeleteObjects answers MalformedXML, and deletes nothing, if XML 1.0 does not allow a character of
    a key or advises against it (XML 1.0, 2.2 "Characters").
"""

import base64
import json
import re
from urllib.parse import parse_qs, unquote, urlparse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.key_pairs import KeyPairs
from moto.ec2.responses.nat_gateways import NatGateways
from moto.ec2.responses.network_acls import NetworkACLs
from moto.ec2.responses.route_tables import RouteTables
from moto.ec2.responses.subnets import Subnets
from moto.ec2.responses.transit_gateways import TransitGateways
from moto.ec2.responses.vpc_peering_connections import VPCPeeringConnections
from moto.ec2.responses.vpcs import VPCs
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.logs.models import logs_backends
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBCluster, DBInstance, DBInstanceAutomatedBackup, DBSnapshot, OptionGroup, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse
from moto.s3.exceptions import MalformedXML, PreconditionFailed
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from .control import CONTROL
from .patching import after, around, replace

CHANGES = ("create_", "delete_", "modify_", "associate_", "disassociate_")


def install():
    for cls in (VPCs, Subnets, RouteTables, NetworkACLs, VPCPeeringConnections, NatGateways, TransitGateways):
        for name in [name for name in vars(cls) if name.startswith(CHANGES)]:
            replace(cls, name, dry_run)
    networks()
    copies()
    in_use()
    backups()
    restores()
    point_in_time()
    stacks()
    replace(KmsResponse, "sign", digests)
    replace(KmsResponse, "get_public_key", arn_of_key)
    replace(RDSResponse, "describe_orderable_db_instance_options", orderable)
    replace(S3Response, "get_bucket_versioning", versioning)
    replace(S3Response, "head_bucket", expected_owner)
    replace(S3Response, "copy_object", unchanged_source)
    replace(S3Response, "upload_part_copy", unchanged_source)
    replace(S3Response, "_bucket_response_delete_keys", only_characters_of_xml)


def dry_run(moto):
    def method(self):
        self.error_on_dryrun()
        return moto(self)

    return method


def versioning(_moto):
    def method(self):
        self.data["Action"] = "GetBucketVersioning"
        status = self.backend.get_bucket_versioning(self.bucket_name)
        inside = f"<Status>{status}</Status>" if status else ""
        space = "http://s3.amazonaws.com/doc/2006-03-01/"
        return 200, {}, f'<VersioningConfiguration xmlns="{space}">{inside}</VersioningConfiguration>'

    return method


def digests(moto):
    def method(self):
        if self._get_param("MessageType") != "DIGEST":
            return moto(self)
        key = self.kms_backend.describe_key(self._get_param("KeyId"))
        algorithm = self._get_param("SigningAlgorithm")
        if not isinstance(key.private_key, ECDSAPrivateKey) or algorithm != "ECDSA_SHA_256":
            raise NotImplementedError(f"a digest with {algorithm}")
        digest = self._get_param("Message")
        signature = key.private_key.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        answer = {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": algorithm}
        return json.dumps(answer)

    return method


def arn_of_key(moto):
    def method(self):
        answer = json.loads(moto(self))
        # AWS has a second name for this field, which newer SDKs read.
        spec = {"KeySpec": answer["CustomerMasterKeySpec"]}
        return json.dumps({**answer, **spec, "KeyId": self.kms_backend.describe_key(answer["KeyId"]).arn})

    return method


def orderable(_moto):
    def method(self):
        zones = ec2_backends[self.current_account][self.region].describe_availability_zones()
        option = {"Engine": self.params.get("Engine"), "EngineVersion": "1", "DBInstanceClass": self.params.get("DBInstanceClass")}
        option["AvailabilityZones"] = [{"Name": zone.name} for zone in zones]
        return ActionResult({"OrderableDBInstanceOptions": [option]})

    return method


def expected_owner(moto):
    def method(self):
        wanted = self.headers.get("x-amz-expected-bucket-owner")
        owner = s3_backends.bucket_accounts.get(self.bucket_name, (None, None))[1]
        if wanted and owner and wanted != owner:
            return 403, {}, ""
        return moto(self)

    return method


def unchanged_source(moto):
    def method(self):
        wanted = self.headers.get("x-amz-copy-source-if-match")
        source = urlparse(self.headers["x-amz-copy-source"])
        bucket, _, key = unquote(source.path).lstrip("/").partition("/")
        version = parse_qs(source.query).get("versionId", [None])[0]
        found = self.backend.get_object(bucket, key, version_id=version) if wanted else None
        if found is not None and wanted.strip('"') != found.etag.strip('"'):
            raise PreconditionFailed(failed_condition="x-amz-copy-source-If-Match")
        return moto(self)

    return method


# Those that are allowed, and those of them that are advised against.
XML = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
INADVISABLE = re.compile("[\u007f-\u0084\u0086-\u009f\ufdd0-\ufdef]")


def only_characters_of_xml(moto):
    def method(self, *args, **kwargs):
        body = self.body.decode() if isinstance(self.body, bytes) else self.body
        if not XML.fullmatch(body) or INADVISABLE.search(body):
            raise MalformedXML
        return moto(self, *args, **kwargs)

    return method


# --- CloudFormation


def stacks():
    def delete(call, self, given):
        stack = self.stacks.get(given["name_or_stack_id"])
        if stack is None:
            return call(**given)  # the name was given: moto calls this again with the id
        if CONTROL.take("delete_fails", CONTROL.current()):
            stack.status = "DELETE_FAILED"
            stack.status_reason = "The following resource(s) failed to delete: a test's."
            return None
        declared = stack.resource_map._resource_json_map
        # To read the map itself would make the resources that are missing.
        made = stack.resource_map._parsed_resources
        had = [
            {"LogicalResourceId": name, "PhysicalResourceId": physical_id(made[name]), "ResourceType": one["Type"]}
            for name, one in declared.items()
            if made.get(name) is not None
        ]
        for one in had:
            final_snapshot(self, stack, one)
        gone = call(**given)
        kept = set(made)
        stack.peer_resources = [
            {**one, "ResourceStatus": "DELETE_SKIPPED" if one["LogicalResourceId"] in kept else "DELETE_COMPLETE"} for one in had
        ]
        return gone

    around(CloudFormationBackend, "delete_stack", delete)

    def listed(moto):
        def answer(self):
            stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
            known = stack.__dict__.get("peer_resources")
            if known is None:
                return moto(self)
            return ActionResult({"StackResourceSummaries": [{**one, "LastUpdatedTimestamp": stack.creation_time} for one in known]})

        return answer

    replace(CloudFormationResponse, "list_stack_resources", listed)
    for cls, correction in ((SecurityGroup, with_egress), (DBInstance, with_logs)):
        cls.create_from_cloudformation_json = classmethod(correction(cls.create_from_cloudformation_json.__func__))


def with_logs(moto):
    def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        database = moto(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
        for export in cloudformation_json["Properties"].get("EnableCloudwatchLogsExports", []):
            name = f"/aws/rds/instance/{database.db_instance_identifier}/{export}"
            logs_backends[account_id][region_name].create_log_group(name, {})
        return database

    return create


def with_egress(moto):
    def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        group = moto(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
        rules = cloudformation_json["Properties"].get("SecurityGroupEgress")
        if rules is not None:
            group.egress_rules.clear()
        for rule in rules or []:
            to = rule.get("DestinationSecurityGroupId")
            ec2_backends[account_id][region_name].authorize_security_group_egress(
                group_name_or_id=group.id,
                ip_protocol=rule["IpProtocol"],
                from_port=rule.get("FromPort"),
                to_port=rule.get("ToPort"),
                ip_ranges=[{"CidrIp": rule["CidrIp"]}] if rule.get("CidrIp") else [],
                source_groups=[{"GroupId": to}] if to else [],
                vpc_id=group.vpc_id,
            )
        return group

    return create


def physical_id(resource):
    # moto's DB subnet groups have no physical id. moto refers to other resources by theirs.
    return getattr(resource, "physical_resource_id", None) or resource.name


def final_snapshot(backend, stack, one):
    declared = stack.resource_map._resource_json_map[one["LogicalResourceId"]]
    in_cluster = "DBClusterIdentifier" in declared.get("Properties", {})
    default = "Snapshot" if one["ResourceType"] == "AWS::RDS::DBInstance" and not in_cluster else "Delete"
    if one["ResourceType"] == "AWS::RDS::DBInstance" and declared.get("DeletionPolicy", default) == "Snapshot":
        rds = rds_backends[backend.account_id][backend.region_name]
        name = f"{stack.name}-snapshot-{one['LogicalResourceId']}".lower()
        rds.create_db_snapshot(one["PhysicalResourceId"], name)


# --- EC2


def networks():
    def no_public_addresses(subnet, self, *_args, **_kwargs):
        if subnet.vpc_id != (self.get_default_vpc() and self.get_default_vpc().id):
            subnet.map_public_ip_on_launch = subnet.default_for_az = False

    after(EC2Backend, "create_subnet", no_public_addresses)

    def own_zone(moto):
        def method(self):
            zone = self._get_param("AvailabilityZone")
            if zone and not zone.startswith(self.region):
                raise EC2ClientError("InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid.")
            return moto(self)

        return method

    replace(ElasticBlockStore, "create_volume", own_zone)
    replace(Subnets, "create_subnet", own_zone)

    def owned_interfaces(moto):
        def prep(self, nic_spec, *args, **kwargs):
            brought = {nic.get("NetworkInterfaceId") for nic in nic_spec}
            kept = {int(nic["DeviceIndex"]) for nic in nic_spec if nic.get("DeleteOnTermination") is False}
            moto(self, nic_spec, *args, **kwargs)
            for index, interface in self.nics.items():
                if interface.id not in brought and int(index) not in kept:
                    interface.delete_on_termination = True

        return prep

    replace(Instance, "prep_nics", owned_interfaces)


    def by_id(moto):
        def delete(self):
            wanted = self._get_param("KeyPairId")
            for key in list(self.ec2_backend.key_pairs.values()) if wanted else []:
                if key.id == wanted:
                    self.error_on_dryrun()
                    self.ec2_backend.delete_key_pair(key.key_name)
                    return ActionResult({"Return": True, "KeyPairId": wanted})
            return moto(self)

        return delete

    replace(KeyPairs, "delete_key_pair", by_id)


def copies():
    def tagged(moto):
        def copy(self):
            answer = moto(self)
            image = self.ec2_backend.amis[answer.result["ImageId"]]
            tags = self._parse_tag_specification()
            image.add_tags(tags.get("image", {}))
            image.ebs_snapshot.add_tags(tags.get("snapshot", {}))
            return answer

        return copy

    replace(AmisResponse, "copy_image", tagged)

    def encrypted(moto):
        def copy(self):
            answer = moto(self)
            if self._get_bool_param("Encrypted", False):
                self.ec2_backend.snapshots[answer.result["SnapshotId"]].encrypted = True
            return answer

        return copy

    replace(ElasticBlockStore, "copy_snapshot", encrypted)


def in_use():
    def databases(backend):
        return list(rds_backends[backend.account_id][backend.region_name].databases.values())

    def subnet_group(database):
        return database.__dict__.get("db_subnet_group")

    def refuse(thing):
        raise EC2ClientError("DependencyViolation", f"{thing} has dependencies and cannot be deleted.")

    def subnet(call, self, given):
        name = given["subnet_id"]
        users = [interface.subnet.id for interface in self.enis.values()]
        for group in filter(None, map(subnet_group, databases(self))):
            users += [member.id for member in group._subnets]
        if name in users:
            refuse(f"The subnet '{name}'")
        return call(**given)

    around(EC2Backend, "delete_subnet", subnet)

    def security_group(call, self, given):
        users = [group.id for interface in self.enis.values() for group in interface.group_set]
        users += [group for database in databases(self) for group in (database.vpc_security_group_ids or [])]
        for endpoint in self.vpc_end_points.values():
            users += endpoint.security_group_ids if endpoint.state != "deleted" else []
        if given.get("group_id") in users:
            refuse(f"resource {given['group_id']}")
        return call(**given)

    around(EC2Backend, "delete_security_group", security_group)

    def db_subnet_group(call, self, given):
        name = given["subnet_name"]
        if any(group.name == name.lower() for group in filter(None, map(subnet_group, self.databases.values()))):
            raise RDSClientError("InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{name}': a DB instance uses it.")
        return call(**given)

    around(RDSBackend, "delete_subnet_group", db_subnet_group)

    def db_cluster(call, self, given):
        name, gone = given["cluster_identifier"], call(**given)
        for snapshot in list(self.cluster_snapshots.values()):
            if snapshot.snapshot_type == "automated" and snapshot.db_cluster_identifier == name.lower():
                del self.cluster_snapshots[snapshot.db_cluster_snapshot_identifier]
        return gone

    around(RDSBackend, "delete_db_cluster", db_cluster)


def backups():
    def instance(moto):
        def save(self):
            if self.backup_retention_period and self.db_cluster_identifier is None:
                moto(self)

        return save

    replace(DBInstance, "save_automated_backup", instance)


# --- RDS


def restores():
    def restoring(call, self, given):
        self.peer_restoring = given["overrides"]
        try:
            return call(**given)
        finally:
            self.peer_restoring = None

    RDSBackend.peer_restoring = None
    around(RDSBackend, "restore_db_instance_from_db_snapshot", restoring)
    around(RDSBackend, "restore_db_instance_to_point_in_time", restoring)

    def create(moto):
        def create_db_instance(self, db_kwargs):
            asked = self.peer_restoring
            if asked is not None:
                flags = {name: bool(asked.get(name)) for name in ("multi_az", "deletion_protection")}
                db_kwargs = {**db_kwargs, **flags}
                for name in ("db_subnet_group_name", "vpc_security_group_ids", "db_parameter_group_name", "tags"):
                    if asked.get(name):
                        db_kwargs[name] = asked.get(name)
                    else:
                        db_kwargs.pop(name, None)
                db_kwargs["availability_zone"] = asked.get("availability_zone") or zone_of(self, asked.get("db_subnet_group_name"))
                if asked.get("publicly_accessible") is not None:
                    db_kwargs["publicly_accessible"] = asked.get("publicly_accessible")
            return moto(self, db_kwargs)

        return create_db_instance

    replace(RDSBackend, "create_db_instance", create)

    def cluster(call, _self, given):
        result = call(**given)
        result.deletion_protection = bool(given.get("overrides", given).get("deletion_protection"))
        return result

    def one_of_a_name(moto):
        def create(self, kwargs):
            name = kwargs["db_cluster_identifier"]
            if name in self.clusters:
                raise RDSClientError("DBClusterAlreadyExistsFault", f"DB Cluster already exists: {name}")
            return moto(self, kwargs)

        return create

    replace(RDSBackend, "create_db_cluster", one_of_a_name)
    around(RDSBackend, "restore_db_cluster_from_snapshot", cluster)
    around(RDSBackend, "restore_db_cluster_to_point_in_time", cluster)

    def replica(moto):
        def create(self, db_kwargs):
            group = db_kwargs.get("db_subnet_group_name")
            asked = {key: value for key, value in db_kwargs.items() if key != "db_subnet_group_name"}
            result = moto(self, asked)
            result.__dict__.pop("db_subnet_group", None)
            result.__dict__["_db_subnet_group_name"] = None
            result.deletion_protection = bool(db_kwargs.get("deletion_protection"))
            if group:
                result.backend = self
                result.db_subnet_group_name = group
            return result

        return create

    replace(RDSBackend, "create_db_instance_read_replica", replica)

    def forgotten(moto):
        def remove(self, replica):
            # The source holds the ARN of a replica in another region.
            if self.region == replica.region:
                moto(self, replica)
            elif replica.db_instance_arn in self.replicas:
                self.replicas.remove(replica.db_instance_arn)

        return remove

    replace(DBInstance, "remove_replica", forgotten)
    option_groups()


def option_groups():
    DBSnapshot.option_group_name = property(lambda self: self.database.option_group_name)
    options = OptionGroup.options.fget

    def marked(self):
        marks = {"TDE": {"Persistent": True, "Permanent": True}, "Timezone": {"Persistent": True, "Permanent": False}}
        return [{**option, **marks.get(option["OptionName"], {})} for option in options(self)]

    OptionGroup.options = property(marked)


def zone_of(backend, group):
    if group:
        return backend.describe_db_subnet_groups(group)[0]._subnets[0].availability_zone
    return ec2_backends[backend.account_id][backend.region_name].describe_availability_zones()[0].name


def point_in_time():
    def latest(self):
        return self.__dict__.get("peer_latest_restorable") or utcnow()

    DBInstance.latest_restorable_time = property(latest)
    DBCluster.latest_restorable_time = property(latest)
    DBInstanceAutomatedBackup.restore_window = property(window)

    def checked(call, self, given):
        source, wanted = given["source_db_identifier"], given["overrides"].get("restore_time")
        if source is None:
            # moto has no replicated backups. It would take any database for their source.
            raise RDSClientError("DBInstanceAutomatedBackupNotFound", "There are no replicated automated backups here.")
        database = self.describe_db_instances(source)[0]
        if wanted is not None:
            earliest = database.__dict__.get("peer_earliest_restorable")
            wanted, newest = naive(wanted), naive(database.latest_restorable_time)
            if wanted >= newest or (earliest is not None and wanted < naive(earliest)):
                raise RDSClientError("InvalidRestoreFault", f"Cannot restore {source} to {wanted}: outside its restore window.")
        return call(**given)

    around(RDSBackend, "restore_db_instance_to_point_in_time", checked)


def window(self):
    database = self.backend.databases.get(self.db_instance_identifier)
    if database is None:
        return None
    earliest = database.__dict__.get("peer_earliest_restorable") or database.created
    return {"EarliestTime": earliest, "LatestTime": database.latest_restorable_time}


def naive(instant):
    """Removes the zone. moto's times are UTC without one, and those of a request have one."""
    return instant.replace(tzinfo=None)
