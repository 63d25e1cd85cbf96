"""Tests that the peer does what moto_peer/__init__.py says.

Run: python -m unittest discover tests/peers
"""

import http.client
import json
import socket
import threading
import unittest
import urllib.error
from datetime import datetime, timedelta, timezone

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError
from botocore.parsers import ResponseParserError

from peer_client import PROD, SANDBOX, VAULT, Peer, eventually

DROPPED = (ConnectionClosedError, EndpointConnectionError, HTTPClientError)
DB = {"DBInstanceClass": "db.t4g.small", "Engine": "postgres", "EngineVersion": "15.4", "AllocatedStorage": 20, "MasterUsername": "u", "MasterUserPassword": "topsecret"}


def code(error):
    return error.exception.response["Error"]["Code"]


class PeerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()

    @classmethod
    def tearDownClass(cls):
        cls.peer.stop()

    def setUp(self):
        self.peer.reset()
        self.ec2, self.rds, self.s3 = (self.peer.client(service) for service in ("ec2", "rds", "s3"))

    def delays(self, **kinds):
        self.peer.admin("POST", "/peer/delays", kinds)

    def faults(self, *rules):
        self.peer.admin("POST", "/peer/faults", list(rules))

    def network(self, ec2):
        vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16")["Vpc"]["VpcId"]
        zones = [zone["ZoneId"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.66.{i}.0/24", AvailabilityZoneId=zones[i])["Subnet"]["SubnetId"] for i in (0, 1)
        ]
        return vpc, subnets

    def image(self, ec2, subnet=None):
        base = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
        more = {"SubnetId": subnet} if subnet else {}
        instance = ec2.run_instances(ImageId=base, MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
        return ec2.create_image(InstanceId=instance, Name="app")["ImageId"], instance

    def database(self, name="orders", **more):
        self.rds.create_db_instance(DBInstanceIdentifier=name, **DB, **more)
        return self.rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{name}-snap")["DBSnapshot"]


class Process(unittest.TestCase):
    def test_ends_when_its_stdin_closes(self):
        peer = Peer()
        self.assertEqual(peer.admin("GET", "/peer/health"), {"ready": True})
        self.assertEqual(peer.stop(), 0)


class Delays(PeerTest):
    def test_what_is_made_while_seeding_is_ready_at_once(self):
        snapshot = self.database()
        self.assertEqual(snapshot["Status"], "available")
        self.assertEqual(self.rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"], "available")

    def test_ebs_and_images(self):
        self.delays(default=0.6)
        volume = self.ec2.create_volume(Size=8, AvailabilityZone="us-east-1a")
        self.assertEqual(volume["State"], "creating")
        read = lambda: self.ec2.describe_volumes(VolumeIds=[volume["VolumeId"]])["Volumes"][0]["State"]  # noqa: E731
        self.assertEqual(self.peer.until(read, "available")[0], "creating")
        snapshot = self.ec2.create_snapshot(VolumeId=volume["VolumeId"])["SnapshotId"]
        with self.assertRaises(ClientError) as early:
            self.ec2.create_volume(SnapshotId=snapshot, AvailabilityZone="us-east-1a")
        self.assertEqual(code(early), "IncorrectState")
        state = lambda: self.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]  # noqa: E731
        self.assertEqual((state()["State"], state()["Progress"]), ("pending", "50%"))
        self.assertNotIn("CompletionTime", state())
        self.peer.until(lambda: state()["State"], "completed")
        self.assertGreaterEqual(state()["CompletionTime"], state()["StartTime"])
        self.ec2.create_volume(SnapshotId=snapshot, AvailabilityZone="us-east-1a")
        with self.assertRaises(ClientError) as attaching:
            newest = self.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
            self.ec2.attach_volume(VolumeId=newest, InstanceId="i-0", Device="/dev/sdf")
        self.assertEqual(code(attaching), "IncorrectState")
        image = self.ec2.register_image(Name="new", RootDeviceName="/dev/sda1")["ImageId"]
        with self.assertRaises(ClientError) as launching:
            self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
        self.assertEqual(code(launching), "InvalidAMIID.Unavailable")
        self.peer.until(lambda: self.ec2.describe_images(ImageIds=[image])["Images"][0]["State"], "available")

    def test_instances_pass_through_pending_and_initializing(self):
        image, _ = self.image(self.ec2)
        self.delays(instance=0.4, instance_status=0.4, instance_terminate=0.4)
        instance = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

        def state():
            return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]

        def checks():
            statuses = self.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"]
            return (statuses[0]["InstanceStatus"]["Status"], statuses[0]["SystemStatus"]["Status"]) if statuses else None

        self.assertEqual(checks(), None)
        self.assertEqual(self.peer.until(state, "running")[0], "pending")
        self.assertEqual(self.peer.until(checks, ("ok", "ok"))[0], ("initializing", "initializing"))
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.assertEqual(self.peer.until(state, "terminated")[0], "shutting-down")

    def test_databases(self):
        self.database()
        self.delays(default=0.5)
        read = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="back")["DBInstances"][0]["DBInstanceStatus"]  # noqa: E731
        self.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="back", DBSnapshotIdentifier="orders-snap")
        self.assertEqual(self.peer.until(read, "available")[0], "creating")
        copy = self.rds.copy_db_snapshot(SourceDBSnapshotIdentifier="orders-snap", TargetDBSnapshotIdentifier="copy")["DBSnapshot"]
        self.assertEqual((copy["Status"], copy["PercentProgress"]), ("creating", 50))
        with self.assertRaises(ClientError) as early:
            self.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="early", DBSnapshotIdentifier="copy")
        self.assertEqual(code(early), "InvalidDBSnapshotState")
        self.peer.until(lambda: self.rds.describe_db_snapshots(DBSnapshotIdentifier="copy")["DBSnapshots"][0]["Status"], "available")
        deleted = self.rds.delete_db_instance(DBInstanceIdentifier="back", SkipFinalSnapshot=True)["DBInstance"]
        self.assertEqual(deleted["DBInstanceStatus"], "deleting")
        self.assertEqual(read(), "deleting")
        with self.assertRaises(ClientError) as again:
            self.rds.delete_db_instance(DBInstanceIdentifier="back", SkipFinalSnapshot=True)
        self.assertEqual(code(again), "InvalidDBInstanceState")
        with self.assertRaises(ClientError) as gone:
            self.peer.until(read, "gone")
        self.assertEqual(code(gone), "DBInstanceNotFound")

    def test_replicas_and_promotion(self):
        self.database()
        self.delays(db_instance=0.4)
        self.rds.create_db_instance_read_replica(DBInstanceIdentifier="replica", SourceDBInstanceIdentifier="orders")
        read = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="replica")["DBInstances"][0]["DBInstanceStatus"]  # noqa: E731
        self.assertEqual(self.peer.until(read, "available")[0], "creating")
        self.rds.promote_read_replica(DBInstanceIdentifier="replica")
        # The replica is still `available`, and names its source, until the promotion begins. Then
        # it is `modifying` until the promotion ends.
        replica = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="replica")["DBInstances"][0]  # noqa: E731
        begun = replica()
        self.assertEqual((begun["DBInstanceStatus"], begun.get("ReadReplicaSourceDBInstanceIdentifier")), ("available", "orders"))
        seen = self.peer.until(lambda: (replica()["DBInstanceStatus"], bool(replica().get("ReadReplicaSourceDBInstanceIdentifier"))), ("available", False))
        self.assertIn("modifying", [status for status, _ in seen])
        self.assertEqual(self.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBInstanceStatus"], "available")

    def test_clusters_and_their_instances(self):
        self.rds.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="p" * 9, DeletionProtection=True)
        self.rds.create_db_cluster_snapshot(DBClusterIdentifier="c", DBClusterSnapshotIdentifier="cs")
        self.delays(default=0.5)
        self.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier="back", SnapshotIdentifier="cs", Engine="aurora-postgresql")
        cluster = lambda: self.rds.describe_db_clusters(DBClusterIdentifier="back")["DBClusters"][0]  # noqa: E731
        self.assertEqual(self.peer.until(lambda: cluster()["Status"], "available")[0], "creating")
        self.assertEqual((cluster()["DBClusterMembers"], cluster()["DeletionProtection"]), ([], False))
        self.rds.create_db_instance(DBInstanceIdentifier="back-1", DBClusterIdentifier="back", DBInstanceClass="db.r6g.large", Engine="aurora-postgresql")
        read = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="back-1")["DBInstances"][0]["DBInstanceStatus"]  # noqa: E731
        self.assertEqual(self.peer.until(read, "available")[0], "creating")
        self.rds.delete_db_instance(DBInstanceIdentifier="back-1", SkipFinalSnapshot=True)
        with self.assertRaises(ClientError) as held:
            self.rds.delete_db_cluster(DBClusterIdentifier="back", SkipFinalSnapshot=True)
        self.assertEqual(code(held), "InvalidDBClusterStateFault")

    def test_stacks(self):
        cfn = self.peer.client("cloudformation")
        template = json.dumps({
            "Resources": {"V": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}},
            "Outputs": {"Id": {"Value": {"Ref": "V"}}},
        })
        self.delays(stack=0.4)
        first = cfn.create_stack(StackName="s", TemplateBody=template, ClientRequestToken="t")["StackId"]
        self.assertEqual(cfn.create_stack(StackName="s", TemplateBody=template, ClientRequestToken="t")["StackId"], first)
        stack = lambda: cfn.describe_stacks(StackName="s")["Stacks"][0]  # noqa: E731
        self.assertEqual(stack().get("Outputs", []), [])
        self.assertEqual(self.peer.until(lambda: stack()["StackStatus"], "CREATE_COMPLETE")[0], "CREATE_IN_PROGRESS")
        self.assertEqual(stack()["Outputs"][0]["OutputKey"], "Id")
        cfn.delete_stack(StackName="s")
        self.assertEqual(cfn.describe_stacks()["Stacks"], [])

    def test_a_stacks_group_lets_out_what_it_says(self):
        cfn = self.peer.client("cloudformation")
        vpc, _subnets = self.network(self.ec2)
        group = lambda **more: {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g", "VpcId": vpc, **more}}  # noqa: E731
        egress = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "DestinationSecurityGroupId": {"Ref": "Open"}}, {"IpProtocol": "-1", "CidrIp": "10.66.0.0/16"}]
        cfn.create_stack(StackName="s", TemplateBody=json.dumps({"Resources": {"Open": group(), "Shut": group(SecurityGroupEgress=egress)}}))
        made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in cfn.list_stack_resources(StackName="s")["StackResourceSummaries"]}
        out = lambda name: self.ec2.describe_security_groups(GroupIds=[made[name]])["SecurityGroups"][0]["IpPermissionsEgress"]  # noqa: E731
        self.assertEqual([rule["IpRanges"][0]["CidrIp"] for rule in out("Open")], ["0.0.0.0/0"])
        self.assertEqual([one["GroupId"] for rule in out("Shut") for one in rule.get("UserIdGroupPairs", [])], [made["Open"]])
        self.assertEqual([one["CidrIp"] for rule in out("Shut") for one in rule.get("IpRanges", [])], ["10.66.0.0/16"])

    def test_bad_settings_are_refused(self):
        self.assertIn("unknown kind 'db'", self.peer.rejected("POST", "/peer/delays", {"db": 1}))
        self.assertIn("not a number", self.peer.rejected("POST", "/peer/delays", {"ami": "1s"}))
        self.assertIn("not a number", self.peer.rejected("POST", "/peer/clock", {"advance": "1s"}))
        self.assertIn("unknown kind 'boom'", self.peer.rejected("POST", "/peer/faults", [{"action": "*", "kind": "boom"}]))
        self.assertIn("unknown keys ['acton']", self.peer.rejected("POST", "/peer/faults", [{"acton": "*", "kind": "500"}]))
        self.assertIn("no db_snapshot x", self.peer.rejected("POST", "/peer/age", {"kind": "db_snapshot", "id": "x", "account": PROD, "region": "us-east-1", "taken": "2024-01-01T00:00:00Z"}))


