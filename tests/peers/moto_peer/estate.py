"""A large estate for `discover`: what AWS would answer, and what has to be found.

POST /peer/estate seeds three accounts in three regions. The records have the form of AWS's answers
(listing.py serves them). Beside each record stands what an estate's file has to say of it, written
by hand here and not derived from the record: `expected`.
"""

import base64
import json
from collections import defaultdict
from datetime import datetime, timedelta, timezone

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

ACCOUNTS = ("111111111111", "222222222222", "333333333333")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
DAY = datetime(2026, 1, 31, 8, 0, tzinfo=timezone.utc)
RUN = {"drillmaster:run": "20260131T080000Z-test-1f3a"}


def text(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def days_ago(number):
    return DAY - timedelta(days=number)


class Place:
    """What one account holds in one region."""

    def __init__(self, account, region):
        self.account, self.region = account, region
        self.lists = defaultdict(list)
        self.user_data, self.templates, self.tables, self.backups = {}, {}, {}, {}
        self.tags, self.selections, self.vaults, self.metrics = {}, {}, defaultdict(list), {}
        self.controlled = defaultdict(dict)
        self.policies, self.access_keys, self.records, self.root_keys = {}, {}, {}, 0
        self.quotas, self.default_quotas = {}, {}

    def __getitem__(self, operation):
        return self.lists[operation]

    def add(self, operation, record):
        self.lists[operation].append(record)

    @property
    def code(self):
        """Part of each name, so that names differ: a1-us-east-1."""
        return f"a{self.account[0]}-{self.region}"

    def arn(self, service, rest):
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def key(self):
        return self.arn("kms", "key/0a1b2c3d-customer")

    def zone(self, number):
        zones = RegionsAndZonesBackend.zones[self.region]
        zone = zones[number % len(zones)]
        return zone.name, zone.zone_id

    def hex(self, kind, number):
        return f"{kind}-{int(self.account[0]):x}{REGIONS.index(self.region):x}{number:015x}"


class Estate:
    def __init__(self):
        self.places = {(account, region): Place(account, region) for account in ACCOUNTS for region in REGIONS}
        self.resources, self.points, self.buckets = [], [], {}
        self.accounts = {account: {"quotas": {}} for account in ACCOUNTS}

    def place(self, account, region):
        return self.places.setdefault((account, region), Place(account, region))

    def expected(self):
        return {"resources": self.resources, "points": self.points, "accounts": self.accounts}

    def in_list(self, kind, properties):
        """What a list handler says: some say all, most the identifier alone."""
        return properties if kind in ("AWS::Logs::LogGroup", "AWS::KMS::Alias") else {}

    def resource(self, place, id, region=True, **more):
        place_of = {"region": place.region} if region else {}
        self.resources.append({"id": id, "account": place.account, **place_of, **more})

    def point(self, place, of, kind, id, **more):
        self.points.append({"of": of, "kind": kind, "id": id, "account": place.account, "region": place.region, **more})


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def seeded():
    estate = Estate()
    for place in list(estate.places.values()):
        for seed in (ec2, rds, s3, cloudformation, dynamodb, efs, backup, tail, quotas):
            seed(estate, place)
    for account in ACCOUNTS:
        across(estate, account)
    return estate


def quotas(estate, place):
    """What was raised for the account, and else AWS's own. Of clusters nothing is known."""
    databases = 40 + 10 * REGIONS.index(place.region)
    place.quotas |= {("rds", "L-7B6409FD"): float(databases), ("ec2", "L-1216C47A"): 512.0}
    place.default_quotas |= {("ec2", "L-0263D0A3"): 5.0, ("vpc", "L-F678F1CE"): 5.0, ("ebs", "L-7A658B76"): 50.0, ("rds", "L-7B6409FD"): 1.0}
    estate.accounts[place.account]["quotas"][place.region] = {"db_instances": databases, "vcpus": 512, "addresses": 5, "vpcs": 5, "gp3_tib": 50}


def deny(action, resource, **more):
    """A policy of a bucket or a vault."""
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def ec2(estate, place):
    other = ACCOUNTS[(ACCOUNTS.index(place.account) + 1) % 3]
    for n in range(40):
        id, (name, zone) = place.hex("i", n), place.zone(n)
        tags = {"app": f"app{n % 5}", "Name": f"web {n}"}
        more = {}
        if n == 0:
            said = "export DB=orders.c1.eu-central-1.rds.amazonaws.com\nROLE=arn:aws:iam::444444444444:role/x PASSWORD=hunter2hunter2"
            place.user_data[id] = base64.b64encode(said.encode()).decode()
            more = {"mentions": ["444444444444", "eu-central-1"]}
        if n == 1:
            tags["aws:cloudformation:stack-name"] = "shop"
            more = {"stack": "shop"}
        machine = {"InstanceId": id, "State": {"Name": "running"}, "Placement": {"AvailabilityZone": name}, "InstanceType": "t4g.small", "PrivateIpAddress": f"10.0.{n}.7", "Tags": tag_list(tags)}
        place.add("DescribeInstances", {"ReservationId": f"r-{n}", "Instances": [machine]})
        estate.resource(place, f"ec2:instance/{id}", az=zone, tags=tags, **{"class": "t4g.small"}, addresses=[f"10.0.{n}.7"], **more)
    gone = {"InstanceId": "i-gone", "State": {"Name": "terminated"}}
    of_run = {"InstanceId": "i-run", "State": {"Name": "running"}, "Tags": tag_list(RUN)}
    place.add("DescribeInstances", {"ReservationId": "r-gone", "Instances": [gone, of_run]})
    for n in range(60):
        id, (name, zone), snapshot = place.hex("vol", n), place.zone(n), place.hex("snap", n)
        encrypted = n % 2 == 0
        volume = {"VolumeId": id, "AvailabilityZone": name, "Size": 8 + n, "State": "in-use", "VolumeType": "gp3", "Encrypted": encrypted}
        more = {"key": place.key()} if encrypted else {}
        place.add("DescribeVolumes", {**volume, **({"KmsKeyId": place.key()} if encrypted else {})})
        estate.resource(place, f"ec2:volume/{id}", az=zone, size=f"{8 + n}GiB", **{"class": "gp3"}, **more)
        began, done = days_ago(n), days_ago(n) + timedelta(minutes=20)
        record = {"SnapshotId": snapshot, "VolumeId": id, "VolumeSize": 8 + n, "State": "completed", "StartTime": began, "CompletionTime": done, "OwnerId": place.account, "Encrypted": encrypted}
        record |= {"KmsKeyId": place.key()} if encrypted else {}
        place.add("DescribeSnapshots", record)
        key = {"encrypted": True, "kms_key": place.key()} if encrypted else {}
        shared = {}
        if n in (1, 3):
            estate.place(other, place.region).add("DescribeSnapshots/shared", record)
            shared = {"shared_with": [other]}
        estate.point(place, f"ec2:volume/{id}", "ebs_snapshot", snapshot, taken=text(began), usable=text(done), size=f"{8 + n}GiB", **key, **shared)
    copied = {"SnapshotId": place.hex("snap", 900), "VolumeId": "vol-ffffffff", "VolumeSize": 8, "State": "completed", "StartTime": DAY, "CompletionTime": DAY, "OwnerId": place.account, "Description": "[Copied snap-1 from us-east-1]", "Tags": tag_list({"drillmaster:taken": "2026-01-02T03:04:05Z", "drillmaster:of": "vol-elsewhere"})}
    place.add("DescribeSnapshots", copied)
    estate.point(place, "ec2:volume/vol-elsewhere", "ebs_snapshot", copied["SnapshotId"], taken="2026-01-02T03:04:05Z", usable=text(DAY), size="8GiB")
    for record in (
        {"SnapshotId": "snap-pending", "VolumeId": place.hex("vol", 0), "State": "pending", "StartTime": DAY, "OwnerId": place.account},
        {"SnapshotId": "snap-archived", "VolumeId": place.hex("vol", 0), "State": "completed", "StorageTier": "archive", "StartTime": DAY, "OwnerId": place.account},
        {"SnapshotId": "snap-run", "VolumeId": place.hex("vol", 0), "State": "completed", "StartTime": DAY, "OwnerId": place.account, "Tags": tag_list(RUN)},
    ):
        place.add("DescribeSnapshots", record)
    for n in range(6):
        image, snapshot = place.hex("ami", n), place.hex("snap", n)
        encrypted = n % 2 == 0
        record = {"ImageId": image, "OwnerId": place.account, "State": "available", "CreationDate": f"2026-01-{n + 10}T00:00:00.000Z", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "VolumeSize": 8, "Encrypted": encrypted}}]}
        record |= {"SourceInstanceId": place.hex("i", n)} if n < 4 else {}
        place.add("DescribeImages", record)
        of = f"ec2:instance/{place.hex('i', n)}" if n < 4 else f"ec2:image/{image}"
        key = {"encrypted": True, "kms_key": place.key()} if encrypted else {}
        shared = {}
        if n == 1:
            estate.place(other, place.region).add("DescribeImages/shared", record)
            shared = {"shared_with": [other]}
        estate.point(place, of, "ami", image, taken=f"2026-01-{n + 10}T00:00:00Z", size="8GiB", **key, **shared)
        estate.resource(place, f"ec2:image/{image}", size="8GiB", **({"key": place.key()} if encrypted else {}))
    for n in range(2):
        place.add("DescribeVpcs", {"VpcId": place.hex("vpc", n), "OwnerId": place.account, "State": "available"})
        estate.resource(place, f"ec2:vpc/{place.hex('vpc', n)}")
        place.add("DescribeNatGateways", {"NatGatewayId": place.hex("nat", n), "SubnetId": place.hex("subnet", n), "State": "available"})
        estate.resource(place, f"ec2:nat-gateway/{place.hex('nat', n)}", az=place.zone(n)[1])
        place.add("DescribeTransitGateways", {"TransitGatewayId": place.hex("tgw", n), "OwnerId": place.account, "State": "available"})
        estate.resource(place, f"ec2:transit-gateway/{place.hex('tgw', n)}")
        place.add("DescribeVpcEndpoints", {"VpcEndpointId": place.hex("vpce", n), "State": "available"})
        estate.resource(place, f"ec2:vpc-endpoint/{place.hex('vpce', n)}")
        place.add("DescribeLaunchTemplates", {"LaunchTemplateId": place.hex("lt", n), "LaunchTemplateName": f"lt{n}"})
        estate.resource(place, f"ec2:launch-template/{place.hex('lt', n)}")
        place.add("DescribeKeyPairs", {"KeyName": f"key{n}-{place.code}", "KeyPairId": place.hex("key", n)})
        estate.resource(place, f"ec2:key-pair/key{n}-{place.code}")
        place.add("DescribeAddresses", {"AllocationId": place.hex("eipalloc", n), "PublicIp": f"203.0.113.{n}"})
        estate.resource(place, f"ec2:address/{place.hex('eipalloc', n)}", addresses=[f"203.0.113.{n}"])
    place.add("DescribeNatGateways", {"NatGatewayId": "nat-gone", "State": "deleted"})
    shared = {"VpcId": "vpc-of-another", "OwnerId": "999999999999", "State": "available"}
    place.add("DescribeVpcs", shared)
    for n in range(6):
        name, zone = place.zone(n)
        place.add("DescribeSubnets", {"SubnetId": place.hex("subnet", n), "OwnerId": place.account, "AvailabilityZone": name, "AvailabilityZoneId": zone})
        estate.resource(place, f"ec2:subnet/{place.hex('subnet', n)}", az=zone)
    for n in range(30):
        name, zone = place.zone(n)
        place.add("DescribeSecurityGroups", {"GroupId": place.hex("sg", n), "GroupName": f"group{n}", "Tags": tag_list({"app": "shop"})})
        estate.resource(place, f"ec2:security-group/{place.hex('sg', n)}", tags={"app": "shop"})
        place.add("DescribeNetworkInterfaces", {"NetworkInterfaceId": place.hex("eni", n), "AvailabilityZone": name, "TagSet": []})
        estate.resource(place, f"ec2:network-interface/{place.hex('eni', n)}", az=zone)


