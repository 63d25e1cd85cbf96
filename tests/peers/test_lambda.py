"""Tests of the peer's Lambda and of what is inside a VPC: moto_peer/lambda_.

They need root on Linux, for network namespaces. Where those cannot be made, they fail and say so.
"""

import base64
import gzip
import io
import json
import os
import pathlib
import platform
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest
import urllib.request
import zipfile

from botocore.exceptions import ClientError

from peer_client import HERE, PROD, SANDBOX, Peer, eventually
from test_peer import PeerTest, code

BOOTSTRAP = (HERE / "bootstrap").read_text()
ENI = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]


def zipped(text=BOOTSTRAP, name="bootstrap", mode=0o755):
    whole, entry = io.BytesIO(), zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | mode) << 16
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(entry, text)
    return whole.getvalue()


def ask(address, port, path):
    """What comes back, whoever answers. Nothing if nobody does."""
    try:
        with socket.create_connection((address, port), 2) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return connection.recv(1000)
    except OSError:
        return b""


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


class LambdaTest(PeerTest):
    def setUp(self):
        super().setUp()
        self.peer.admin("DELETE", "/peer/policies")
        self.functions, self.iam = self.peer.client("lambda"), self.peer.client("iam")
        self.role = self.role_named("probe")

    def role_named(self, name, service="lambda.amazonaws.com", actions=ENI):
        trust = document(Principal={"Service": service}, Action="sts:AssumeRole")
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if actions:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(Action=actions, Resource="*"))
        return arn

    def vpc(self):
        self.vpc_id, self.subnets = self.network(self.ec2)
        self.group = self.ec2.create_security_group(GroupName="probe", Description="d", VpcId=self.vpc_id)["GroupId"]
        return {"SubnetIds": self.subnets[:1], "SecurityGroupIds": [self.group]}

    def create(self, name="probe", functions=None, **more):
        given = {"Runtime": "provided.al2023", "Role": self.role, "Handler": "bootstrap", "Timeout": 20, "Code": {"ZipFile": zipped()}}
        return (functions or self.functions).create_function(FunctionName=name, **{**given, **more})

    def invoke(self, name="probe", **payload):
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(payload))
        self.assertEqual(answer["StatusCode"], 200)
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def asked(self, **payload):
        error, answer = self.invoke(**payload)
        self.assertIsNone(error, answer)
        return answer

    def state(self, name="probe"):
        return self.functions.get_function_configuration(FunctionName=name)["State"]

    def refused(self, call, *arguments, **given):
        with self.assertRaises(ClientError) as error:
            call(*arguments, **given)
        said = error.exception.response
        return code(error), said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Message"]

    def machine(self, kind, **more):
        place = {} if "serves" in more else {"subnet": self.subnets[0]}
        return self.peer.admin("POST", "/peer/machines", {"kind": kind, "account": PROD, "region": "us-east-1", **place, **more})

    def names(self, **given):
        self.peer.admin("POST", "/peer/names", {"account": PROD, "region": "us-east-1", **given})

    def interfaces(self):
        return self.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": ["AWS Lambda VPC ENI-*"]}])["NetworkInterfaces"]


