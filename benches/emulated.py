"""The emulated AWS of tests/peers, for benchmarks. They run with the Python that `tests/peers/setup` names."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-west-2"


class Emulation:
    """One emulated AWS, which ends with this object's `close`."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto_peer"], cwd=ROOT / "tests/peers", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.endpoint = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def client(self, service):
        keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
        return boto3.client(service, region_name=REGION, endpoint_url=self.endpoint, **keys)

    def admin(self, path, wish):
        request = urllib.request.Request(f"{self.endpoint}/peer/{path}", json.dumps(wish).encode(), method="POST")
        return json.loads(urllib.request.urlopen(request).read() or "null")

    def start(self, program, folder):
        """Starts the drill of `folder`/playbook.yaml. Its run is in `folder`/run."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        command = [program, "run", "playbook.yaml", "--on", "aws", "--out", "run"]
        with open(folder / "log", "w", encoding="utf-8") as log:
            return subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