def rds(estate, place):
    now = datetime.now(timezone.utc)
    other = ACCOUNTS[(ACCOUNTS.index(place.account) + 1) % 3]
    for n in range(25):
        name, (zone_name, zone) = f"db{n}-{place.code}", place.zone(n)
        arn, encrypted, standby = place.arn("rds", f"db:{name}"), n % 2 == 0, n % 5 == 0
        record = {"DBInstanceIdentifier": name, "DBInstanceArn": arn, "DbiResourceId": f"db-{name}", "Engine": "postgres", "DBInstanceClass": "db.t4g.medium", "AllocatedStorage": 100, "AvailabilityZone": zone_name, "MultiAZ": standby, "DBInstanceStatus": "available", "Endpoint": {"Address": f"{name}.c1.{place.region}.rds.amazonaws.com", "Port": 5432}, "TagList": tag_list({"app": f"app{n % 5}"}), "StorageEncrypted": encrypted}
        record |= {"KmsKeyId": place.key()} if encrypted else {}
        more = {"key": place.key()} if encrypted else {}
        key = {"encrypted": True, "kms_key": place.key()} if encrypted else {}
        if n % 3 == 0:
            latest = now if n else days_ago(3)
            record |= {"BackupRetentionPeriod": 7, "LatestRestorableTime": latest}
            place.add("DescribeDBInstanceAutomatedBackups", {"DBInstanceIdentifier": name, "DbiResourceId": f"db-{name}", "DBInstanceArn": arn, "Region": place.region, "Status": "active", "RestoreWindow": {"EarliestTime": latest - timedelta(days=9), "LatestTime": latest}})
            estate.point(place, f"rds:db/{name}", "rds_pitr", name, taken="-5m" if n else text(latest), retention="7d", size="100GiB", engine="postgres", **key)
        if n == 2:
            record["ReadReplicaSourceDBInstanceIdentifier"] = f"db1-{place.code}"
            place.metrics[("AWS/RDS", "ReplicaLag", ("DBInstanceIdentifier", name))] = 3
            estate.point(place, f"rds:db/db1-{place.code}", "rds_replica", name, taken="-5s", size="100GiB", engine="postgres", **key)
        groups = {0: ("tuned17", "audited"), 1: ("default.postgres17", "default:postgres-17")}.get(n)
        if groups:
            record |= {"DBParameterGroups": [{"DBParameterGroupName": groups[0]}], "OptionGroupMemberships": [{"OptionGroupName": groups[1]}]}
        more |= {"parameter_group": "tuned17", "option_group": "audited"} if n == 0 else {}
        place.add("DescribeDBInstances", record)
        at = {"multi_az": True} if standby else {}
        estate.resource(place, f"rds:db/{name}", az=zone, size="100GiB", engine="postgres", tags={"app": f"app{n % 5}"}, **{"class": "db.t4g.medium"}, addresses=[record["Endpoint"]["Address"]], **more, **at)
    place.add("DescribeDBInstances", {"DBInstanceIdentifier": "member", "DBInstanceArn": place.arn("rds", "db:member"), "DBClusterIdentifier": f"aurora0-{place.code}", "Engine": "aurora-postgresql"})
    place.add("DescribeDBInstances", {"DBInstanceIdentifier": "dm-db", "DBInstanceArn": place.arn("rds", "db:dm-db"), "Engine": "postgres", "TagList": tag_list(RUN), "BackupRetentionPeriod": 7, "LatestRestorableTime": now})
    # A deleted database, of which the backups are kept.
    gone, kept = f"gone-{place.code}", place.arn("rds", "auto-backup:ab-gone")
    place.add("DescribeDBInstanceAutomatedBackups", {"DBInstanceIdentifier": gone, "DbiResourceId": "db-gone", "DBInstanceArn": place.arn("rds", f"db:{gone}"), "DBInstanceAutomatedBackupsArn": kept, "Region": place.region, "Status": "retained", "Engine": "mysql", "AllocatedStorage": 20, "BackupRetentionPeriod": 7, "RestoreWindow": {"EarliestTime": days_ago(5), "LatestTime": days_ago(2)}})
    estate.point(place, f"rds:db/{gone}", "rds_pitr", kept, taken=text(days_ago(2)), retention="3d", size="20GiB", engine="mysql")
    for n, engine in enumerate(("aurora-postgresql", "aurora-mysql", "docdb", "neptune")):
        kind = {"docdb": "docdb:cluster", "neptune": "neptune:cluster"}.get(engine, "rds:cluster")
        name = f"aurora{n}-{place.code}"
        arn = place.arn("rds", f"cluster:{name}")
        group = "tuned-aurora" if n == 0 else "default.aurora"
        place.add("DescribeDBClusters", {"DBClusterIdentifier": name, "DBClusterParameterGroup": group, "DBClusterArn": arn, "DbClusterResourceId": f"cluster-{name}", "Engine": engine, "AllocatedStorage": 1, "BackupRetentionPeriod": 14, "EarliestRestorableTime": now - timedelta(days=20), "LatestRestorableTime": now - timedelta(minutes=1), "Endpoint": f"{name}.cluster-c1.{place.region}.rds.amazonaws.com", "TagList": tag_list({"app": "shop"})})
        tuned = {"parameter_group": group} if n == 0 else {}
        estate.resource(place, f"{kind}/{name}", engine=engine, tags={"app": "shop"}, addresses=[f"{name}.cluster-c1.{place.region}.rds.amazonaws.com"], **tuned)
        estate.point(place, f"{kind}/{name}", "rds_pitr", name, taken="-5m", retention="14d", engine=engine)
        for m in range(2):
            snapshot, taken = f"{name}-snap{m}", days_ago(m + 1)
            record = {"DBClusterSnapshotIdentifier": snapshot, "DBClusterSnapshotArn": place.arn("rds", f"cluster-snapshot:{snapshot}"), "DBClusterIdentifier": name, "Engine": engine, "SnapshotCreateTime": taken, "Status": "available", "SnapshotType": "manual", "AllocatedStorage": 10}
            place.add("DescribeDBClusterSnapshots", record)
            estate.point(place, f"{kind}/{name}", "rds_cluster_snapshot", snapshot, taken=text(taken), size="10GiB", engine=engine)
    gone, kept = f"gone-cluster-{place.code}", place.arn("rds", "cluster-auto-backup:ab-gone")
    for name, status in ((gone, "retained"), (f"aurora0-{place.code}", "active")):
        place.add("DescribeDBClusterAutomatedBackups", {"DBClusterIdentifier": name, "DbClusterResourceId": f"cluster-{name}", "DBClusterArn": place.arn("rds", f"cluster:{name}"), "DBClusterAutomatedBackupsArn": kept, "Region": place.region, "Status": status, "Engine": "aurora-mysql", "BackupRetentionPeriod": 7, "RestoreWindow": {"EarliestTime": days_ago(9), "LatestTime": days_ago(2)}})
    estate.point(place, f"rds:cluster/{gone}", "rds_pitr", kept, taken=text(days_ago(2)), retention="7d", engine="aurora-mysql")
    for n in range(10):
        snapshot, of, taken = f"snap{n}-{place.code}", f"db{n}-{place.code}", days_ago(n)
        arn = place.arn("rds", f"snapshot:{snapshot}")
        record = {"DBSnapshotIdentifier": snapshot, "DBSnapshotArn": arn, "DBInstanceIdentifier": of, "Engine": "postgres", "AllocatedStorage": 100, "Status": "available", "SnapshotCreateTime": taken + timedelta(hours=1), "OriginalSnapshotCreateTime": taken, "SnapshotType": "manual", "Encrypted": False}
        shared = {}
        if n == 0:
            record["SnapshotDatabaseTime"] = taken - timedelta(minutes=9)
            taken = taken - timedelta(minutes=9)
        if n == 1:
            estate.place(other, place.region).add("DescribeDBSnapshots/shared", record)
            shared = {"shared_with": [other]}
        kind = "awsbackup" if n == 2 else None
        place.add("DescribeDBSnapshots" + (f"/{kind}" if kind else ""), record)
        estate.point(place, f"rds:db/{of}", "rds_snapshot", snapshot, taken=text(taken), size="100GiB", engine="postgres", **shared)
    place.add("DescribeDBSnapshots", {"DBSnapshotIdentifier": "creating", "DBSnapshotArn": place.arn("rds", "snapshot:creating"), "DBInstanceIdentifier": "x", "Status": "creating"})
    for operation, kind, names in (("DescribeDBSubnetGroups", "subnet-group", ("DBSubnetGroupName", "DBSubnetGroupArn")), ("DescribeDBParameterGroups", "parameter-group", ("DBParameterGroupName", "DBParameterGroupArn")), ("DescribeOptionGroups", "option-group", ("OptionGroupName", "OptionGroupArn"))):
        for n in range(2):
            name = f"{kind}{n}-{place.code}"
            place.add(operation, {names[0]: name, names[1]: place.arn("rds", f"x:{name}")})
            estate.resource(place, f"rds:{kind}/{name}")
    place.add("DescribeDBParameterGroups", {"DBParameterGroupName": "default.postgres17", "DBParameterGroupArn": "x"})
    place.add("DescribeOptionGroups", {"OptionGroupName": "default:mysql-8-0", "OptionGroupArn": "x"})
    place.add("DescribeDBSubnetGroups", {"DBSubnetGroupName": "dm-20260131-db", "DBSubnetGroupArn": "x"})