class Functions(LambdaTest):
    def test_they_are_made_listed_tagged_and_deleted(self):
        made = self.create(Tags={"drillmaster:run": "r"}, VpcConfig=self.vpc(), Publish=True)
        self.assertEqual((made["State"], made["VpcConfig"]["VpcId"], made["Architectures"]), ("Active", self.vpc_id, ["x86_64"]))
        self.create("second")
        self.create("elsewhere", self.peer.client("lambda", region="us-west-2"))
        pages = self.functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
        self.assertEqual([[one["FunctionName"] for one in page["Functions"]] for page in pages], [["probe"], ["second"]])
        self.functions.tag_resource(Resource=made["FunctionArn"], Tags={"b": "2"})
        self.assertEqual(self.functions.list_tags(Resource=made["FunctionArn"])["Tags"], {"drillmaster:run": "r", "b": "2"})
        for name in ("probe", made["FunctionArn"], f"{PROD}:function:probe", made["FunctionArn"] + ":1"):
            told = self.functions.get_function(FunctionName=name)
            self.assertEqual((told["Configuration"]["FunctionName"], told["Tags"]["b"]), ("probe", "2"))
        state = [one for one in self.peer.admin("GET", "/peer/state")["resources"] if one["type"] == "lambda:function"]
        self.assertEqual([one["id"] for one in state], ["elsewhere", "probe", "second"][1:] + ["elsewhere"])
        self.functions.delete_function(FunctionName="probe")
        error, status, message = self.refused(self.functions.get_function, FunctionName="probe")
        self.assertEqual((error, status), ("ResourceNotFoundException", 404))
        self.assertEqual(message, f"Function not found: {made['FunctionArn']}")

    def test_a_name_that_is_taken(self):
        self.create()
        self.assertEqual(self.refused(self.create), ("ResourceConflictException", 409, "Function already exist: probe"))

    def test_roles_that_lambda_refuses(self):
        self.assertEqual(
            self.refused(self.create, Role=f"arn:aws:iam::{PROD}:role/nobody"),
            ("InvalidParameterValueException", 400, "The role defined for the function cannot be assumed by Lambda."),
        )
        self.assertIn("cannot be assumed", self.refused(self.create, Role=self.role_named("web", service="ec2.amazonaws.com"))[2])
        self.assertEqual(self.refused(self.create, Role=f"arn:aws:iam::{SANDBOX}:role/probe")[:2], ("AccessDeniedException", 403))
        weak = self.role_named("weak", actions=ENI[:2])
        self.create("without-vpc", Role=weak)
        self.assertIn("does not have permissions to call DeleteNetworkInterface on EC2", self.refused(self.create, Role=weak, VpcConfig=self.vpc())[2])
        self.faults({"action": "CreateFunction", "kind": "role_refused"})
        self.assertIn("cannot be assumed", self.refused(self.create)[2])
        self.create()

    def test_a_role_by_order(self):
        role = self.peer.admin("POST", "/peer/roles", {"account": PROD, "name": "ordered"})["arn"]
        self.assertEqual(role, f"arn:aws:iam::{PROD}:role/ordered")
        self.create(Role=role, VpcConfig=self.vpc())
        weak = self.peer.admin("POST", "/peer/roles", {"account": PROD, "name": "weak", "actions": []})["arn"]
        self.assertIn("CreateNetworkInterface", self.refused(self.create, "other", Role=weak, VpcConfig=self.vpc())[2])

    def test_requests_that_are_wrong(self):
        vpc = self.vpc()
        for more, message in (
            ({"Timeout": 901}, "less than or equal to 900"),
            ({"MemorySize": 10241}, "less than or equal to 10240"),
            ({"Runtime": "nodejs22.x"}, "not supported"),
            ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip"),
            ({"VpcConfig": {**vpc, "SecurityGroupIds": []}}, "must coexist"),
            ({"VpcConfig": {**vpc, "SubnetIds": ["subnet-1"]}}, "InvalidSubnetID.NotFound"),
            ({"VpcConfig": {**vpc, "SecurityGroupIds": ["sg-1"]}}, "InvalidGroup.NotFound"),
        ):
            error, status, said = self.refused(self.create, **more)
            self.assertEqual((error[-9:], status), ("Exception", 400))
            self.assertIn(message, said)
        self.assertEqual((self.functions.list_functions()["Functions"], self.interfaces()), ([], []))

    def test_pending_then_active(self):
        self.delays(function=60)
        made = self.create(VpcConfig=self.vpc())
        self.assertEqual((made["State"], made["StateReasonCode"]), ("Pending", "Creating"))
        self.peer.advance(59)
        error, status, message = self.refused(self.invoke)
        self.assertEqual((error, status), ("ResourceConflictException", 409))
        self.assertIn("state: Pending", message)
        self.peer.advance(2)
        self.assertEqual((self.state(), self.asked(a=1)["echo"]), ("Active", {"a": 1}))

    def test_never_active_and_failed(self):
        self.delays(function=60)
        self.faults(
            {"action": "CreateFunction", "kind": "never_ready", "match": "slow"},
            {"action": "CreateFunction", "kind": "fails", "code": "EniLimitExceeded", "id": "failed"},
        )
        self.create("slow")
        self.create("failed", VpcConfig=self.vpc())
        self.peer.advance(3600)
        self.assertEqual((self.state("slow"), self.state("failed"), self.interfaces()), ("Pending", "Failed", []))
        told = self.functions.get_function_configuration(FunctionName="failed")
        self.assertEqual((told["StateReasonCode"], told["LastUpdateStatus"]), ("EniLimitExceeded", "Failed"))
        self.assertIn("limit of network interfaces", told["StateReason"])
        self.assertEqual(self.refused(self.invoke, "failed")[:2], ("ResourceConflictException", 409))

    def test_idle_ones_lose_their_interface_and_come_back(self):
        self.create(VpcConfig=self.vpc())
        self.peer.advance(14 * 86400 - 1)
        first = self.interfaces()
        self.asked()
        self.peer.advance(14 * 86400 - 1)
        self.assertEqual(self.state(), "Active")
        self.peer.advance(2)
        told = self.functions.get_function_configuration(FunctionName="probe")
        self.assertEqual((told["State"], told["StateReasonCode"], self.interfaces()), ("Inactive", "Idle", []))
        self.delays(function=60)
        self.assertEqual(self.refused(self.invoke)[:2], ("ResourceNotReadyException", 502))
        self.assertEqual(self.functions.get_function_configuration(FunctionName="probe")["StateReasonCode"], "Restoring")
        self.peer.advance(60)
        self.asked()
        self.assertNotEqual(first[0]["NetworkInterfaceId"], self.interfaces()[0]["NetworkInterfaceId"])
        self.faults({"action": "Invoke", "kind": "inactive"})
        self.assertEqual(self.refused(self.invoke)[:2], ("ResourceNotReadyException", 502))

    def test_a_change_of_the_configuration(self):
        self.create(VpcConfig=self.vpc())
        before = self.asked()["pid"]
        self.delays(function=60)
        told = self.functions.update_function_configuration(FunctionName="probe", Timeout=5, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
        self.assertEqual((told["Timeout"], told["LastUpdateStatus"]), (5, "InProgress"))
        self.assertEqual(self.refused(self.functions.update_function_configuration, FunctionName="probe", Timeout=6)[1], 409)
        self.peer.advance(60)
        told = self.functions.get_function_configuration(FunctionName="probe")
        self.assertEqual((told["LastUpdateStatus"], "VpcConfig" in told), ("Successful", False))
        self.assertNotEqual(before, self.asked()["pid"])
        self.peer.advance(1200)
        self.assertEqual(self.interfaces(), [])


class Invocations(LambdaTest):
    def test_what_a_process_is_given(self):
        self.create(Environment={"Variables": {"MINE": "1"}}, MemorySize=256)
        os.environ["DRILLMASTER_TEST_SECRET"] = "of this machine"
        answer = self.functions.invoke(FunctionName="probe", Payload=b'{"a": 1}')
        told = json.loads(answer["Payload"].read())
        environment, headers = told["env"], {key.lower(): value for key, value in told["headers"].items()}
        self.assertEqual((answer["ExecutedVersion"], told["echo"], told["uid"]), ("$LATEST", {"a": 1}, 65534))
        for name, value in {
            "AWS_LAMBDA_FUNCTION_NAME": "probe", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_REGION": "us-east-1",
            "_HANDLER": "bootstrap", "TZ": ":UTC", "MINE": "1",
        }.items():  # fmt: skip
            self.assertEqual(environment[name], value)
        self.assertTrue((pathlib.Path(environment["LAMBDA_TASK_ROOT"]) / "bootstrap").exists())
        self.assertTrue(environment["AWS_ACCESS_KEY_ID"].startswith("ASIA"))
        self.assertNotIn("of this machine", str(environment))
        self.assertEqual(headers["lambda-runtime-aws-request-id"], answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"])
        self.assertEqual(headers["lambda-runtime-invoked-function-arn"], f"arn:aws:lambda:us-east-1:{PROD}:function:probe")
        self.assertAlmostEqual(int(headers["lambda-runtime-deadline-ms"]) / 1000, time.time() + 20, delta=10)

    def test_an_environment_is_kept_and_works_on_one_at_a_time(self):
        self.create()
        first = self.asked()["pid"]
        self.assertEqual(self.asked()["pid"], first)
        pids, busy = [], lambda: sum(one["busy"] for one in self.peer.admin("GET", "/peer/functions")[0]["environments"])

        def slow():
            pids.append(self.invoke(do="sleep", seconds=1)[1]["pid"])

        threads = [threading.Thread(target=slow) for _ in range(3)]
        for thread in threads:
            thread.start()
        eventually(busy, 3)
        for thread in threads:
            thread.join()
        self.assertEqual((len(set(pids)), first in pids), (3, True))

    def test_errors_of_a_function_are_answers(self):
        self.create(Timeout=1)
        self.assertEqual(self.invoke(do="error"), ("Unhandled", {"errorType": "Test.Error", "errorMessage": "as asked"}))
        error, said = self.invoke(do="exit", status=3)
        self.assertEqual((error, said["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.assertRegex(said["errorMessage"], "^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$")
        self.assertRegex(self.invoke(do="exit", status=0)[1]["errorMessage"], "Error: Runtime exited without providing a reason$")
        pid = self.asked()["pid"]
        error, said = self.invoke(do="sleep", seconds=60)
        self.assertEqual((error, said["errorType"]), ("Unhandled", "Sandbox.Timedout"))
        self.assertIn("Task timed out after 1.00 seconds", said["errorMessage"])
        eventually(lambda: pathlib.Path(f"/proc/{pid}").exists(), False)
        self.asked()  # a new one

    def test_functions_that_cannot_begin(self):
        self.create("init", Environment={"Variables": {"INIT": "error"}})
        self.assertEqual(self.invoke("init"), ("Unhandled", {"errorType": "Test.Init", "errorMessage": "cannot begin"}))
        for name, files, message in (
            ("misnamed", zipped(name="main"), "Couldn't find valid bootstrap"),
            ("locked", zipped(mode=0o644), "permission denied"),
            ("arm", zipped("\x7fELF of another machine"), "exec format error"),
        ):
            self.create(name, Code={"ZipFile": files})
            error, said = self.invoke(name)
            self.assertEqual((error, said["errorType"]), ("Unhandled", "Runtime.InvalidEntrypoint"), said)
            self.assertIn(message, said["errorMessage"])
        self.create("program", Architectures=["arm64" if platform.machine() == "aarch64" else "x86_64"], Code={"ZipFile": zipped(pathlib.Path("/bin/true").read_bytes())})
        self.assertIn("exited without providing a reason", self.invoke("program")[1]["errorMessage"])

    def test_limits(self):
        self.create()
        most = 6 * 1024 * 1024
        self.assertEqual(self.asked(do="measure", a="x" * (most - 100)), {"length": most - 100})
        with self.assertRaises(ClientError) as error:
            self.functions.invoke(FunctionName="probe", Payload=json.dumps("x" * most))
        self.assertEqual((code(error), error.exception.response["ResponseMetadata"]["HTTPStatusCode"]), ("RequestTooLargeException", 413))
        self.assertEqual(self.refused(self.functions.invoke, FunctionName="probe", Payload=b"{")[0], "InvalidRequestContentException")
        error, said = self.invoke(do="big", size=most)
        self.assertIsNone(error)
        error, said = self.invoke(do="big", size=most + 100)
        self.assertEqual((error, said["errorType"]), ("Unhandled", "Function.ResponseSizeTooLarge"))
        self.assertEqual(self.asked()["echo"], {})

    def test_the_end_of_the_log(self):
        self.create()
        answer = self.functions.invoke(FunctionName="probe", Payload=json.dumps({"print": "x" * 9000}), LogType="Tail")
        tail = base64.b64decode(answer["LogResult"])
        self.assertEqual(len(tail), 4096)
        self.assertIn(b"Init Duration", tail)
        tail = base64.b64decode(self.functions.invoke(FunctionName="probe", Payload=json.dumps({"print": "said"}), LogType="Tail")["LogResult"]).decode()
        self.assertRegex(tail, r"^START RequestId: \S+ Version: \$LATEST\nsaid\nEND RequestId: \S+\nREPORT ")
        self.assertNotIn("LogResult", self.functions.invoke(FunctionName="probe"))

    def test_dry_runs_and_events(self):
        self.create()
        self.assertEqual(self.functions.invoke(FunctionName="probe", InvocationType="DryRun")["StatusCode"], 204)
        self.assertEqual(self.peer.admin("GET", "/peer/functions")[0]["environments"], [])
        self.assertEqual(self.functions.invoke(FunctionName="probe", InvocationType="Event", Payload=b"{}")["StatusCode"], 202)
        eventually(lambda: [one["busy"] for one in self.peer.admin("GET", "/peer/functions")[0]["environments"]], [False])

    def test_payloads_are_not_in_the_log(self):
        self.create()
        self.asked(password="hunter2hunter2")
        self.assertEqual(self.peer.log(action="Invoke")[0]["params"], {"FunctionName": "probe"})

    def test_throttling(self):
        self.create()
        self.faults({"action": "Invoke", "kind": "throttle", "seconds": 2}, {"action": "GetFunction", "kind": "throttle"})
        with self.assertRaises(ClientError) as error:
            self.invoke()
        said = error.exception.response
        self.assertEqual((code(error), said["ResponseMetadata"]["HTTPStatusCode"]), ("TooManyRequestsException", 429))
        self.assertEqual((said["Reason"], said["ResponseMetadata"]["HTTPHeaders"]["retry-after"]), ("ConcurrentInvocationLimitExceeded", "2"))
        with self.assertRaises(ClientError) as error:
            self.functions.get_function(FunctionName="probe")
        self.assertEqual(error.exception.response["Reason"], "CallerRateLimitExceeded")
        self.peer.admin("POST", "/peer/functions", {"concurrency": 0})
        self.assertEqual(self.refused(self.invoke)[:2], ("TooManyRequestsException", 429))
        self.peer.admin("POST", "/peer/functions", {"concurrency": 1})
        self.asked()

    def test_faults_by_order(self):
        self.create()
        pid = self.asked()["pid"]
        for kind, error, message in (
            ("killed", "Runtime.ExitError", "signal: killed"),
            ("slow", "Sandbox.Timedout", "timed out after 20.00 seconds"),
            ("too_large", "Function.ResponseSizeTooLarge", "exceeded maximum"),
        ):
            self.faults({"action": "Invoke", "kind": kind})
            failed, said = self.invoke()
            self.assertEqual((failed, said["errorType"]), ("Unhandled", error))
            self.assertIn(message, said["errorMessage"])
        eventually(lambda: pathlib.Path(f"/proc/{pid}").exists(), False)
        self.faults({"action": "Invoke", "kind": "garbage"}, {"action": "Invoke", "kind": "garbage", "value": "null"})
        answers = [self.functions.invoke(FunctionName="probe") for _ in range(3)]
        bodies = [answer["Payload"].read() for answer in answers]
        self.assertEqual((bodies[:2], [answer.get("FunctionError") for answer in answers]), ([b"\0\1<garbage", b"null"], [None] * 3))
        self.assertEqual(json.loads(bodies[2])["echo"], {})

    def test_errors_that_an_sdk_reads(self):
        self.create()
        for name, status in (
            ("ENINotReadyException", 502),
            ("SubnetIPAddressLimitReachedException", 502),
            ("KMSAccessDeniedException", 502),
            ("InvalidRequestContentException", 400),
        ):
            self.faults({"action": "Invoke", "kind": "error", "code": name, "message": "as asked"})
            self.assertEqual(self.refused(self.invoke), (name, status, "as asked"))
        self.faults({"action": "Invoke", "kind": "500"}, {"action": "DeleteFunction", "kind": "undeletable"})
        self.assertEqual(self.refused(self.invoke)[:2], ("ServiceException", 500))
        self.assertEqual(self.refused(self.functions.delete_function, FunctionName="probe")[:2], ("ResourceConflictException", 409))
        self.assertEqual(self.refused(self.functions.list_aliases, FunctionName="probe")[1], 404)


class Inside(LambdaTest):
    def test_nothing_leads_in_or_out(self):
        before = os.listdir("/sys/class/net")
        self.create(VpcConfig=self.vpc())
        web = self.machine("http", routes={path: {"body": "inside"} for path in ("/healthz", "/outside")})
        self.assertEqual(self.asked(fetch=[f"http://{web['address']}/healthz"])["fetch"], [200, "inside"])
        # From this namespace to the server: by its address, and by its port on the loopback. A
        # gateway of this network may accept whatever it is sent, so what counts is who answers.
        for address in (web["address"], "127.0.0.1"):
            self.assertNotIn(b"inside", ask(address, 80, "/outside"))
        self.assertEqual([one["path"] for one in self.peer.admin("GET", "/peer/machines")[0]["requests"]], ["/healthz"])
        self.assertEqual(before, os.listdir("/sys/class/net"))
        # From inside to a listener of this namespace: the loopback, and each of its addresses.
        with socket.create_server(("0.0.0.0", 0)) as listener:
            port = listener.getsockname()[1]
            socket.create_connection(("127.0.0.1", port), 2).close()
            ours = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
            for address in ["127.0.0.1", *(one for one in ours if "." in one)]:
                self.assertNotEqual(self.asked(connect=[address, port])["connect"], "open", address)
                probe = f"import socket; socket.create_connection(('{address}', {port}), 2)"
                done = self.peer.admin("POST", f"/peer/machines/{web['id']}/run", {"command": ["python3", "-c", probe]})
                self.assertIn("Error", done["stderr"].splitlines()[-1])
        links = subprocess.run(["ip", "-n", web["namespace"], "route"], capture_output=True, text=True, check=True).stdout
        self.assertEqual([line.split()[0] for line in links.splitlines()], ["10.66.0.0/16"])

    def test_a_function_without_a_vpc_reaches_nothing(self):
        self.create()
        self.vpc()
        web = self.machine("http")
        self.assertIn("unreachable", self.asked(connect=[web["address"], 80])["connect"])
        self.assertNotIsInstance(self.asked(resolve=["localhost.example"])["resolve"], list)

    def test_two_vpcs_with_the_same_addresses_do_not_meet(self):
        self.create(VpcConfig=self.vpc())
        self.machine("http", address="10.66.0.77", routes={"/": {"body": "first"}})
        first = self.vpc_id
        self.create("other", VpcConfig=self.vpc())
        self.machine("http", address="10.66.0.77", routes={"/": {"body": "second"}})
        self.assertNotEqual(first, self.vpc_id)
        self.assertEqual(self.asked(fetch=["http://10.66.0.77/"])["fetch"], [200, "first"])
        self.assertEqual(self.invoke("other", fetch=["http://10.66.0.77/"])[1]["fetch"], [200, "second"])

    def test_servers(self):
        self.create(VpcConfig=self.vpc())
        postgres = self.machine("postgres", names=["db.internal"], sql="create table t (n int); insert into t values (1), (2)")
        mariadb, redis = (self.machine(kind, names=[f"{kind}.internal"]) for kind in ("mariadb", "redis"))
        secure = self.machine("http", names=["http.internal"], tls=True, routes={"GET /": {"body": "ok"}, "POST /": {"status": 201}})
        # 80877103: "is there TLS?"
        self.assertEqual(self.asked(say=["db.internal", postgres["port"], "\0\0\0\x08\x04\xd2\x16\x2f"])["say"], "S")
        self.assertIn("MariaDB", self.asked(say=["mariadb.internal", mariadb["port"], ""])["say"])
        self.assertEqual(self.asked(say=["redis.internal", redis["port"], "PING\r\n"])["say"], "+PONG\r\n")
        ca = pathlib.Path(self.peer.admin("GET", "/peer/network")["ca"]).read_text()
        self.assertEqual(self.asked(fetch=["https://http.internal/", ca])["fetch"], [200, "ok"])
        self.assertEqual(self.asked(fetch=["https://http.internal/", ca, "order=1"])["fetch"], [201, ""])
        self.assertIn("certificate verify failed", self.asked(fetch=["https://http.internal/"])["fetch"])
        self.assertEqual(self.asked(fetch=[f"https://{secure['address']}/", ca])["fetch"], [200, "ok"])
        told = {one["id"]: one for one in self.peer.admin("GET", "/peer/machines")}
        requests = [(one["method"], one["body"]) for one in told[secure["id"]]["requests"]]
        self.assertEqual(requests, [("GET", ""), ("POST", "order=1"), ("GET", "")])
        run = lambda machine, **wish: self.peer.admin("POST", f"/peer/machines/{machine['id']}/run", wish)  # noqa: E731
        self.assertEqual(run(postgres, sql="select sum(n) from t")["stdout"], "3")
        self.assertEqual(run(mariadb, sql="select 1+1")["stdout"], "2")
        # A client of another machine, by name, with TLS that is verified.
        url = "host=db.internal user=guarded password=drill-secret dbname=postgres sslmode=verify-full"
        url += " sslrootcert=" + self.peer.admin("GET", "/peer/network")["ca"]
        self.assertEqual(run(secure, command=["psql", "-XAt", url, "-c", "select count(*) from t"]), {"status": 0, "stdout": "2\n", "stderr": ""})
        self.peer.admin("DELETE", f"/peer/machines/{redis['id']}")
        self.assertNotEqual(self.asked(connect=[redis["address"], redis["port"]])["connect"], "open")

    def test_the_resolver_is_found_where_it_was_when_machines_come(self):
        self.create(VpcConfig=self.vpc())
        self.machine("process", names=["first.internal"], command=["sleep", "600"])
        where = lambda: json.loads(self.in_the_network("ip", "-j", "link", "show", "vpc"))[0]["address"]  # noqa: E731
        before = where()
        for number in range(8):
            self.machine("process", names=[f"machine-{number}.internal"], command=["sleep", "600"])
            self.assertEqual(where(), before)

    def in_the_network(self, *command):
        """What a command says in the namespace of the VPC's network."""
        (network,) = self.peer.admin("GET", "/peer/network")["vpcs"]
        command = ["ip", "netns", "exec", network["namespace"], *command]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def test_a_server_stands_for_what_moto_restored(self):
        self.database()
        postgres = self.machine("postgres", serves={"db": "back"}, sql="create table t (n int)")
        web = self.machine("http", serves={"instance": "app=orders"}, routes={"/healthz": {"body": "ok"}})
        self.assertEqual((postgres["vpc"], web["address"]), (None, None))
        self.create(VpcConfig=self.vpc())
        self.rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=self.subnets)
        self.delays(db_instance=60)
        self.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="dm-1-back", DBSnapshotIdentifier="orders-snap", DBSubnetGroupName="g")
        address = "dm-1-back.aaaaaaaaaa.us-east-1.rds.amazonaws.com"
        self.assertNotIsInstance(self.asked(resolve=[address])["resolve"], list)
        self.peer.advance(60)
        self.assertEqual(self.rds.describe_db_instances(DBInstanceIdentifier="dm-1-back")["DBInstances"][0]["Endpoint"]["Address"], address)
        self.assertEqual(self.asked(connect=[address, 5432])["connect"], "open")
        image, _ = self.image(self.ec2)
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "orders"}]}]
        instance = self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=self.subnets[1], TagSpecifications=tags)["Instances"][0]
        self.assertEqual(self.asked(fetch=[f"http://{instance['PrivateIpAddress']}/healthz"])["fetch"], [200, "ok"])
        ask = "import socket; socket.gethostbyname('sqs.us-east-1.amazonaws.com')"
        self.peer.admin("POST", f"/peer/machines/{web['id']}/run", {"command": ["python3", "-c", ask]})
        query = self.peer.admin("GET", "/peer/queries")[-1]
        self.assertEqual((query["query_name"], query["srcids"]), ("sqs.us-east-1.amazonaws.com.", {"instance": instance["InstanceId"]}))
        self.rds.delete_db_instance(DBInstanceIdentifier="dm-1-back", SkipFinalSnapshot=True)
        self.assertNotIsInstance(self.asked(resolve=[address])["resolve"], list)
        self.assertEqual([one["vpc"] is None for one in self.peer.admin("GET", "/peer/machines")], [True, False])

    def test_names_and_their_log(self):
        several = {"*.wild.internal": {"CNAME": "db.orders.internal"}, "two.internal": {"A": ["10.66.0.1", "10.66.0.3"]}}
        self.names(names={"db.orders.internal": "10.66.0.9", **several})
        self.create(VpcConfig=self.vpc())
        own = self.interfaces()[0]["PrivateIpAddress"]
        self.assertEqual(self.asked(resolve=["DB.orders.internal"])["resolve"], ["10.66.0.9"])
        self.assertEqual(self.asked(resolve=["a.wild.internal"])["resolve"], ["10.66.0.9"])
        self.assertEqual(self.asked(resolve=["two.internal"])["resolve"], ["10.66.0.1", "10.66.0.3"])
        self.assertIn("not known", self.asked(resolve=["orders.us-east-1.example"])["resolve"])
        first, *_, last = self.peer.admin("GET", "/peer/queries")
        self.assertRegex(first.pop("query_timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(first.pop("srcport"), r"^\d+$")
        self.assertEqual(first, {
            "version": "1.100000", "account_id": PROD, "region": "us-east-1", "vpc_id": self.vpc_id, "query_name": "db.orders.internal.", "query_type": "A",
            "query_class": "IN", "rcode": "NOERROR", "answers": [{"Rdata": "10.66.0.9", "Type": "A", "Class": "IN"}], "srcaddr": own, "transport": "UDP",
            "srcids": {},
        })  # fmt: skip
        self.assertEqual((last["query_name"], last["rcode"], last["answers"]), ("orders.us-east-1.example.", "NXDOMAIN", []))
        # db.orders.internal, of type MX, over TCP: there is the name, and no such record
        message = "00070100000100000000000002646206" + b"orders".hex() + "08" + b"internal".hex() + "00000f0001"
        self.assertTrue(self.asked(ask_by_tcp=["10.66.0.2", message])["ask_by_tcp"].startswith("0007818000010000"))
        last = self.peer.admin("GET", "/peer/queries")[-1]
        self.assertEqual((last["query_type"], last["transport"], last["rcode"]), ("MX", "TCP", "NOERROR"))
        self.peer.admin("DELETE", "/peer/queries")
        self.assertEqual(self.peer.admin("GET", "/peer/queries"), [])

    def test_query_logs_are_delivered(self):
        self.create(VpcConfig=self.vpc())
        resolver, logs = self.peer.client("route53resolver"), self.peer.client("logs")
        self.s3.create_bucket(Bucket="queries")
        logs.create_log_group(logGroupName="queries")
        for n, destination in enumerate(("arn:aws:s3:::queries/of", f"arn:aws:logs:us-east-1:{PROD}:log-group:queries")):
            config = resolver.create_resolver_query_log_config(Name=f"q{n}", DestinationArn=destination, CreatorRequestId=str(n))
            resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=config["ResolverQueryLogConfig"]["Id"], ResourceId=self.vpc_id)
        self.delays(query_log=60)
        self.asked(resolve=["a.example"])
        self.asked(resolve=["b.example"])
        self.peer.advance(50)
        self.assertEqual(self.s3.list_objects_v2(Bucket="queries")["KeyCount"], 0)
        self.peer.advance(11)
        self.assertEqual(len(logs.filter_log_events(logGroupName="queries")["events"]), len(self.peer.admin("GET", "/peer/queries")))
        one = self.s3.list_objects_v2(Bucket="queries")["Contents"][0]["Key"]
        file = rf"{PROD}_vpcdnsquerylogs_{self.vpc_id}_\d{{8}}T\d{{4}}Z_\w{{8}}.log.gz"
        self.assertRegex(one, rf"^of/AWSLogs/{PROD}/vpcdnsquerylogs/{self.vpc_id}/\d{{4}}/\d\d/\d\d/{file}$")
        lines = gzip.decompress(self.s3.get_object(Bucket="queries", Key=one)["Body"].read()).decode().splitlines()
        self.assertEqual([json.loads(line) for line in lines], self.peer.admin("GET", "/peer/queries"))

    def test_a_firewall(self):
        rules = [
            {"domains": ["*.internal"], "action": "ALLOW"},
            {"domains": ["moved.example"], "action": "BLOCK", "response": "OVERRIDE", "override": "db.internal"},
            {"domains": ["*.empty.example"], "action": "BLOCK"},
            {"domains": ["*"], "action": "BLOCK", "response": "NXDOMAIN"},
        ]
        self.names(names={"db.internal": "10.66.0.9", "a.empty.example": "10.66.0.1", "known.example": "10.66.0.1"}, firewall=rules)
        self.create(VpcConfig=self.vpc())
        blocked = ("moved.example", True, "BLOCK"), ("a.empty.example", False, "BLOCK"), ("known.example", False, "BLOCK")
        for name, found, action in (("db.internal", True, "ALLOW"), *blocked):
            answer = self.asked(resolve=[name])["resolve"]
            self.assertEqual(answer == ["10.66.0.9"], found, answer)
            self.assertEqual(self.peer.admin("GET", "/peer/queries")[-1]["firewall_rule_action"], action)
        wrong = {"account": PROD, "region": "us-east-1", "firewall": [{"domains": ["*"], "action": "BLOCK", "response": "x"}]}
        self.assertIn("response", self.peer.rejected("POST", "/peer/names", wrong))

    def test_a_firewall_and_a_zone_by_their_apis(self):
        """DNS Firewall and Route 53 drive the resolver of the network that they are associated with."""
        self.create(VpcConfig=self.vpc())
        self.names(names={"known.example": "10.66.0.1", "db.us-east-1.rds.amazonaws.com": "10.66.0.9"})
        resolver, route53 = self.peer.client("route53resolver"), self.peer.client("route53")

        def named(name, *domains):
            one = resolver.create_firewall_domain_list(Name=name, CreatorRequestId=name, Tags=[{"Key": "drillmaster:run", "Value": "r"}])
            resolver.update_firewall_domains(FirewallDomainListId=one["FirewallDomainList"]["Id"], Operation="REPLACE", Domains=domains)
            return one["FirewallDomainList"]["Id"]

        group = resolver.create_firewall_rule_group(Name="g", CreatorRequestId="g")["FirewallRuleGroup"]["Id"]
        lists = [named("moved", "moved.example"), named("allowed", "*.rds.amazonaws.com", "*.orders.internal"), named("others", "*")]
        block = {"Action": "BLOCK", "BlockResponse": "NXDOMAIN"}
        to = {"Action": "BLOCK", "BlockResponse": "OVERRIDE", "BlockOverrideDomain": "db.us-east-1.rds.amazonaws.com"}
        to |= {"BlockOverrideDnsType": "CNAME", "BlockOverrideTtl": 5}
        for priority, (one, rule) in enumerate(zip(lists, (to, {"Action": "ALLOW"}, block)), 1):
            given = {"FirewallRuleGroupId": group, "FirewallDomainListId": one, "Name": "r", "CreatorRequestId": str(priority), **rule}
            resolver.create_firewall_rule(Priority=priority, **given)
            self.assertEqual(self.refused(resolver.create_firewall_rule, Priority=9, **given)[0], "ConflictException")
        self.assertEqual(self.asked(resolve=["known.example"])["resolve"], ["10.66.0.1"])
        place = {"FirewallRuleGroupId": group, "VpcId": self.vpc_id, "Name": "a", "CreatorRequestId": "a"}
        association = resolver.associate_firewall_rule_group(Priority=101, **place)["FirewallRuleGroupAssociation"]["Id"]
        self.assertEqual(resolver.get_firewall_config(ResourceId=self.vpc_id)["FirewallConfig"]["FirewallFailOpen"], "DISABLED")
        resolver.update_firewall_config(ResourceId=self.vpc_id, FirewallFailOpen="ENABLED")
        self.assertEqual(resolver.get_firewall_config(ResourceId=self.vpc_id)["FirewallConfig"]["FirewallFailOpen"], "ENABLED")
        zone = route53.create_hosted_zone(
            Name="orders.internal", CallerReference="z", VPC={"VPCRegion": "us-east-1", "VPCId": self.vpc_id},
            HostedZoneConfig={"PrivateZone": True, "Comment": "drillmaster:run=r"},
        )["HostedZone"]["Id"]  # fmt: skip
        record = {"Name": "db.orders.internal", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "db.us-east-1.rds.amazonaws.com"}]}
        change = route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]})
        self.assertEqual(route53.get_change(Id=change["ChangeInfo"]["Id"])["ChangeInfo"]["Status"], "INSYNC")
        answered = ("moved.example", "db.us-east-1.rds.amazonaws.com", "db.orders.internal")
        for name, action in (*zip(answered, ("BLOCK", "ALLOW", "ALLOW")), ("known.example", "BLOCK"), ("no.orders.internal", "ALLOW")):
            answer = self.asked(resolve=[name])["resolve"]
            self.assertEqual(answer == ["10.66.0.9"], name in answered, f"{name}: {answer}")
            self.assertEqual(self.peer.admin("GET", "/peer/queries")[-1]["firewall_rule_action"], action)
        types = {one["type"] for one in self.peer.admin("GET", "/peer/state")["resources"]}
        self.assertLessEqual({"route53resolver:firewall-rule-group", "route53resolver:firewall-domain-list", "route53:hosted-zone"}, types)
        self.assertEqual(self.refused(resolver.delete_firewall_domain_list, FirewallDomainListId=lists[0])[0], "ConflictException")
        self.assertEqual(self.refused(resolver.delete_firewall_rule_group, FirewallRuleGroupId=group)[0], "ConflictException")
        resolver.disassociate_firewall_rule_group(FirewallRuleGroupAssociationId=association)
        for left in (["DELETING"], []):
            found = resolver.list_firewall_rule_group_associations(FirewallRuleGroupId=group)["FirewallRuleGroupAssociations"]
            self.assertEqual([one["Status"] for one in found], left)
        self.assertEqual(self.asked(resolve=["known.example"])["resolve"], ["10.66.0.1"])
        for one in lists:
            resolver.delete_firewall_rule(FirewallRuleGroupId=group, FirewallDomainListId=one)
            resolver.delete_firewall_domain_list(FirewallDomainListId=one)
        resolver.delete_firewall_rule_group(FirewallRuleGroupId=group)
        types = {one["type"] for one in self.peer.admin("GET", "/peer/state")["resources"]}
        self.assertFalse(any(one.startswith("route53resolver") for one in types), types)

    def test_bad_orders_are_refused(self):
        self.vpc()
        place = {"account": PROD, "region": "us-east-1"}
        for wish, message in (
            ({"kind": "oracle"}, "kind is one of"),
            ({"kind": "http", **place}, "say subnet"),
            ({"kind": "http", **place, "vpc": self.vpc_id, "address": "10.0.0.1"}, "no address of"),
            ({"kind": "process", **place, "subnet": self.subnets[0], "command": ["false"], "port": 1}, "did not start"),
        ):
            self.assertIn(message, self.peer.rejected("POST", "/peer/machines", wish))
        self.assertEqual(self.peer.admin("GET", "/peer/machines"), [])

    def test_a_reset_removes_all(self):
        self.create(VpcConfig=self.vpc())
        self.asked()
        self.machine("http")
        left = lambda: [name for name in os.listdir("/run/netns") if name.startswith(f"drillmaster-{self.peer.process.pid}-")]  # noqa: E731
        self.assertEqual(len(left()), 3)
        self.peer.reset()
        self.assertEqual(left(), [])


