#!/usr/bin/env python3
"""Measures what the probe adds, on the emulated AWS of tests/peers.

Two drills restore the same machine, and ask its application the same. One asks through the probe, in
the network namespace of the sandbox. The other asks from the runner, through `connect_to`, the same
application on 127.0.0.1. They run in turns, so that both meet the same noise. Medians are printed.

    "$(tests/peers/setup)" benches/probe_or_runner.py target/release/drillmaster 7
"""

import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from emulated import REGION, ROOT, Emulation

ACCOUNT = "123456789012"
ROUTES = {"GET /healthz": {"status": 200, "body": "ok"}}


def playbook(image, probe, connect_to):
    return f"""name: asked
lose: {{ region: us-east-1 }}
accounts: {{ test: {{ id: "{ACCOUNT}" }} }}
sandbox: {{ account: test, region: {REGION}, network: {{ cidr: 10.66.0.0/16, azs: 1 }}, ttl: 3h, resolver: open{probe} }}
workloads: {{ web: {{ objectives: {{ rto: 2h, rpo: 1d }} }} }}
{connect_to}
steps:
  - {{ id: web, uses: ec2.launch, workload: web, with: {{ image: {image}, type: t3.small }} }}
checks:
  - id: up
    workload: web
    http: {{ url: "http://{{{{ steps.web.instances.0.private_ip }}}}/healthz" }}
    every: 200ms
    stable_for: 10s
"""


def application(folder):
    shutil.copy(ROOT / "tests/peers/moto_peer/lambda_/http_app.py", folder)
    (folder / "routes.json").write_text(json.dumps(ROUTES))
    (folder / "requests").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return port, subprocess.Popen([sys.executable, "http_app.py", str(port), "plain"], cwd=folder)


def told(folder, code):
    if code not in (0, 1):
        raise SystemExit((folder / "log").read_text()[-3000:])
    report = json.loads((folder / "run/report.json").read_text())
    check = next(c for c in report["checks"] if c["id"] == "up")
    if check["status"] != "healthy":
        raise SystemExit((folder / "log").read_text()[-3000:])
    asked = [int(ms) for ms in re.findall(r'"observed":"200 in (\d+) ms"', (folder / "run/journal.ndjson").read_text())]
    probe = report.get("probe") or {}
    return {
        "first answer of the application, as the check saw it (ms)": asked[0],
        "an invocation, median (ms)": probe.get("p50_ms"),
        "the first invocation, before T0 (ms)": probe.get("cold_ms"),
        "prepare (s)": report["phases"]["prepare_s"],
        "RTO (s)": report["workloads"][0]["rto"]["measured_s"],
    }


def main():
    program, rounds = str(Path(sys.argv[1]).resolve()), int(sys.argv[2])
    peer, seen = Emulation(), {"runner": [], "probe": []}
    with tempfile.TemporaryDirectory() as base:
        port, outside = application(Path(base))
        try:
            peer.admin("delays", {"default": 0})
            image = peer.client("ec2").register_image(Name="web", RootDeviceName="/dev/sda1")["ImageId"]
            role = peer.admin("roles", {"account": ACCOUNT, "name": "probe"})["arn"]
            peer.admin("machines", [{"kind": "http", "account": ACCOUNT, "region": REGION, "serves": {"instance": "*"}, "routes": ROUTES}])
            peer.admin("delays", {"instance": 5, "function_interface": 1})
            for number in range(rounds):
                for who in seen:
                    folder = Path(base) / f"{who}-{number}"
                    folder.mkdir()
                    probe = f', probe: {{ role: "{role}" }}' if who == "probe" else ""
                    tunnel = f'connect_to: ["*:80=127.0.0.1:{port}"]' if who == "runner" else ""
                    (folder / "playbook.yaml").write_text(playbook(image, probe, tunnel))
                    seen[who].append(told(folder, peer.start(program, folder).wait()))
        finally:
            outside.terminate()
            peer.close()
    for what in seen["probe"][0]:
        value = lambda who: [run[what] for run in seen[who] if run[what] is not None]
        medians = [f"{statistics.median(value(who)):.3f}" if value(who) else "-" for who in ("runner", "probe")]
        print(f"{what:<60} runner {medians[0]:>9}  probe {medians[1]:>9}")


main()