def s3(estate, place):
    for n in range(10):
        name, tags = f"bucket{n}-{place.code}", ({"app": "shop"} if n % 2 else {})
        encryption = f"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{place.key()}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        tagging = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags.items())
        versioned, encrypted, locked, replicated = n < 6, n % 2 == 0, n == 4, n in (0, 1)
        to = f"bucket9-a{place.account[0]}-{REGIONS[(REGIONS.index(place.region) + 1) % 3]}"
        filter = "<Filter><Prefix>part/</Prefix></Filter>" if n == 1 else "<Filter/>"
        replication = f"<ReplicationConfiguration><Role>r</Role><Rule><ID>all</ID><Priority>1</Priority><Status>Enabled</Status>{filter}<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::{to}</Bucket></Destination></Rule></ReplicationConfiguration>"
        both = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        # For everybody and for all; only without TLS.
        policies = {3: deny("s3:*", both), 2: deny("s3:*", both, Condition={"Bool": {"aws:SecureTransport": "false"}})}
        lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
        answers = {
            "GetBucketTagging": ("NoSuchTagSet", f"<Tagging><TagSet>{tagging}</TagSet></Tagging>" if tags else None),
            "GetBucketEncryption": ("ServerSideEncryptionConfigurationNotFoundError", encryption if encrypted else None),
            "GetBucketVersioning": (None, f"<VersioningConfiguration>{'<Status>Enabled</Status>' if versioned else ''}{'<MfaDelete>Enabled</MfaDelete>' if n == 5 else ''}</VersioningConfiguration>"),
            "GetObjectLockConfiguration": ("ObjectLockConfigurationNotFoundError", lock if locked else lock.replace("COMPLIANCE", "GOVERNANCE") if n == 1 else None),
            "GetBucketPolicy": ("NoSuchBucketPolicy", policies.get(n)),
            "GetBucketReplication": ("ReplicationConfigurationNotFoundError", replication if replicated else None),
        }
        estate.buckets[name] = {"account": place.account, "region": place.region, "answers": answers}
        place.add("ListBuckets", name)
        estate.resource(place, f"s3:bucket/{name}", **({"tags": tags} if tags else {}), **({"key": place.key()} if encrypted else {}))
        key = {"encrypted": True, "kms_key": place.key()} if encrypted else {}
        kept = {1: "governance", 2: "unknown", 3: "policy", 5: "mfa"}.get(n)
        guard = {"guard": kept} if kept else {}
        if versioned:
            estate.point(place, f"s3:bucket/{name}", "s3_versions", name, taken="-0s", **key, **({"vault_locked": True, "locked_for": "30d"} if locked else {}), **guard)
        if n == 0:
            place.metrics[("AWS/S3", "ReplicationLatency", ("DestinationBucket", to), ("RuleId", "all"), ("SourceBucket", name))] = 42
            away = estate.place(place.account, REGIONS[(REGIONS.index(place.region) + 1) % 3])
            estate.point(away, f"s3:bucket/{name}", "s3_replica", to, taken="-1m")