class Interfaces(LambdaTest):
    def test_one_per_subnet_and_set_of_groups(self):
        vpc = self.vpc()
        self.create("a", VpcConfig=vpc)
        self.create("b", VpcConfig=vpc)
        one = self.interfaces()
        self.assertEqual([(it["InterfaceType"], it["RequesterManaged"], it["Status"]) for it in one], [("lambda", True, "in-use")])
        self.assertRegex(one[0]["Description"], "^AWS Lambda VPC ENI-a-[0-9a-f-]{36}$")
        self.assertIn(":awslambda_", one[0]["RequesterId"])
        self.create("c", VpcConfig={**vpc, "SubnetIds": self.subnets})
        self.assertEqual(len(self.interfaces()), 2)
        self.functions.delete_function(FunctionName="a")
        self.functions.delete_function(FunctionName="c")
        self.peer.advance(1200)
        self.assertEqual([it["SubnetId"] for it in self.interfaces()], self.subnets[:1])  # b needs it
        self.invoke("b")

    def test_it_outlives_its_function(self):
        self.create(VpcConfig=self.vpc())
        self.invoke()
        eni = self.interfaces()[0]
        self.functions.delete_function(FunctionName="probe")
        self.assertEqual(self.peer.admin("GET", "/peer/functions"), [])
        in_use = (
            (self.ec2.delete_network_interface, {"NetworkInterfaceId": eni["NetworkInterfaceId"]}, "InvalidParameterValue"),
            (self.ec2.detach_network_interface, {"AttachmentId": eni["Attachment"]["AttachmentId"]}, "OperationNotPermitted"),
            (self.ec2.delete_subnet, {"SubnetId": self.subnets[0]}, "DependencyViolation"),
            (self.ec2.delete_security_group, {"GroupId": self.group}, "DependencyViolation"),
            (self.ec2.delete_vpc, {"VpcId": self.vpc_id}, "DependencyViolation"),
        )
        for seconds in (0, 1199):
            self.peer.advance(seconds)
            for call, given, expected in in_use:
                self.assertEqual(self.refused(call, **given)[0], expected)
        self.peer.advance(2)
        self.assertEqual(self.interfaces(), [])
        for call, given, _ in in_use[2:4]:
            call(**given)
        self.ec2.delete_subnet(SubnetId=self.subnets[1])
        self.ec2.delete_vpc(VpcId=self.vpc_id)
        self.assertEqual(self.peer.admin("GET", "/peer/network")["vpcs"], [])

    def test_it_stays_if_its_role_is_gone(self):
        self.create(VpcConfig=self.vpc())
        self.functions.delete_function(FunctionName="probe")
        self.iam.delete_role_policy(RoleName="probe", PolicyName="p")
        self.peer.advance(1200)
        self.assertEqual(len(self.interfaces()), 1)
        self.peer.advance(86400)
        self.assertEqual(len(self.interfaces()), 1)

    def test_a_test_sets_the_times(self):
        self.delays(function_interface=100, function_detach=40)
        self.create(VpcConfig=self.vpc())
        self.functions.delete_function(FunctionName="probe")
        self.peer.advance(40)
        eni = self.interfaces()[0]
        self.assertEqual((eni["Status"], eni["InterfaceType"], "Attachment" in eni), ("available", "interface", False))
        self.create("next", VpcConfig={"SubnetIds": self.subnets[:1], "SecurityGroupIds": [self.group]})
        self.assertEqual(len(self.interfaces()), 2)  # a detached one is not used again
        self.ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
        self.peer.advance(61)
        self.assertEqual([it["Status"] for it in self.interfaces()], ["in-use"])

    def test_one_that_is_used_again_stays(self):
        vpc = self.vpc()
        self.create(VpcConfig=vpc)
        self.functions.delete_function(FunctionName="probe")
        self.peer.advance(600)
        self.create(VpcConfig=vpc)
        self.peer.advance(600)
        self.asked()
        self.functions.delete_function(FunctionName="probe")
        self.peer.advance(1199)
        self.assertEqual(len(self.interfaces()), 1)
        self.peer.advance(2)
        self.assertEqual(self.interfaces(), [])

    def test_a_subnet_without_addresses(self):
        self.vpc()
        tiny = self.ec2.create_subnet(VpcId=self.vpc_id, CidrBlock="10.66.9.0/28")["Subnet"]["SubnetId"]
        groups = [self.ec2.create_security_group(GroupName=f"g{n}", Description="d", VpcId=self.vpc_id)["GroupId"] for n in range(12)]
        made = [self.create(f"f{n}", VpcConfig={"SubnetIds": [tiny], "SecurityGroupIds": [group]}) for n, group in enumerate(groups)]
        self.assertEqual({one["State"] for one in made[:11]}, {"Active"})
        self.assertEqual((made[11]["State"], made[11]["StateReasonCode"]), ("Failed", "SubnetOutOfIPAddresses"))