class Faults(PeerTest):
    def test_throttling_speaks_each_protocol(self):
        calls = (
            (self.ec2.describe_vpcs, "RequestLimitExceeded", 503),
            (self.rds.describe_db_instances, "Throttling", 400),
            (self.peer.client("cloudformation").list_stacks, "Throttling", 400),
            (self.s3.list_buckets, "SlowDown", 503),
        )
        self.faults({"action": "*", "kind": "throttle", "times": 4})
        for call, expected, status in calls:
            with self.assertRaises(ClientError) as error:
                call()
            self.assertEqual((code(error), error.exception.response["ResponseMetadata"]["HTTPStatusCode"]), (expected, status))
        self.ec2.describe_vpcs()

    def test_an_sdk_retries_them(self):
        ec2 = self.peer.client("ec2", attempts=4)
        self.faults({"action": "DescribeVpcs", "kind": "throttle", "times": 1}, {"action": "DescribeVpcs", "kind": "503"}, {"action": "DescribeVpcs", "kind": "500"})
        ec2.describe_vpcs()
        self.assertEqual([entry["status"] for entry in self.peer.log(action="DescribeVpcs")], [503, 503, 500, 200])
        self.assertEqual([rule["hits"] for rule in self.peer.admin("GET", "/peer/faults")], [1, 1, 1])

    def test_a_rule_can_be_narrowed(self):
        self.faults({"action": "ec2:DescribeVpcs", "region": "us-west-2", "kind": "500"})
        self.ec2.describe_vpcs()
        with self.assertRaises(ClientError):
            self.peer.client("ec2", region="us-west-2").describe_vpcs()
        self.faults({"action": "CreateKeyPair", "id": "bad", "kind": "error", "code": "UnauthorizedOperation", "status": 403, "message": "no"})
        self.ec2.create_key_pair(KeyName="good")
        with self.assertRaises(ClientError) as error:
            self.ec2.create_key_pair(KeyName="bad-1")
        self.assertEqual(code(error), "UnauthorizedOperation")

    def test_dropped_connections(self):
        self.faults({"action": "CreateVpc", "kind": "drop_before"})
        with self.assertRaises(DROPPED):
            self.ec2.create_vpc(CidrBlock="10.1.0.0/16")
        self.assertEqual(len(self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.1.0.0/16"]}])["Vpcs"]), 0)
        self.faults({"action": "CreateVpc", "kind": "drop_after"})
        with self.assertRaises(DROPPED):
            self.ec2.create_vpc(CidrBlock="10.1.0.0/16")
        self.assertEqual(len(self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.1.0.0/16"]}])["Vpcs"]), 1)
        self.faults({"action": "PutObject", "kind": "drop_after"})
        self.s3.create_bucket(Bucket="data")
        with self.assertRaises(DROPPED):
            self.s3.put_object(Bucket="data", Key="k", Body=b"x" * 100_000)
        self.assertEqual(self.s3.head_object(Bucket="data", Key="k")["ContentLength"], 100_000)

    def test_resets_are_resets(self):
        for kind, made in (("reset_before", 0), ("reset_after", 1)):
            self.faults({"action": "CreateVpc", "kind": kind})
            body = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.2.0.0/16"
            scope = "AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/ec2/aws4_request"
            head = f"POST / HTTP/1.0\r\nHost: x\r\nx-moto-account-id: {PROD}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={scope}, Signature=0\r\n"
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", int(self.peer.url.rsplit(":", 1)[1]))) as connection:
                connection.sendall((head + body).encode())
                with self.assertRaises(ConnectionResetError):
                    connection.recv(1)
            self.assertEqual(len(self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.2.0.0/16"]}])["Vpcs"]), made)

    def test_an_error_may_hide_an_effect(self):
        for number, kind in enumerate(("500_after", "503_after")):
            self.faults({"action": "CreateVpc", "kind": kind})
            with self.assertRaises(ClientError) as error:
                self.ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")
            self.assertEqual(error.exception.response["ResponseMetadata"]["HTTPStatusCode"], int(kind[:3]))
            self.assertEqual(len(self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [f"10.{number}.0.0/16"]}])["Vpcs"]), 1)

    def test_answers_are_cut(self):
        self.s3.create_bucket(Bucket="data")
        self.s3.put_object(Bucket="data", Key="k", Body=b"x" * 100_000)
        for kind, errors in (("truncated", (*DROPPED, IncompleteReadError, ResponseStreamingError)), ("cut", ResponseParserError)):
            self.faults({"action": "DescribeVpcs", "kind": kind})
            with self.assertRaises(errors):
                self.ec2.describe_vpcs()
        self.faults({"action": "GetObject", "kind": "truncated"})
        with self.assertRaises((*DROPPED, IncompleteReadError, ResponseStreamingError)):
            self.s3.get_object(Bucket="data", Key="k")["Body"].read()

    def test_a_request_arrives_twice(self):
        self.faults({"action": "CreateVpc", "kind": "twice"}, {"action": "CreateVolume", "kind": "twice"}, {"action": "PutObject", "kind": "twice"})
        self.ec2.create_vpc(CidrBlock="10.3.0.0/16")
        self.assertEqual(len(self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.3.0.0/16"]}])["Vpcs"]), 2)
        self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, ClientToken="once")
        self.assertEqual(len(self.ec2.describe_volumes()["Volumes"]), 1)
        self.s3.create_bucket(Bucket="data")
        self.s3.put_object(Bucket="data", Key="k", Body=b"x" * 100_000)
        self.assertEqual(self.s3.head_object(Bucket="data", Key="k")["ContentLength"], 100_000)

    def test_a_front_fails_by_seed(self):
        def asked(seed, requests=12):
            front = self.peer.admin("POST", "/peer/fronts", {"seed": seed, "rate": 0.5, "faults": 5, "kinds": ["500", "throttle"]})
            ec2 = self.peer.client("ec2", port=front["port"])
            failed = []
            for number in range(requests):
                try:
                    ec2.describe_vpcs()
                except ClientError as error:
                    failed.append((number + 1, error.response["Error"]["Code"]))
            told = next(one for one in self.peer.admin("GET", "/peer/fronts") if one["port"] == front["port"])
            self.assertEqual([hit["number"] for hit in told["hits"] if hit["action"] == "ec2:DescribeVpcs"], [number for number, _ in failed])
            self.assertEqual(len(told["hits"]), 5)
            self.assertEqual(len(self.peer.log(action="DescribeVpcs", front=front["port"])), requests)
            return failed

        self.assertEqual(asked(1), asked(1))
        self.assertNotEqual(asked(1), asked(2))
        self.assertIn("seed", self.peer.rejected("POST", "/peer/fronts", {"rate": 1}))
        self.assertIn("kinds", self.peer.rejected("POST", "/peer/fronts", {"seed": 1, "kinds": ["sleep"]}))

    def test_a_throttled_upload_leaves_the_connection_usable(self):
        self.s3.create_bucket(Bucket="data")
        self.faults({"action": "PutObject", "kind": "throttle"})
        with self.assertRaises(ClientError):
            self.s3.put_object(Bucket="data", Key="k", Body=b"x" * 500_000)
        self.s3.put_object(Bucket="data", Key="k", Body=b"y")

    def test_a_throttled_chunked_upload_too(self):
        self.faults({"action": "PutObject", "kind": "throttle"})
        connection = http.client.HTTPConnection(self.peer.url.removeprefix("http://"), timeout=120)
        headers = {"Transfer-Encoding": "chunked"}
        for expected in (503, 404):  # the second request, on the same connection: no such bucket
            connection.request("PUT", "/missing/k", body=iter([b"x" * 1000] * 50), encode_chunked=True, headers=headers)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, expected)
        connection.close()

    def test_latency_blocks_nobody_else(self):
        self.faults({"action": "DescribeVpcs", "kind": "delay", "seconds": 1.5})
        slow = threading.Thread(target=self.ec2.describe_vpcs)
        slow.start()
        eventually(lambda: len(self.peer.log(action="DescribeVpcs")), 1)
        self.peer.client("ec2").describe_subnets()
        self.peer.advance(1.4)
        slow.join(timeout=0.2)
        self.assertTrue(slow.is_alive())
        while slow.is_alive():
            self.peer.advance(1.5)
            slow.join(timeout=0.05)

    def test_what_never_gets_ready(self):
        self.database()
        self.faults({"action": "RestoreDBInstanceFromDBSnapshot", "kind": "never_ready"}, {"id": "slow-", "kind": "never_ready"})
        self.delays(default=0.1)
        self.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="a", DBSnapshotIdentifier="orders-snap")
        self.rds.create_db_instance(DBInstanceIdentifier="slow-1", **DB)
        self.rds.create_db_instance(DBInstanceIdentifier="quick", **DB)
        states = lambda: {db["DBInstanceIdentifier"]: db["DBInstanceStatus"] for db in self.rds.describe_db_instances()["DBInstances"]}  # noqa: E731
        self.peer.until(lambda: states()["quick"], "available")
        self.assertEqual((states()["a"], states()["slow-1"]), ("creating", "creating"))
        self.faults({"action": "DeleteDBInstance", "kind": "never_ready"})
        self.peer.until(lambda: states()["slow-1"], "available")
        self.rds.delete_db_instance(DBInstanceIdentifier="quick", SkipFinalSnapshot=True)
        self.peer.advance(3600)
        self.assertEqual(states()["quick"], "deleting")

    def test_what_will_not_delete(self):
        vpc = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.database()
        self.s3.create_bucket(Bucket="kept")
        self.faults({"id": vpc, "kind": "undeletable"}, {"id": "ord", "kind": "undeletable"}, {"id": "kept", "kind": "undeletable"})
        for call, expected in (
            (lambda: self.ec2.delete_vpc(VpcId=vpc), "DependencyViolation"),
            (lambda: self.rds.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True), "InvalidDBInstanceState"),
            (lambda: self.s3.delete_bucket(Bucket="kept"), "BucketNotEmpty"),
        ):
            with self.assertRaises(ClientError) as error:
                call()
            self.assertEqual(code(error), expected)
        self.ec2.describe_vpcs(VpcIds=[vpc])
        self.faults()
        self.ec2.delete_vpc(VpcId=vpc)


class Log(PeerTest):
    def test_every_request_in_order(self):
        self.peer.admin("DELETE", "/peer/log")
        self.ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/8"]}])
        west = self.peer.client("rds", account=SANDBOX, region="us-west-2")
        self.database()
        west.describe_db_instances()
        log = [entry for entry in self.peer.log() if entry["service"] != "sts"]
        self.assertEqual([entry["action"] for entry in log], ["DescribeVpcs", "CreateDBInstance", "CreateDBSnapshot", "DescribeDBInstances"])
        self.assertEqual([entry["n"] for entry in self.peer.log()], [1, 2, 3, 4, 5])
        self.assertEqual((log[0]["service"], log[0]["region"], log[0]["account"], log[0]["status"]), ("ec2", "us-east-1", PROD, 200))
        self.assertEqual(log[0]["params"], {"Filter.1.Name": "cidr", "Filter.1.Value.1": "10.0.0.0/8"})
        self.assertEqual((log[3]["region"], log[3]["account"]), ("us-west-2", SANDBOX))
        self.assertTrue(log[3]["access_key"])
        self.assertNotIn("topsecret", json.dumps(log))

    def test_the_operations_of_s3(self):
        s3 = self.s3
        s3.create_bucket(Bucket="data")
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
        s3.get_bucket_versioning(Bucket="data")
        s3.put_public_access_block(Bucket="data", PublicAccessBlockConfiguration={"BlockPublicAcls": True})
        s3.put_object(Bucket="data", Key="dir/k é", Body=b"x")
        s3.copy_object(Bucket="data", Key="k2", CopySource={"Bucket": "data", "Key": "dir/k é"})
        upload = s3.create_multipart_upload(Bucket="data", Key="m")["UploadId"]
        s3.upload_part(Bucket="data", Key="m", UploadId=upload, PartNumber=1, Body=b"x")
        s3.upload_part_copy(Bucket="data", Key="m", UploadId=upload, PartNumber=2, CopySource="data/k2")
        s3.abort_multipart_upload(Bucket="data", Key="m", UploadId=upload)
        s3.get_object(Bucket="data", Key="k2")["Body"].read()
        s3.head_object(Bucket="data", Key="k2")
        s3.list_objects_v2(Bucket="data")
        s3.list_objects(Bucket="data")
        s3.list_object_versions(Bucket="data")
        s3.head_bucket(Bucket="data")
        s3.get_bucket_location(Bucket="data")
        s3.delete_object(Bucket="data", Key="k2")
        s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": "dir/k é"}]})
        s3.list_buckets()
        log = self.peer.log(service="s3")
        self.assertEqual(
            [entry["action"] for entry in log],
            ["CreateBucket", "PutBucketVersioning", "GetBucketVersioning", "PutPublicAccessBlock", "PutObject", "CopyObject",
             "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "AbortMultipartUpload", "GetObject", "HeadObject", "ListObjectsV2",
             "ListObjects", "ListObjectVersions", "HeadBucket", "GetBucketLocation", "DeleteObject", "DeleteObjects", "ListBuckets"],
        )  # fmt: skip
        self.assertEqual((log[4]["params"]["bucket"], log[4]["params"]["key"]), ("data", "dir/k é"))
        self.assertEqual(log[5]["params"]["copy_source"], "data/dir/k é")
        self.assertEqual({entry["status"] // 100 for entry in log}, {2})


class Sharing(PeerTest):
    def setUp(self):
        super().setUp()
        self.there = self.peer.client("ec2", account=SANDBOX)
        self.rds_there = self.peer.client("rds", account=SANDBOX)

    def test_ebs_snapshots(self):
        volume = self.ec2.create_volume(Size=8, AvailabilityZone="us-east-1a")["VolumeId"]
        snapshot = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        attempts = (
            lambda: self.there.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"],
            lambda: self.there.copy_snapshot(SourceSnapshotId=snapshot, SourceRegion="us-east-1"),
            lambda: self.peer.client("ec2", account=SANDBOX, region="us-west-2").copy_snapshot(SourceSnapshotId=snapshot, SourceRegion="us-east-1"),
            lambda: self.there.create_volume(SnapshotId=snapshot, AvailabilityZone="us-east-1a"),
        )
        for attempt in attempts:
            with self.assertRaises(ClientError) as error:
                attempt()
            self.assertEqual(code(error), "InvalidSnapshot.NotFound")
        self.ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[SANDBOX])
        self.assertEqual(attempts[0]()[0]["OwnerId"], PROD)
        for attempt in attempts[1:]:
            attempt()
        self.assertEqual(len(self.there.describe_snapshots(OwnerIds=["self"])["Snapshots"]), 1)
        self.assertEqual(len(self.there.describe_snapshots(OwnerIds=[PROD])["Snapshots"]), 1)
        with self.assertRaises(ClientError):
            self.there.delete_snapshot(SnapshotId=snapshot)
        self.ec2.describe_snapshots(SnapshotIds=[snapshot])

    def test_images(self):
        image, _ = self.image(self.ec2)
        west = self.peer.client("ec2", account=SANDBOX, region="us-west-2")
        attempts = (
            lambda: self.there.describe_images(ImageIds=[image])["Images"],
            lambda: self.there.run_instances(ImageId=image, MinCount=1, MaxCount=1),
            lambda: west.copy_image(SourceImageId=image, SourceRegion="us-east-1", Name="copy", TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "run", "Value": "1"}]}]),
        )
        for attempt in attempts:
            with self.assertRaises(ClientError) as error:
                attempt()
            self.assertEqual(code(error), "InvalidAMIID.NotFound")
        self.ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": SANDBOX}]})
        for attempt in attempts:
            attempt()
        self.assertEqual([one["ImageId"] for one in self.there.describe_images()["Images"]], [image])
        self.assertEqual(self.there.describe_images(Owners=["self"])["Images"], [])
        self.assertEqual(west.describe_images(Owners=["self"])["Images"][0]["Tags"], [{"Key": "run", "Value": "1"}])

    def test_db_snapshots(self):
        self.rds.create_db_subnet_group(DBSubnetGroupName="prod", DBSubnetGroupDescription="d", SubnetIds=self.network(self.ec2)[1])
        arn = self.database(DBSubnetGroupName="prod", MultiAZ=True, DeletionProtection=True)["DBSnapshotArn"]
        west = self.peer.client("rds", account=SANDBOX, region="us-west-2")
        attempts = (
            lambda: self.rds_there.describe_db_snapshots(DBSnapshotIdentifier=arn)["DBSnapshots"],
            lambda: self.rds_there.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy"),
            lambda: west.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy", SourceRegion="us-east-1"),
            lambda: self.rds_there.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="r", DBSnapshotIdentifier=arn),
        )
        for attempt in attempts:
            with self.assertRaises(ClientError) as error:
                attempt()
            self.assertEqual(code(error), "DBSnapshotNotFound" if "Fault" not in code(error) else "DBSnapshotNotFoundFault")
        self.assertEqual(self.rds_there.describe_db_snapshots(IncludeShared=True)["DBSnapshots"], [])
        self.rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="orders-snap", AttributeName="restore", ValuesToAdd=[SANDBOX])
        self.assertEqual(self.rds_there.describe_db_snapshots()["DBSnapshots"], [])
        self.assertEqual([one["DBSnapshotArn"] for one in self.rds_there.describe_db_snapshots(IncludeShared=True)["DBSnapshots"]], [arn])
        self.assertEqual([one["DBSnapshotArn"] for one in self.rds_there.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]], [arn])
        for attempt in attempts:
            attempt()
        restored = self.rds_there.describe_db_instances(DBInstanceIdentifier="r")["DBInstances"][0]
        self.assertEqual((restored["MultiAZ"], restored["DeletionProtection"]), (False, False))
        self.assertIn(f":{SANDBOX}:", restored["DBInstanceArn"])
        with self.assertRaises(ClientError):
            west.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="r", DBSnapshotIdentifier=arn)

    def test_db_cluster_snapshots(self):
        self.rds.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="p" * 9)
        arn = self.rds.create_db_cluster_snapshot(DBClusterIdentifier="c", DBClusterSnapshotIdentifier="cs")["DBClusterSnapshot"]["DBClusterSnapshotArn"]
        restore = lambda name: self.rds_there.restore_db_cluster_from_snapshot(DBClusterIdentifier=name, SnapshotIdentifier=arn, Engine="aurora-postgresql")  # noqa: E731
        with self.assertRaises(ClientError):
            restore("r")
        self.rds.modify_db_cluster_snapshot_attribute(DBClusterSnapshotIdentifier="cs", AttributeName="restore", ValuesToAdd=[SANDBOX])
        self.assertIn(f":{SANDBOX}:", restore("r")["DBCluster"]["DBClusterArn"])
        self.rds_there.copy_db_cluster_snapshot(SourceDBClusterSnapshotIdentifier=arn, TargetDBClusterSnapshotIdentifier="copy")
        manual = self.rds_there.describe_db_cluster_snapshots(IncludeShared=True, SnapshotType="manual")["DBClusterSnapshots"]
        self.assertEqual({one["DBClusterSnapshotIdentifier"] for one in manual}, {"copy", "cs"})
        self.rds_there.delete_db_cluster(DBClusterIdentifier="r", SkipFinalSnapshot=True)
        self.assertEqual(self.rds_there.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"], [])

    def test_buckets_open_to_whom_their_policy_names(self):
        there = self.peer.client("s3", account=SANDBOX)
        self.s3.create_bucket(Bucket="replica")
        self.s3.put_object(Bucket="replica", Key="k", Body=b"x")
        with self.assertRaises(ClientError) as error:
            there.get_object(Bucket="replica", Key="k")
        self.assertEqual(code(error), "AccessDenied")
        statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{SANDBOX}:root"}, "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::replica/*", "arn:aws:s3:::replica"]}
        self.s3.put_bucket_policy(Bucket="replica", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        self.assertEqual(there.get_object(Bucket="replica", Key="k")["Body"].read(), b"x")
        there.create_bucket(Bucket="sandbox")
        there.copy_object(Bucket="sandbox", Key="k", CopySource="replica/k")
        with self.assertRaises(ClientError):
            self.peer.client("s3", account=VAULT).get_object(Bucket="replica", Key="k")


class Times(PeerTest):
    def age(self, kind, name, taken, **more):
        self.peer.admin("POST", "/peer/age", {"kind": kind, "id": name, "account": PROD, "region": "us-east-1", "taken": taken.isoformat(), **more})

    def test_recovery_points_of_a_known_age(self):
        then = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=25)
        self.database()
        self.age("db_snapshot", "orders-snap", then)
        self.age("db_snapshot", "rds:orders-*", then)
        self.assertEqual({one["SnapshotCreateTime"] for one in self.rds.describe_db_snapshots()["DBSnapshots"]}, {then})
        west = self.peer.client("rds", region="us-west-2")
        arn = self.rds.describe_db_snapshots(DBSnapshotIdentifier="orders-snap")["DBSnapshots"][0]["DBSnapshotArn"]
        west.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy")
        old = self.rds.describe_db_snapshots(DBSnapshotIdentifier="orders-snap")["DBSnapshots"][0]
        copy = west.describe_db_snapshots(DBSnapshotIdentifier="copy")["DBSnapshots"][0]
        self.assertEqual((old["SnapshotCreateTime"], old["OriginalSnapshotCreateTime"], copy["OriginalSnapshotCreateTime"]), (then, then, then))
        self.assertGreater(copy["SnapshotCreateTime"], then)
        volume = self.ec2.create_volume(Size=8, AvailabilityZone="us-east-1a")["VolumeId"]
        snapshot = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        self.age("ebs_snapshot", snapshot, then)
        seen = self.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
        self.assertEqual((seen["StartTime"], seen["CompletionTime"]), (then, then))
        image, _ = self.image(self.ec2)
        self.age("ami", image, then)
        created = self.ec2.describe_images(ImageIds=[image])["Images"][0]["CreationDate"]
        self.assertEqual(datetime.fromisoformat(created), then)

    def test_restore_to_a_time(self):
        self.database()
        latest = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(minutes=5)
        self.age("db_instance", "orders", latest, earliest=(latest - timedelta(days=7)).isoformat())
        self.assertEqual(self.rds.describe_db_instances()["DBInstances"][0]["LatestRestorableTime"], latest)
        for when in (latest + timedelta(minutes=1), latest - timedelta(days=8)):
            with self.assertRaises(ClientError) as error:
                self.rds.restore_db_instance_to_point_in_time(SourceDBInstanceIdentifier="orders", TargetDBInstanceIdentifier="r", RestoreTime=when)
            self.assertEqual(code(error), "InvalidRestoreFault")
        self.rds.restore_db_instance_to_point_in_time(SourceDBInstanceIdentifier="orders", TargetDBInstanceIdentifier="r", RestoreTime=latest - timedelta(hours=1))
        window = self.rds.describe_db_instance_automated_backups(DBInstanceIdentifier="orders")["DBInstanceAutomatedBackups"][0]["RestoreWindow"]
        self.assertEqual(window["LatestTime"], latest)


class Corrections(PeerTest):
    def test_a_deletion_of_keys_that_xml_cannot_carry_is_malformed(self):
        self.s3.create_bucket(Bucket="data")
        for key in ("plain", "odd \ufdd0"):
            self.s3.put_object(Bucket="data", Key=key, Body=b"x")
        with self.assertRaises(ClientError) as error:
            self.s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": "plain"}, {"Key": "odd \ufdd0"}]})
        self.assertEqual(code(error), "MalformedXML")
        self.assertEqual(self.s3.list_objects_v2(Bucket="data")["KeyCount"], 2)
        self.s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": "plain"}]})
        self.s3.delete_object(Bucket="data", Key="odd \ufdd0")
        self.assertEqual(self.s3.list_objects_v2(Bucket="data")["KeyCount"], 0)

    def test_dry_run_changes_nothing(self):
        vpc = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        before = self.peer.admin("GET", "/peer/state")
        for call in (
            lambda: self.ec2.create_vpc(CidrBlock="10.2.0.0/16", DryRun=True),
            lambda: self.ec2.delete_vpc(VpcId=vpc, DryRun=True),
            lambda: self.ec2.create_network_acl(VpcId=vpc, DryRun=True),
            lambda: self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24", DryRun=True),
            lambda: self.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", DryRun=True, ClientToken="t"),
        ):
            with self.assertRaises(ClientError) as error:
                call()
            self.assertEqual((code(error), error.exception.response["ResponseMetadata"]["HTTPStatusCode"]), ("DryRunOperation", 412))
        self.assertEqual(self.peer.admin("GET", "/peer/state"), before)

    def test_the_same_token_makes_one(self):
        image, _ = self.image(self.ec2)
        run = lambda **more: self.ec2.run_instances(**{"ImageId": image, "MinCount": 2, "MaxCount": 2, "ClientToken": "t1", **more})  # noqa: E731
        first = [one["InstanceId"] for one in run()["Instances"]]
        self.assertEqual([one["InstanceId"] for one in run()["Instances"]], first)
        with self.assertRaises(ClientError) as error:
            run(MinCount=1, MaxCount=1)
        self.assertEqual(code(error), "IdempotentParameterMismatch")
        self.assertNotEqual([one["InstanceId"] for one in run(ClientToken="t2")["Instances"]], first)
        make = lambda: self.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", ClientToken="v")["VolumeId"]  # noqa: E731
        self.faults({"action": "CreateVolume", "kind": "drop_after"})
        with self.assertRaises(DROPPED):
            make()
        self.assertEqual(make(), make())
        self.assertEqual(len(self.ec2.describe_volumes(Filters=[{"Name": "size", "Values": ["1"]}])["Volumes"]), 1)

    def test_no_public_address_unless_asked_for(self):
        _, subnets = self.network(self.ec2)
        image, _ = self.image(self.ec2, subnets[0])
        launched = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0])["Instances"][0]
        self.assertNotIn("PublicIpAddress", launched)
        self.ec2.modify_subnet_attribute(SubnetId=subnets[1], MapPublicIpOnLaunch={"Value": True})
        self.assertIn("PublicIpAddress", self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[1])["Instances"][0])

    def test_a_restore_inherits_no_placement(self):
        west_ec2, west = self.peer.client("ec2", region="us-west-2"), self.peer.client("rds", region="us-west-2")
        self.rds.create_db_subnet_group(DBSubnetGroupName="prod", DBSubnetGroupDescription="d", SubnetIds=self.network(self.ec2)[1])
        arn = self.database(DBSubnetGroupName="prod", MultiAZ=True, DeletionProtection=True)["DBSnapshotArn"]
        west.copy_db_snapshot(SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier="copy")
        bare = west.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="bare", DBSnapshotIdentifier="copy")["DBInstance"]
        self.assertEqual((bare["MultiAZ"], bare["DeletionProtection"], "DBSubnetGroup" in bare), (False, False, False))
        self.assertEqual(bare["AvailabilityZone"], "us-west-2a")
        vpc, subnets = self.network(west_ec2)
        group = west_ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        west.create_db_subnet_group(DBSubnetGroupName="sandbox", DBSubnetGroupDescription="d", SubnetIds=subnets)
        told = west.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier="told", DBSnapshotIdentifier="copy", DBSubnetGroupName="sandbox", VpcSecurityGroupIds=[group], MultiAZ=True, DBInstanceClass="db.r6g.large"
        )["DBInstance"]
        self.assertEqual((told["MultiAZ"], told["DBSubnetGroup"]["DBSubnetGroupName"], told["DBInstanceClass"]), (True, "sandbox", "db.r6g.large"))
        self.assertEqual([one["VpcSecurityGroupId"] for one in told["VpcSecurityGroups"]], [group])
        pitr = self.rds.restore_db_instance_to_point_in_time(SourceDBInstanceIdentifier="orders", TargetDBInstanceIdentifier="pitr", UseLatestRestorableTime=True)["DBInstance"]
        self.assertEqual((pitr["MultiAZ"], pitr["DeletionProtection"]), (False, False))
        self.rds.delete_db_instance(DBInstanceIdentifier="pitr", SkipFinalSnapshot=True)
        replica = west.create_db_instance_read_replica(DBInstanceIdentifier="replica", SourceDBInstanceIdentifier=arn.replace(":snapshot:orders-snap", ":db:orders"), DBSubnetGroupName="sandbox")["DBInstance"]
        self.assertEqual(replica["DBSubnetGroup"]["DBSubnetGroupName"], "sandbox")
        west.delete_db_instance(DBInstanceIdentifier="replica", SkipFinalSnapshot=True)
        self.assertEqual(self.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["ReadReplicaDBInstanceIdentifiers"], [])
        self.assertEqual(self.rds.describe_db_instances(DBInstanceIdentifier="orders")["DBInstances"][0]["DBSubnetGroup"]["DBSubnetGroupName"], "prod")

    def test_what_is_in_use_is_not_deleted(self):
        vpc, subnets = self.network(self.ec2)
        group = self.ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        image, _ = self.image(self.ec2)
        instance = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0], SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
        self.rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=subnets)
        self.database(DBSubnetGroupName="g")
        for call, expected in (
            (lambda: self.ec2.delete_subnet(SubnetId=subnets[0]), "DependencyViolation"),
            (lambda: self.ec2.delete_subnet(SubnetId=subnets[1]), "DependencyViolation"),
            (lambda: self.ec2.delete_security_group(GroupId=group), "DependencyViolation"),
            (lambda: self.rds.delete_db_subnet_group(DBSubnetGroupName="g"), "InvalidDBSubnetGroupStateFault"),
        ):
            with self.assertRaises(ClientError) as error:
                call()
            self.assertEqual(code(error), expected)
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.rds.delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
        self.rds.delete_db_subnet_group(DBSubnetGroupName="g")
        self.ec2.delete_security_group(GroupId=group)
        for subnet in subnets:
            self.ec2.delete_subnet(SubnetId=subnet)
        self.ec2.delete_vpc(VpcId=vpc)


    def test_no_backups_where_none_are_kept(self):
        self.rds.create_db_instance(DBInstanceIdentifier="bare", BackupRetentionPeriod=0, **DB)
        self.assertEqual(self.rds.describe_db_snapshots()["DBSnapshots"], [])
        self.rds.create_db_instance(DBInstanceIdentifier="kept", **DB)
        self.assertEqual([one["SnapshotType"] for one in self.rds.describe_db_snapshots()["DBSnapshots"]], ["automated"])


class State(PeerTest):
    def test_nothing_left_means_the_same_bytes(self):
        self.database()
        self.s3.create_bucket(Bucket="data")
        self.s3.put_object(Bucket="data", Key="k", Body=b"abc")
        before = self.peer.admin("GET", "/peer/state")
        self.assertEqual([one["type"] for one in before["resources"]], ["rds:db", "rds:snapshot", "rds:snapshot", "s3:bucket"])
        self.assertEqual((before["resources"][3]["versions"], before["resources"][3]["bytes"]), (1, 3))
        there_ec2, there = (self.peer.client(service, account=SANDBOX, region="eu-west-1") for service in ("ec2", "rds"))
        there_ec2.describe_vpcs()  # makes the region's default VPC
        there.describe_db_instances()
        self.assertEqual(self.peer.admin("GET", "/peer/state"), before)
        vpc, subnets = self.network(there_ec2)
        image, first = self.image(there_ec2, subnets[0])
        group = there_ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
        there_ec2.create_tags(Resources=[vpc], Tags=[{"Key": "drillmaster:run", "Value": "r1"}])
        key = there_ec2.create_key_pair(KeyName="k")["KeyPairId"]
        address = there_ec2.allocate_address(Domain="vpc")["AllocationId"]
        during = self.peer.admin("GET", "/peer/state")["resources"]
        kinds = {one["type"] for one in during} - {one["type"] for one in before["resources"]}
        self.assertLessEqual({"ec2:vpc", "ec2:subnet", "ec2:image", "ec2:snapshot", "ec2:instance", "ec2:volume", "ec2:security-group", "ec2:key-pair", "ec2:address", "ec2:network-interface"}, kinds)
        self.assertEqual(next(one["tags"] for one in during if one["id"] == vpc), {"drillmaster:run": "r1"})
        there_ec2.terminate_instances(InstanceIds=[first])
        for one in there_ec2.describe_images(Owners=["self"])["Images"]:
            there_ec2.deregister_image(ImageId=one["ImageId"])
        for one in there_ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
            there_ec2.delete_snapshot(SnapshotId=one["SnapshotId"])
        there_ec2.delete_security_group(GroupId=group)
        there_ec2.delete_key_pair(KeyPairId=key)
        there_ec2.release_address(AllocationId=address)
        for subnet in subnets:
            there_ec2.delete_subnet(SubnetId=subnet)
        there_ec2.delete_vpc(VpcId=vpc)
        self.assertEqual(self.peer.admin("GET", "/peer/state"), before)
        self.s3.put_object(Bucket="data", Key="k2", Body=b"abc")
        self.assertNotEqual(self.peer.admin("GET", "/peer/state"), before)


class Policies(PeerTest):
    ROLE = f"arn:aws:iam::{PROD}:role/drill"

    def policy(self, *statements):
        documents = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement} for statement in statements]}]
        return self.peer.admin("POST", "/peer/policies", {self.ROLE: documents})

    def tearDown(self):
        self.peer.admin("DELETE", "/peer/policies")

    def refused(self, call, **arguments):
        with self.assertRaises(ClientError) as error:
            call(**arguments)
        self.assertIn(code(error), ("UnauthorizedOperation", "AccessDenied", "403"))
        return self.peer.admin("GET", "/peer/log")[-1]["denied"]

    def test_nothing_is_refused_without_a_policy(self):
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16")

    def test_action_region_and_request_tags_are_evaluated(self):
        here, run = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {"aws:RequestTag/drillmaster:run": "*"}
        vpcs = "arn:aws:ec2:us-east-1:*:vpc/*"
        self.policy(
            {"Action": "ec2:DescribeVpcs", "Resource": "*", "Condition": here},
            {"Action": "ec2:CreateVpc", "Resource": vpcs, "Condition": {**here, "StringLike": run}},
            {"Action": "ec2:CreateTags", "Resource": vpcs, "Condition": {"StringEquals": {"ec2:CreateAction": "CreateVpc"}}},
        )
        self.ec2.describe_vpcs()
        self.refused(self.peer.client("ec2", PROD, "us-west-2").describe_vpcs)
        self.refused(self.ec2.describe_subnets)
        self.refused(self.ec2.create_vpc, CidrBlock="10.0.0.0/16")
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "drillmaster:run", "Value": "r"}]}]
        self.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)
        self.policy({"Action": "ec2:CreateVpc", "Resource": vpcs})
        denied = self.refused(self.ec2.create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=tags)
        self.assertEqual((denied["action"], denied["context"]["ec2:CreateAction"]), ("ec2:CreateTags", "CreateVpc"))

    def test_the_tags_of_what_is_there_are_evaluated(self):
        tagged, bare = (self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2))
        self.ec2.create_tags(Resources=[tagged], Tags=[{"Key": "drillmaster:run", "Value": "r"}])
        ours = {"StringLike": {"aws:ResourceTag/drillmaster:run": "*"}}
        self.policy({"Action": "ec2:DeleteVpc", "Resource": "*", "Condition": ours})
        self.refused(self.ec2.delete_vpc, VpcId=bare)
        self.ec2.delete_vpc(VpcId=tagged)

    def test_names_and_buckets_are_evaluated(self):
        self.policy(
            {"Action": ["rds:CreateDBInstance", "rds:AddTagsToResource"], "Resource": "arn:aws:rds:us-east-1:*:db:dm-*"},
            {"Action": ["s3:CreateBucket", "s3:TagResource"], "Resource": "arn:aws:s3:::dm-*"},
        )
        self.rds.create_db_instance(DBInstanceIdentifier="dm-1", **DB)
        self.refused(self.rds.create_db_instance, DBInstanceIdentifier="orders", **DB)
        self.s3.create_bucket(Bucket="dm-1")
        self.refused(self.s3.create_bucket, Bucket="orders")
        self.assertEqual(self.refused(self.s3.put_object, Bucket="dm-1", Key="a", Body=b"a")["action"], "s3:PutObject")

    def test_simulations_say_what_would_happen(self):
        self.policy({"Action": ["ec2:DeleteVpc", "iam:SimulatePrincipalPolicy"], "Resource": "*"})
        answer = self.peer.client("iam").simulate_principal_policy(
            PolicySourceArn=self.ROLE, ActionNames=["ec2:DeleteVpc", "ec2:DeleteSubnet"], ResourceArns=["*"]
        )
        said = {result["EvalActionName"]: result["EvalDecision"] for result in answer["EvaluationResults"]}
        self.assertEqual(said, {"ec2:DeleteVpc": "allowed", "ec2:DeleteSubnet": "implicitDeny"})
        self.policy({"Action": "ec2:DeleteVpc", "Resource": "*"})
        self.refused(
            self.peer.client("iam").simulate_principal_policy, PolicySourceArn=self.ROLE, ActionNames=["ec2:DeleteVpc"]
        )

    def test_what_is_not_evaluated_is_refused(self):
        for statement in ({"NotAction": "*", "Action": "*", "Resource": "*"}, {"Action": "*", "Resource": "*", "Condition": {"Bool": {}}}):
            with self.assertRaises(urllib.error.HTTPError) as error:
                self.policy(statement)
            error.exception.close()


class Backup(PeerTest):
    """Restores by AWS Backup: each of the seven types, its defaults, and what goes wrong."""

    ROLE = f"arn:aws:iam::{PROD}:role/restore"

    def setUp(self):
        super().setUp()
        self.backup, self.efs, self.dynamodb = (self.peer.client(service) for service in ("backup", "efs", "dynamodb"))

    def seed(self, kind, of, source):
        name = f"arn:aws:backup:us-east-1:{PROD}:recovery-point:{kind}"
        point = {"arn": name, "of": of, "type": kind, "source": source, "taken": "2026-01-01T00:00:00+00:00"}
        self.peer.admin("POST", "/peer/vaults", [{"account": PROD, "region": "us-east-1", "vault": f"v-{kind}", "points": [point]}])
        return name

    def job(self, point, metadata, token="t"):
        started = self.backup.start_restore_job(
            RecoveryPointArn=point, Metadata=metadata, IamRoleArn=self.ROLE, IdempotencyToken=token
        )
        return self.backup.describe_restore_job(RestoreJobId=started["RestoreJobId"])

    def database(self):
        self.rds.create_db_instance(DBInstanceIdentifier="orders", **DB)
        self.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier="orders-1")
        return self.seed("RDS", f"arn:aws:rds:us-east-1:{PROD}:db:orders", "orders-1")

    def test_a_job_takes_its_time_and_a_token_means_one_job(self):
        point = self.database()
        self.peer.admin("POST", "/peer/delays", {"restore_job": 5})
        first = self.job(point, {"DBInstanceIdentifier": "restored"})
        self.assertEqual((first["Status"], first.get("CreatedResourceArn")), ("RUNNING", None))
        self.assertEqual(self.job(point, {"DBInstanceIdentifier": "restored"})["RestoreJobId"], first["RestoreJobId"])
        self.peer.advance(6)
        ended = self.backup.describe_restore_job(RestoreJobId=first["RestoreJobId"])
        self.assertEqual((ended["Status"], ended["CreatedResourceArn"].split(":")[-1]), ("COMPLETED", "restored"))

    def test_without_metadata_it_lands_by_the_defaults_and_carries_no_tags(self):
        self.job(self.database(), {"dbInstanceIdentifier": "restored"})
        restored = self.rds.describe_db_instances(DBInstanceIdentifier="restored")["DBInstances"][0]
        self.assertEqual((restored["PubliclyAccessible"], restored["TagList"]), (True, []))
        volume = self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        snapshot = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        image = self.ec2.register_image(Name="web", RootDeviceName="/dev/sda1")["ImageId"]
        made = self.job(self.seed("EC2", f"arn:aws:ec2:us-east-1:{PROD}:instance/i-1", image), {}, "ec2")
        machine = self.ec2.describe_instances(InstanceIds=[made["CreatedResourceArn"].split("/")[-1]])["Reservations"][0]["Instances"][0]
        default = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        self.assertEqual(machine["VpcId"], default)
        made = self.job(self.seed("EBS", f"arn:aws:ec2:us-east-1:{PROD}:volume/{volume}", snapshot), {"availabilityZone": "us-east-1b"}, "ebs")
        self.assertEqual(made["Status"], "COMPLETED", made)

    def test_file_systems_tables_buckets_and_clusters(self):
        system = self.efs.create_file_system(CreationToken="home")["FileSystemId"]
        point = self.seed("EFS", f"arn:aws:elasticfilesystem:us-east-1:{PROD}:file-system/{system}", system)
        self.assertTrue(self.job(point, {"file-system-id": system}, "old")["CreatedResourceArn"].endswith(system))
        new = {"newFileSystem": "true", "creationToken": "new", "encrypted": "true", "performanceMode": "generalPurpose"}
        self.assertFalse(self.job(point, new, "new")["CreatedResourceArn"].endswith(system))
        self.dynamodb.create_table(
            TableName="carts", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        )  # fmt: skip
        self.dynamodb.put_item(TableName="carts", Item={"id": {"S": "a"}})
        kept = self.dynamodb.create_backup(TableName="carts", BackupName="base")["BackupDetails"]["BackupArn"]
        point = self.seed("DynamoDB", f"arn:aws:dynamodb:us-east-1:{PROD}:table/carts", kept)
        self.assertEqual(self.job(point, {"targetTableName": "restored"}, "ddb")["Status"], "COMPLETED")
        self.assertEqual(self.dynamodb.scan(TableName="restored")["Count"], 1)
        self.s3.create_bucket(Bucket="papers")
        self.s3.put_object(Bucket="papers", Key="a", Body=b"a")
        self.s3.create_bucket(Bucket="target")
        point = self.seed("S3", "arn:aws:s3:::papers", "papers")
        refused = self.job(point, {"DestinationBucketName": "target"}, "s3")
        self.assertEqual((refused["Status"], "versioning" in refused["StatusMessage"]), ("FAILED", True))
        self.s3.put_bucket_versioning(Bucket="target", VersioningConfiguration={"Status": "Enabled"})
        self.assertEqual(self.job(point, {"DestinationBucketName": "target"}, "s3b")["Status"], "COMPLETED")
        self.assertEqual(self.s3.get_object(Bucket="target", Key="a")["Body"].read(), b"a")
        self.rds.create_db_cluster(
            DBClusterIdentifier="ledger", Engine="aurora-postgresql", MasterUsername="u", MasterUserPassword="secretsecret"
        )
        self.rds.create_db_cluster_snapshot(DBClusterIdentifier="ledger", DBClusterSnapshotIdentifier="ledger-1")
        point = self.seed("Aurora", f"arn:aws:rds:us-east-1:{PROD}:cluster:ledger", "ledger-1")
        self.assertEqual(self.job(point, {"dbClusterIdentifier": "restored"}, "aurora")["Status"], "COMPLETED")
        self.assertEqual(self.rds.describe_db_clusters(DBClusterIdentifier="restored")["DBClusters"][0]["DBClusterMembers"], [])

    def test_faults_of_a_job(self):
        point = self.database()
        for kind, status in (("job_fails", "FAILED"), ("nothing", "COMPLETED"), ("outside", "COMPLETED")):
            self.peer.admin("POST", "/peer/faults", [{"action": "StartRestoreJob", "kind": kind}])
            self.assertEqual(self.job(point, {"dbInstanceIdentifier": f"r-{kind[0]}"}, kind)["Status"], status)


class Copies(PeerTest):
    """Copies by AWS Backup between accounts and regions, as documented."""

    ROLE = f"arn:aws:iam::{PROD}:role/copy"
    POINT = f"arn:aws:backup:us-east-1:{PROD}:recovery-point:files"
    KEY = f"arn:aws:kms:us-west-2:{SANDBOX}:key/1"

    def setUp(self):
        super().setUp()
        self.there = self.peer.client("backup")
        self.here = self.peer.client("backup", account=SANDBOX, region="us-west-2")

    def seed(self, kind="EFS", name=POINT):
        point = {"arn": name, "of": f"arn:aws:elasticfilesystem:us-east-1:{PROD}:file-system/fs-1", "type": kind, "source": "fs-1", "taken": "2026-01-01T00:00:00+00:00"}
        self.peer.admin("POST", "/peer/vaults", [{"account": PROD, "region": "us-east-1", "vault": "daily", "points": [point]}])

    def vault(self, name="dm-1", admits=PROD, **more):
        made = self.here.create_backup_vault(BackupVaultName=name, BackupVaultTags={"drillmaster:run": "r"}, CreatorRequestId=name, **more)
        if admits:
            statement = {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{admits}:root"]}, "Action": "backup:CopyIntoBackupVault", "Resource": "*"}
            self.here.put_backup_vault_access_policy(BackupVaultName=name, Policy=json.dumps({"Statement": [statement]}))
        return made["BackupVaultArn"]

    def start(self, vault, token="t", point=POINT, source="daily"):
        return self.there.start_copy_job(
            RecoveryPointArn=point, SourceBackupVaultName=source, DestinationBackupVaultArn=vault, IamRoleArn=self.ROLE, IdempotencyToken=token
        )["CopyJobId"]

    def job(self, id):
        return self.there.describe_copy_job(CopyJobId=id)["CopyJob"]

    def test_a_copy_takes_its_time_has_dates_of_its_own_and_is_seen_where_it_runs(self):
        self.seed()
        vault = self.vault()
        self.delays(copy_job=5)
        job = self.start(vault)
        self.assertEqual((self.job(job)["State"], self.start(vault)), ("RUNNING", job))
        self.peer.advance(6)
        ended = self.job(job)
        copied = self.here.list_recovery_points_by_backup_vault(BackupVaultName="dm-1")["RecoveryPoints"][0]
        self.assertEqual((ended["State"], ended["DestinationRecoveryPointArn"]), ("COMPLETED", copied["RecoveryPointArn"]))
        self.assertGreater(copied["CreationDate"].year, 2025)
        self.assertEqual(self.here.list_copy_jobs()["CopyJobs"], [])
        with self.assertRaises(ClientError):
            self.here.describe_copy_job(CopyJobId=job)
        found = self.there.list_copy_jobs(ByDestinationVaultArn=vault, BySourceRecoveryPointArn=self.POINT)["CopyJobs"]
        self.assertEqual([one["CopyJobId"] for one in found], [job])
        self.assertEqual(self.there.list_copy_jobs(ByDestinationVaultArn=vault + "x")["CopyJobs"], [])
        later = ended["CreationDate"] + timedelta(seconds=1)
        self.assertEqual(self.there.list_copy_jobs(ByCreatedAfter=later)["CopyJobs"], [])

    def test_a_vault_of_another_account_must_admit_the_account_and_may_need_a_key(self):
        self.seed()
        job = self.start(self.vault(admits=None))
        self.assertEqual((self.job(job)["State"], "does not admit" in self.job(job)["StatusMessage"]), ("FAILED", True))
        point = self.POINT + "-db"
        self.seed("RDS", point)
        plain = self.vault("dm-2")
        self.assertIn("AWS managed key", self.job(self.start(plain, "t2", point))["StatusMessage"])
        keyed = self.vault("dm-3", EncryptionKeyArn=self.KEY)
        self.assertEqual(self.job(self.start(keyed, "t3", point))["State"], "COMPLETED")

    def test_what_is_refused(self):
        self.seed(name=self.POINT.replace("point:", "point:continuous:"))
        vault = self.vault()
        for more in ({"point": self.POINT.replace("point:", "point:continuous:")}, {"point": self.POINT}, {"source": "weekly"}):
            with self.assertRaises(ClientError):
                self.start(vault, str(more), **more)
        with self.assertRaises(ClientError) as error:
            self.here.create_backup_vault(BackupVaultName="dm-1", CreatorRequestId="other")
        self.assertEqual(code(error), "AlreadyExistsException")
        self.here.create_backup_vault(BackupVaultName="dm-1", CreatorRequestId="dm-1")

    def test_a_vault_goes_after_its_points_which_take_their_time(self):
        self.seed()
        vault = self.vault()
        copy = self.job(self.start(vault))["DestinationRecoveryPointArn"]
        with self.assertRaises(ClientError) as error:
            self.here.delete_backup_vault(BackupVaultName="dm-1")
        self.assertEqual(code(error), "InvalidRequestException")
        self.delays(point_deletion=5)
        self.here.delete_recovery_point(BackupVaultName="dm-1", RecoveryPointArn=copy)
        points = self.here.list_recovery_points_by_backup_vault(BackupVaultName="dm-1")["RecoveryPoints"]
        self.assertEqual([point["Status"] for point in points], ["DELETING"])
        self.peer.advance(6)
        self.assertEqual(self.here.list_tags(ResourceArn=vault)["Tags"], {"drillmaster:run": "r"})
        self.here.delete_backup_vault(BackupVaultName="dm-1")
        self.assertEqual(self.here.list_backup_vaults()["BackupVaultList"], [])


if __name__ == "__main__":
    unittest.main()