def cloudformation(estate, place):
    for n in range(12):
        name = f"stack{n}-{place.code}"
        status = {0: "DRIFTED", 1: "IN_SYNC", 2: "UNKNOWN"}.get(n, "NOT_CHECKED")
        drift = {"StackDriftStatus": status} | ({"LastCheckTimestamp": days_ago(3)} if n < 3 else {})
        seen = {"drift": {"DRIFTED": "drifted", "IN_SYNC": "in_sync"}.get(status, "not_checked")}
        seen |= {"drift_checked": text(days_ago(3))} if n < 3 else {}
        place.add("DescribeStacks", {"StackName": name, "StackId": place.arn("cloudformation", f"stack/{name}/1"), "StackStatus": "CREATE_COMPLETE", "CreationTime": DAY, "Tags": tag_list({"app": "shop"}), "DriftInformation": drift})
        place.templates[name] = '{"Parameters": {"P": {"Default": "s3cr3t-value"}}, "R": "sa-east-1"}' if n == 0 else "{}"
        estate.resource(place, f"cloudformation:stack/{name}", tags={"app": "shop"}, **seen, **({"mentions": ["sa-east-1"]} if n == 0 else {}))
    place.add("DescribeStacks", {"StackName": "dm-stack", "StackId": "x", "StackStatus": "CREATE_COMPLETE", "CreationTime": DAY, "Tags": tag_list(RUN)})


