"""Starts a peer and talks to it, for test_peer.py."""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

HERE = pathlib.Path(__file__).parent
PROD, VAULT, SANDBOX = "111122223333", "222233334444", "999988887777"


class Peer:
    def __init__(self):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto_peer"], cwd=HERE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(timeout=120)

    def admin(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data, method=method), timeout=120) as answer:
            return json.loads(answer.read())

    def reset(self):
        """Removes all resources and faults, and stops the clock. Only a test moves it."""
        self.admin("POST", "/peer/clock", {"stopped": True})
        urllib.request.urlopen(urllib.request.Request(self.url + "/moto-api/reset", data=b"", method="POST"), timeout=120).close()
        self.admin("POST", "/peer/faults", [])
        self.admin("DELETE", "/peer/log")
        self.admin("POST", "/peer/delays", {"default": 0, **{kind: None for kind in self.admin("GET", "/peer/delays") if kind != "default"}})

    def advance(self, seconds):
        self.admin("POST", "/peer/clock", {"advance": seconds})

    def until(self, read, wanted, seconds=10):
        """Returns every value of `read` up to `wanted`.

        The peer's clock goes on in small steps.
        """
        seen, step = [], 0.05
        for _ in range(round(seconds / step)):
            seen.append(read())
            if seen[-1] == wanted:
                return seen
            self.advance(step)
        raise AssertionError(f"never {wanted!r}: {seen}")

    def client(self, service, account=PROD, region="us-east-1", attempts=1, port=None):
        """`port`: the port of a front that the client uses."""
        retries = {"total_max_attempts": attempts, "mode": "standard"}
        config = Config(retries=retries, s3={"addressing_style": "path"}, read_timeout=120)
        sts = boto3.client("sts", endpoint_url=self.url, region_name=region, aws_access_key_id="k", aws_secret_access_key="s")
        given = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/drill", RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.url if port is None else f"http://127.0.0.1:{port}",
            region_name=region,
            config=config,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def log(self, **wanted):
        return [entry for entry in self.admin("GET", "/peer/log") if all(entry.get(key) == value for key, value in wanted.items())]

    def rejected(self, method, path, body):
        try:
            self.admin(method, path, body)
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())["error"]
        return None


def eventually(read, wanted):
    """Waits in real time until another thread makes `read` return `wanted`."""
    seen, end = None, time.monotonic() + 120
    while time.monotonic() < end:
        seen = read()
        if seen == wanted:
            return
        time.sleep(0.01)
    raise AssertionError(f"never {wanted!r}: {seen}")