class Permissions(LambdaTest):
    def enforced(self, *statements):
        self.peer.admin("POST", "/peer/policies", {f"arn:aws:iam::{PROD}:role/drill": [{"Statement": list(statements)}]})

    def test_each_action_is_needed(self):
        vpc = self.vpc()
        probe = f"arn:aws:lambda:us-east-1:{PROD}:function:probe"
        passed = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
        tagged = {"StringLike": {"aws:RequestTag/drillmaster:run": "*"}}
        needed = [
            {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": probe, "Condition": tagged},
            {"Effect": "Allow", "Action": "lambda:TagResource", "Resource": probe},
            {"Effect": "Allow", "Action": "iam:PassRole", "Resource": self.role, "Condition": passed},
            *({"Effect": "Allow", "Action": f"ec2:{one}", "Resource": "*"} for one in ("DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcs")),
        ]
        for left_out in needed:
            self.enforced(*(one for one in needed if one is not left_out))
            error, status, message = self.refused(self.create, VpcConfig=vpc, Tags={"drillmaster:run": "r"})
            self.assertEqual((error, status), ("AccessDeniedException", 403))
            self.assertIn(left_out["Action"], message)
        self.enforced({**needed[2], "Condition": {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}}, *needed[:2], *needed[3:])
        self.assertIn("iam:PassRole", self.refused(self.create, VpcConfig=vpc, Tags={"drillmaster:run": "r"})[2])
        self.enforced(*needed)
        self.assertIn("lambda:CreateFunction", self.refused(self.create, VpcConfig=vpc)[2])
        self.create(VpcConfig=vpc, Tags={"drillmaster:run": "r"})
        own = {"StringLike": {"aws:ResourceTag/drillmaster:run": "r"}}
        for call, given, action in (
            (self.functions.get_function, {"FunctionName": "probe"}, "GetFunction"),
            (self.functions.invoke, {"FunctionName": "probe"}, "InvokeFunction"),
            (self.functions.list_functions, {}, "ListFunctions"),
            (self.functions.list_tags, {"Resource": probe}, "ListTags"),
            (self.functions.tag_resource, {"Resource": probe, "Tags": {"a": "b"}}, "TagResource"),
            (self.functions.delete_function, {"FunctionName": "probe"}, "DeleteFunction"),
        ):
            self.enforced()
            self.assertIn(f"lambda:{action}", self.refused(call, **given)[2])
            self.assertEqual(self.peer.log()[-1]["denied"]["action"], f"lambda:{action}")
            condition = {} if action == "ListFunctions" else {"Condition": own}
            self.enforced({"Effect": "Allow", "Action": f"lambda:{action}", "Resource": "*" if action == "ListFunctions" else probe, **condition})
            call(**given)

    def test_the_policy_of_the_role_may_be_given_to_the_peer(self):
        self.peer.admin("POST", "/peer/policies", {self.role: [{"Statement": [{"Effect": "Allow", "Action": ENI[:2], "Resource": "*"}]}]})
        self.assertIn("DeleteNetworkInterface", self.refused(self.create, VpcConfig=self.vpc())[2])
        self.peer.admin("POST", "/peer/policies", {self.role: [{"Statement": [{"Effect": "Allow", "Action": ENI, "Resource": "*"}]}]})
        self.create(VpcConfig={"SubnetIds": self.subnets[:1], "SecurityGroupIds": [self.group]})


class Removal(unittest.TestCase):
    """Nothing of a peer outlives it."""

    def left(self, pid):
        names = [name for name in os.listdir("/run/netns") if name.startswith(f"drillmaster-{pid}-")]
        files = [name for name in os.listdir("/etc/netns") if name.startswith(f"drillmaster-{pid}-")]
        return names + files + [str(path) for path in [pathlib.Path(f"/tmp/drillmaster-peer-{pid}")] if path.exists()]

    def filled(self):
        peer = Peer()
        ec2 = peer.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16")["Vpc"]["VpcId"]
        self.server = peer.admin("POST", "/peer/machines", {"kind": "redis", "account": PROD, "region": "us-east-1", "vpc": vpc, "address": "10.66.0.9"})
        self.assertEqual(len([name for name in self.left(peer.process.pid) if name == self.server["namespace"]]), 2)
        return peer, peer.process.pid

    def test_a_peer_that_stops(self):
        peer, pid = self.filled()
        self.assertEqual((peer.stop(), self.left(pid)), (0, []))

    def test_a_peer_that_is_killed(self):
        peer, pid = self.filled()
        inside = subprocess.run(["ip", "netns", "pids", self.server["namespace"]], capture_output=True, text=True, check=True).stdout.split()
        peer.process.kill()
        peer.stop()
        eventually(lambda: self.left(pid), [])
        eventually(lambda: [one for one in inside if pathlib.Path(f"/proc/{one}").exists()], [])

    def test_what_a_dead_one_left(self):
        dead = subprocess.Popen(["true"])
        dead.wait()
        name = f"drillmaster-{dead.pid}-1"
        subprocess.run(["ip", "netns", "add", name], check=True)
        sleeping = subprocess.Popen(["ip", "netns", "exec", name, "sleep", "600"])
        peer = Peer()
        self.assertEqual((self.left(dead.pid), sleeping.wait(timeout=60)), ([], -signal.SIGKILL))
        peer.stop()