def dynamodb(estate, place):
    now = datetime.now(timezone.utc)
    for n in range(12):
        name = f"table{n}-{place.code}"
        arn, encrypted, pitr = place.arn("dynamodb", f"table/{name}"), n % 2 == 0, n % 3 == 0
        away = [region for region in REGIONS if region != place.region][0]
        table = {"TableName": name, "TableArn": arn, "TableStatus": "ACTIVE"}
        table |= {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": place.key()}} if encrypted else {}
        table |= {"Replicas": [{"RegionName": away, "ReplicaStatus": "ACTIVE"}]} if n == 1 else {}
        recovery = {"PointInTimeRecoveryStatus": "DISABLED"}
        if pitr:
            recovery = {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35, "EarliestRestorableDateTime": now - timedelta(days=40), "LatestRestorableDateTime": now - timedelta(minutes=1)}
        place.tables[name] = {
            "DescribeTable": {"Table": table},
            "ListTagsOfResource": tag_list({"app": "shop", "tier": "1"}),
            "DescribeContinuousBackups": {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}},
        }
        key = {"encrypted": True, "kms_key": place.key()} if encrypted else {}
        estate.resource(place, f"dynamodb:table/{name}", tags={"app": "shop", "tier": "1"}, **({"key": place.key()} if encrypted else {}), **({"replicas": [{"region": away}]} if n == 1 else {}))
        if pitr:
            estate.point(place, f"dynamodb:table/{name}", "dynamodb_pitr", name, taken="-5m", retention="35d", **key)
        backup = f"{arn}/backup/0{n}"
        place.add("ListBackups", {"TableName": name, "TableArn": arn, "BackupArn": backup, "BackupName": "b", "BackupStatus": "AVAILABLE", "BackupType": "AWS_BACKUP" if n == 11 else "USER", "BackupSizeBytes": 1 << 30, "BackupCreationDateTime": days_ago(n)})
        place.backups[backup] = {"BackupDescription": {"BackupDetails": {}, "SourceTableFeatureDetails": {"SSEDescription": table["SSEDescription"]} if encrypted else {}}}
        if n != 11:
            estate.point(place, f"dynamodb:table/{name}", "dynamodb_backup", backup, taken=text(days_ago(n)), size="1GiB", **key)


def efs(estate, place):
    now = datetime.now(timezone.utc)
    away = REGIONS[(REGIONS.index(place.region) + 1) % 3]
    for n in range(5):
        id, (name, zone) = place.hex("fs", n), place.zone(0)
        one_zone = n == 0
        record = {"OwnerId": place.account, "CreationToken": id, "FileSystemId": id, "CreationTime": DAY, "LifeCycleState": "available", "NumberOfMountTargets": 1, "SizeInBytes": {"Value": 3 << 30}, "PerformanceMode": "generalPurpose", "Encrypted": True, "KmsKeyId": place.key(), "Tags": tag_list({"app": "shop"})}
        place.add("DescribeFileSystems", record | ({"AvailabilityZoneName": name, "AvailabilityZoneId": zone} if one_zone else {}))
        estate.resource(place, f"efs:file-system/{id}", size="4GiB", key=place.key(), tags={"app": "shop"}, **({"az": zone} if one_zone else {}))
        if n in (1, 2):
            to = estate.place(place.account, away)
            target = to.hex("fs", n + 2)
            replication = {"SourceFileSystemId": id, "SourceFileSystemRegion": place.region, "SourceFileSystemArn": "x", "OriginalSourceFileSystemArn": "x", "CreationTime": DAY, "Destinations": [{"Status": "ENABLED", "FileSystemId": target, "Region": away, "LastReplicatedTimestamp": now - timedelta(minutes=1)}]}
            place.add("DescribeReplicationConfigurations", replication)
            to.add("DescribeReplicationConfigurations", replication)
            if n == 1:
                place.metrics[("AWS/EFS", "TimeSinceLastSync", ("DestinationFileSystemId", target), ("FileSystemId", id))] = 250
            estate.point(to, f"efs:file-system/{id}", "efs_replica", target, taken="-5m" if n == 1 else "-15m")


def backup(estate, place):
    away = estate.place(place.account, REGIONS[(REGIONS.index(place.region) + 1) % 3])
    other = ACCOUNTS[(ACCOUNTS.index(place.account) + 1) % 3]
    for n in range(3):
        name = f"vault{n}-{place.code}"
        arn = place.arn("backup", f"backup-vault:{name}")
        vault = {"BackupVaultName": name, "BackupVaultArn": arn, "VaultType": "BACKUP_VAULT", "EncryptionKeyArn": place.key(), "CreationDate": DAY}
        # Locked for good; locked, but not for good yet; air-gapped and shared.
        vault |= ({"Locked": True, "LockDate": DAY}, {"Locked": True, "LockDate": datetime(2100, 1, 1, tzinfo=timezone.utc)}, {"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"})[n]
        place.add("ListBackupVaults", vault)
        place.tags[arn] = {"app": "vaults"}
        estate.resource(place, f"backup:vault/{name}", key=place.key(), tags={"app": "vaults"}, **{"class": vault["VaultType"]})
        if n == 2:
            estate.place(other, place.region).add("ListBackupVaults/shared", vault)
    def guarded(at):
        """Of the vault that is locked, but not for good yet: one has a policy besides."""
        return {"guard": "policy"} if at.region == "us-west-2" else {"guard": "cooling_off", "locks_on": "2100-01-01T00:00:00Z"}

    if place.region == "us-west-2":
        place.policies[f"vault1-{place.code}"] = deny("backup:*", "*")
    for n in range(8):
        vault = f"vault{n % 3}-{place.code}"
        table = f"table{n}-{place.code}"
        arn, taken = place.arn("backup", f"recovery-point:{n}"), days_ago(n)
        infected, scanned = n == 1, n < 3
        record = {"RecoveryPointArn": arn, "BackupVaultName": vault, "ResourceArn": place.arn("dynamodb", f"table/{table}"), "ResourceType": "DynamoDB", "Status": "PARTIAL" if n == 7 else "COMPLETED", "CreationDate": taken, "CompletionDate": taken + timedelta(hours=1), "BackupSizeInBytes": 1 << 30, "EncryptionKeyArn": place.key(), "IsEncrypted": True}
        if scanned:
            record["AggregatedScanResult"] = {"FailedScan": n == 2, "Findings": ["MALWARE"] if infected else []}
        place.vaults[vault].append(record)
        more = {"vault_locked": True} if n % 3 in (0, 2) else guarded(place)
        more |= {"scan": ("clean", "infected", "unknown")[n]} if scanned else {}
        more |= {"shared_with": [other]} if n % 3 == 2 else {}
        if n != 7:
            estate.point(place, f"dynamodb:table/{table}", "backup", arn, taken=text(taken), usable=text(taken + timedelta(hours=1)), size="1GiB", encrypted=True, kms_key=place.key(), vault=vault, **more)
        if n in (3, 4):
            # A copy in the next region. Of one of them AWS Backup has forgotten the job.
            to, there = f"vault1-{away.code}", away.arn("backup", f"recovery-point:copy-{n}")
            copied = days_ago(n) + timedelta(hours=5)
            away.vaults[to].append(record | {"RecoveryPointArn": there, "BackupVaultName": to, "CreationDate": copied, "CompletionDate": copied, "SourceBackupVaultArn": "x", "EncryptionKeyArn": away.key(), "Status": "AVAILABLE"})
            known = {}
            if n == 3:
                place.add("ListCopyJobs", {"CopyJobId": "1", "State": "COMPLETED", "SourceRecoveryPointArn": arn, "DestinationRecoveryPointArn": there})
                known = {"taken": text(taken)}
            estate.point(away, f"dynamodb:table/{table}", "backup", there, usable=text(copied), size="1GiB", encrypted=True, kms_key=away.key(), vault=to, **known, **guarded(away))
    place.add("ListCopyJobs", {"CopyJobId": "2", "State": "COMPLETED", "SourceRecoveryPointArn": "x", "DestinationRecoveryPointArn": "y"})
    for n in range(2):
        name, id = f"plan{n}-{place.code}", f"id{n}"
        arn = place.arn("backup", f"backup-plan:{id}")
        place.add("ListBackupPlans", {"BackupPlanId": id, "BackupPlanName": name, "BackupPlanArn": arn, "CreationDate": DAY})
        estate.resource(place, f"backup:plan/{name}")
        for m in range(2):
            chosen = {"SelectionName": f"s{m}", "IamRoleArn": "r"}
            # By name, by tag; the second selection of each plan selects nothing.
            chosen |= ({"Resources": [place.arn("efs", "x")]} if m else ({"Resources": ["arn:aws:elasticfilesystem:*:*:file-system/*"]}, {"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "tier", "ConditionValue": "1"}]})[n])
            place.selections[(id, f"sel{m}")] = {"BackupPlanId": id, "SelectionId": f"sel{m}", "BackupSelection": chosen}
    for resource in estate.resources:
        if (resource["account"], resource.get("region")) == (place.account, place.region):
            if resource["id"].startswith("efs:"):
                resource["protected_by"] = [f"plan0-{place.code}"]
            if resource.get("tags", {}).get("tier") == "1":
                resource["protected_by"] = [f"plan1-{place.code}"]


# type → (kind in an estate, identifier, name in the estate, properties, what an estate says of them)
def tail(estate, place):
    code, zone_name, zone = place.code, *place.zone(0)
    app = tag_list({"app": "shop"})
    tags = {"tags": {"app": "shop"}}

    def add(kind, of, identifier, name, properties, **more):
        place.controlled[kind][identifier] = properties
        estate.resource(place, f"{of}/{name}", **more)

    for n in range(12):
        name = f"fn{n}-{code}"
        environment = {"Variables": {"TOKEN": "s3cr3t-value", "DB": "orders.c1.ap-south-1.rds.amazonaws.com"}}
        add("AWS::Lambda::Function", "lambda:function", name, name, {"FunctionName": name, "Arn": place.arn("lambda", f"function:{name}"), "KmsKeyArn": place.key(), "Environment": environment, "Tags": app}, key=place.key(), env_names=["DB", "TOKEN"], mentions=["ap-south-1"], **tags)
    for n in range(2):
        x = f"{n}-{code}"
        lb = place.arn("elasticloadbalancing", f"loadbalancer/app/lb{x}/50dc")
        add("AWS::ElasticLoadBalancingV2::LoadBalancer", "elb:load-balancer", lb, f"lb{x}", {"LoadBalancerArn": lb, "DNSName": f"lb{x}.example", "Tags": app}, addresses=[f"lb{x}.example"], **tags)
        add("AWS::ElasticLoadBalancing::LoadBalancer", "elb:load-balancer", f"classic{x}", f"classic{x}", {"Tags": app}, **tags)
        group = place.arn("elasticloadbalancing", f"targetgroup/tg{x}/73e2")
        add("AWS::ElasticLoadBalancingV2::TargetGroup", "elb:target-group", group, f"tg{x}", {"TargetGroupArn": group, "Tags": app}, **tags)
        add("AWS::AutoScaling::AutoScalingGroup", "autoscaling:group", f"asg{x}", f"asg{x}", {"Tags": [{**app[0], "PropagateAtLaunch": True}]}, **tags)
        add("AWS::ElastiCache::CacheCluster", "elasticache:cluster", f"cc{x}", f"cc{x}", {"CacheNodeType": "cache.t4g.small", "PreferredAvailabilityZone": zone_name}, az=zone, **{"class": "cache.t4g.small"})
        add("AWS::ElastiCache::ReplicationGroup", "elasticache:replication-group", f"rg{x}", f"rg{x}", {"MultiAZEnabled": True, "CacheNodeType": "cache.t4g.small"}, multi_az=True, **{"class": "cache.t4g.small"})
        add("AWS::MemoryDB::Cluster", "memorydb:cluster", f"mem{x}", f"mem{x}", {"NodeType": "db.t4g.small", "KmsKeyId": place.key()}, key=place.key(), **{"class": "db.t4g.small"})
        add("AWS::Redshift::Cluster", "redshift:cluster", f"dw{x}", f"dw{x}", {"NodeType": "ra3.xlplus", "AvailabilityZone": zone_name, "Tags": app}, az=zone, **{"class": "ra3.xlplus"}, **tags)
        add("AWS::ECS::Cluster", "ecs:cluster", f"ecs{x}", f"ecs{x}", {"Tags": app}, **tags)
        service = place.arn("ecs", f"service/ecs{x}/web")
        add("AWS::ECS::Service", "ecs:service", f"{service}|ecs{x}", f"ecs{x}/web", {"ServiceArn": service, "Tags": app}, **tags)
        old, new = (place.arn("ecs", f"task-definition/task{x}:{revision}") for revision in (9, 10))
        place.controlled["AWS::ECS::TaskDefinition"][old] = {"TaskDefinitionArn": old}
        containers = [{"Environment": [{"Name": "MODE", "Value": "s3cr3t-value"}], "Secrets": [{"Name": "PASS", "ValueFrom": "arn:aws:secretsmanager:ca-central-1:555555555555:secret:p"}]}]
        add("AWS::ECS::TaskDefinition", "ecs:task-definition", new, f"task{x}:10", {"TaskDefinitionArn": new, "ContainerDefinitions": containers}, env_names=["MODE", "PASS"], mentions=["555555555555", "ca-central-1"])
        add("AWS::EKS::Cluster", "eks:cluster", f"eks{x}", f"eks{x}", {"Arn": place.arn("eks", f"cluster/eks{x}"), "Endpoint": f"https://eks{x}.example", "Tags": app}, addresses=[f"eks{x}.example"], **tags)
        add("AWS::EKS::Nodegroup", "eks:nodegroup", f"eks{x}|nodes", f"eks{x}/nodes", {"ClusterName": f"eks{x}", "InstanceTypes": ["t4g.large"], "Tags": {"app": "shop"}}, **{"class": "t4g.large"}, **tags)
        copies = [{"region": "ap-south-1"}] if n == 0 else []
        add("AWS::ECR::Repository", "ecr:repository", f"repo{x}", f"repo{x}", {"Tags": app}, **tags, **({"replicas": copies} if copies else {}))
        secret = place.arn("secretsmanager", f"secret:secret{x}-AbCdEf")
        add("AWS::SecretsManager::Secret", "secretsmanager:secret", secret, f"secret{x}", {"Id": secret, "Name": f"secret{x}", "KmsKeyId": place.key(), "ReplicaRegions": [{"Region": "ap-south-1"}], "SecretString": "s3cr3t-value"}, key=place.key(), replicas=[{"region": "ap-south-1"}])
        add("AWS::SSM::Parameter", "ssm:parameter", f"/shop/{x}", f"/shop/{x}", {"Value": "s3cr3t-value"})
        add("AWS::KMS::Key", "kms:key", f"key{x}", f"key{x}", {"KeyId": f"key{x}", "Arn": place.arn("kms", f"key/key{x}"), "Tags": app}, **tags)
        certificate = place.arn("acm", f"certificate/cert{x}")
        add("AWS::CertificateManager::Certificate", "acm:certificate", certificate, f"cert{x}", {"CertificateArn": certificate, "Tags": app}, **tags)
        topic = place.arn("sns", f"topic{x}")
        add("AWS::SNS::Topic", "sns:topic", topic, f"topic{x}", {"TopicArn": topic, "Tags": app}, **tags)
        add("AWS::SQS::Queue", "sqs:queue", f"https://sqs.{place.region}.amazonaws.com/{place.account}/queue{x}", f"queue{x}", {"Arn": place.arn("sqs", f"queue{x}"), "Tags": app}, **tags)
        add("AWS::Kinesis::Stream", "kinesis:stream", f"stream{x}", f"stream{x}", {"StreamEncryption": {"KeyId": "alias/x"}, "Tags": app}, key="alias/x", **tags)
        kafka = place.arn("kafka", f"cluster/msk{x}/1a2b-3")
        add("AWS::MSK::Cluster", "msk:cluster", kafka, f"msk{x}", {"Arn": kafka, "BrokerNodeGroupInfo": {"InstanceType": "kafka.m7g.large"}, "Tags": {"app": "shop"}}, **{"class": "kafka.m7g.large"}, **tags)
        add("AWS::AmazonMQ::Broker", "mq:broker", f"b-{x}", f"broker{x}", {"BrokerName": f"broker{x}", "DeploymentMode": "ACTIVE_STANDBY_MULTI_AZ", "HostInstanceType": "mq.m7g.large", "Tags": app}, multi_az=True, **{"class": "mq.m7g.large"}, **tags)
        rule = place.arn("events", f"rule/rule{x}")
        add("AWS::Events::Rule", "events:rule", rule, f"rule{x}", {"Arn": rule, "Tags": app}, **tags)
        add("AWS::Events::EventBus", "events:bus", f"bus{x}", f"bus{x}", {"Tags": app}, **tags)
        machine = place.arn("states", f"stateMachine:sm{x}")
        add("AWS::StepFunctions::StateMachine", "states:state-machine", machine, f"sm{x}", {"Arn": machine, "Tags": app}, **tags)
        add("AWS::ApiGateway::RestApi", "apigateway:api", f"rest{x}", f"rest{x}", {"Tags": app}, **tags)
        add("AWS::ApiGatewayV2::Api", "apigateway:api", f"http{x}", f"http{x}", {"Tags": {"app": "shop"}}, **tags)
        add("AWS::Cognito::UserPool", "cognito:user-pool", f"pool{x}", f"pool{x}", {"UserPoolTags": {"app": "shop"}}, **tags)
        add("AWS::Logs::LogGroup", "logs:log-group", f"/aws/lambda/{x}", f"/aws/lambda/{x}", {"KmsKeyId": place.key(), "Tags": app}, key=place.key(), **tags)
        add("AWS::CloudWatch::Alarm", "cloudwatch:alarm", f"alarm[{x}]", f"alarm%5B{x}%5D", {})
        add("AWS::Timestream::Table", "timestream:table", f"base|t{x}", f"base/t{x}", {"Tags": app}, **tags)
    place.controlled["AWS::Events::EventBus"]["default"] = {"Name": "default"}
    place.controlled["AWS::KMS::Key"]["managed"] = {"KeyId": "managed"}
    place.controlled["AWS::KMS::Alias"] |= {"alias/aws/ebs": {"AliasName": "alias/aws/ebs", "TargetKeyId": "managed"}, "alias/mine": {"AliasName": "alias/mine", "TargetKeyId": f"key0-{code}"}}
    place.controlled["AWS::ECR::ReplicationConfiguration"][place.account] = {"ReplicationConfiguration": {"Rules": [{"Destinations": [{"Region": "ap-south-1", "RegistryId": place.account}], "RepositoryFilters": [{"Filter": "repo0", "FilterType": "PREFIX_MATCH"}]}]}}
    place.controlled["AWS::SNS::Topic"][place.arn("sns", "of-a-drill")] = {"TopicArn": place.arn("sns", "of-a-drill"), "Tags": tag_list(RUN)}
    # A snapshot under a key that AWS manages.
    managed = {"SnapshotId": place.hex("snap", 901), "VolumeId": place.hex("vol", 5), "VolumeSize": 8, "State": "completed", "StartTime": DAY, "CompletionTime": DAY, "OwnerId": place.account, "Encrypted": True, "KmsKeyId": place.arn("kms", "key/managed")}
    place.add("DescribeSnapshots", managed)
    estate.point(place, f"ec2:volume/{managed['VolumeId']}", "ebs_snapshot", managed["SnapshotId"], taken=text(DAY), usable=text(DAY), size="8GiB", encrypted=True, managed_key=True, kms_key=managed["KmsKeyId"])


def across(estate, account):
    """What lies in several places, or in none."""
    east, west = estate.place(account, "us-east-1"), estate.place(account, "us-west-2")
    # One name in two regions: a database, its snapshot in both, and its replicated backups.
    for place in (east, west):
        name, arn = f"twice-a{account[0]}", place.arn("rds", f"db:twice-a{account[0]}")
        place.add("DescribeDBInstances", {"DBInstanceIdentifier": name, "DBInstanceArn": arn, "DbiResourceId": f"db-{name}-{place.region}", "Engine": "postgres", "DBInstanceStatus": "available", "AllocatedStorage": 20, "AvailabilityZone": place.zone(0)[0]})
        id = f"rds:db/{name}[region={place.region}]"
        estate.resource(place, id, az=place.zone(0)[1], size="20GiB", engine="postgres")
        snapshot = f"twice-{place.region}"
        place.add("DescribeDBSnapshots", {"DBSnapshotIdentifier": snapshot, "DBSnapshotArn": place.arn("rds", f"snapshot:{snapshot}"), "DBInstanceIdentifier": name, "Engine": "postgres", "AllocatedStorage": 20, "Status": "available", "SnapshotCreateTime": DAY, "SnapshotType": "manual"})
        estate.point(place, id, "rds_snapshot", snapshot, taken=text(DAY), size="20GiB", engine="postgres")
    # A copy of the eastern snapshot lies in the west, and still restores the eastern database.
    copy = {"DBSnapshotIdentifier": "twice-copy", "DBSnapshotArn": west.arn("rds", "snapshot:twice-copy"), "DBInstanceIdentifier": f"twice-a{account[0]}", "Engine": "postgres", "AllocatedStorage": 20, "Status": "available", "SnapshotCreateTime": DAY, "OriginalSnapshotCreateTime": days_ago(1), "SnapshotType": "manual", "SourceRegion": "us-east-1", "SourceDBSnapshotIdentifier": east.arn("rds", "snapshot:twice-us-east-1")}
    west.add("DescribeDBSnapshots", copy)
    estate.point(west, f"rds:db/twice-a{account[0]}[region=us-east-1]", "rds_snapshot", "twice-copy", taken=text(days_ago(1)), size="20GiB", engine="postgres")
    replicated = west.arn("rds", "auto-backup:ab-replicated")
    west.add("DescribeDBInstanceAutomatedBackups", {"DBInstanceIdentifier": f"twice-a{account[0]}", "DbiResourceId": f"db-twice-a{account[0]}-us-east-1", "DBInstanceArn": east.arn("rds", f"db:twice-a{account[0]}"), "DBInstanceAutomatedBackupsArn": replicated, "Region": "us-east-1", "Status": "replicating", "Engine": "postgres", "AllocatedStorage": 20, "BackupRetentionPeriod": 7, "RestoreWindow": {"EarliestTime": datetime.now(timezone.utc) - timedelta(days=8), "LatestTime": datetime.now(timezone.utc) - timedelta(minutes=2)}})
    estate.point(west, f"rds:db/twice-a{account[0]}[region=us-east-1]", "rds_pitr", replicated, taken="-5m", retention="7d", size="20GiB", engine="postgres")
    # A global database: its writer is in the east.
    name = f"global-a{account[0]}"
    members = [{"DBClusterArn": place.arn("rds", f"cluster:{name}"), "IsWriter": place is east} for place in (east, west)]
    for place in (east, west):
        place.add("DescribeDBClusters", {"DBClusterIdentifier": name, "DBClusterArn": place.arn("rds", f"cluster:{name}"), "Engine": "aurora-postgresql", "AllocatedStorage": 1})
        for n in range(2):
            place.add("DescribeGlobalClusters", {"GlobalClusterIdentifier": f"g{n}", "GlobalClusterMembers": members if n == 0 else []})
        more = {"replicas": [{"region": "us-west-2", "lag": "1s"}]} if place is east else {}
        estate.resource(place, f"rds:cluster/{name}[region={place.region}]", engine="aurora-postgresql", **more)
    west.metrics[("AWS/RDS", "AuroraGlobalDBReplicationLag", ("DBClusterIdentifier", name))] = 750
    # A multi-Region key.
    for place, away in ((east, "us-west-2"), (west, "us-east-1")):
        key = f"mrk-a{account[0]}"
        place.controlled["AWS::KMS::Key"][key] = {"KeyId": key, "MultiRegion": True, "Arn": place.arn("kms", f"key/{key}")}
        estate.resource(place, f"kms:key/{key}[region={place.region}]", replicas=[{"region": away}])
    # Of a user's keys two are active. One root user has keys.
    east.access_keys[f"user0-a{account[0]}"] = [("Active", text(days_ago(400))), ("Active", text(days_ago(2))), ("Inactive", text(days_ago(900)))]
    east.root_keys = int(account == ACCOUNTS[1])
    estate.accounts[account]["root_access_keys"] = account == ACCOUNTS[1]
    # Global services. One role has the same name in all accounts.
    for n in range(3):
        x = f"{n}-a{account[0]}"
        east.controlled["AWS::Route53::HostedZone"][f"Z{x}"] = {"Id": f"Z{x}", "HostedZoneTags": tag_list({"app": "shop"})}
        leading = [("shop.", "A", 60), ("www.", "CNAME", 3600), ("alias.", "A", None)] if n == 0 else []
        east.records[f"Z{x}"] = [("shop.", "NS", 172800), ("shop.", "SOA", 900), *leading]
        estate.resource(east, f"route53:hosted-zone/Z{x}", region=False, tags={"app": "shop"}, **({"dns_ttl": "1h"} if n == 0 else {}))
        east.controlled["AWS::CloudFront::Distribution"][f"E{x}"] = {"Id": f"E{x}", "DomainName": f"{x}.cloudfront.net"}
        estate.resource(east, f"cloudfront:distribution/E{x}", region=False, addresses=[f"{x}.cloudfront.net"])
        for kind, of in (("Role", "role"), ("User", "user"), ("InstanceProfile", "instance-profile")):
            east.controlled[f"AWS::IAM::{kind}"][f"{of}{x}"] = {}
            made = {"access_keys_made": [text(days_ago(400)), text(days_ago(2))]} if (of, n) == ("user", 0) else {}
            estate.resource(east, f"iam:{of}/{of}{x}", region=False, **made)
        east.controlled["AWS::IAM::ManagedPolicy"][f"arn:aws:iam::{account}:policy/p{x}"] = {}
        estate.resource(east, f"iam:policy/p{x}", region=False)
    east.controlled["AWS::IAM::ManagedPolicy"]["arn:aws:iam::aws:policy/ReadOnlyAccess"] = {}
    east.controlled["AWS::IAM::Role"]["admin"] = {}
    estate.resource(east, f"iam:role/admin[account={account}]", region=False)
