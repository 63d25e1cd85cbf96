#!/usr/bin/env python3
"""Measures how exact the measured recovery time is, on the emulated AWS of tests/peers.

A drill restores one volume, which becomes ready after an exact time. The emulation knows it: the
report must say the same. All waits run beside each other, each with an emulation of its own.

    "$(tests/peers/setup)" benches/rto_of_waits.py target/debug/drillmaster 5 30 300 1200
"""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from emulated import Emulation

ACCOUNT = "123456789012"


def start(program, wait, folder):
    peer = Emulation()
    peer.admin("delays", {"default": 0})
    ec2 = peer.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-west-2a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    peer.admin("delays", {"volume": wait})
    (folder / "playbook.yaml").write_text(
        f"""name: wait-{wait}
lose: {{ region: us-east-1 }}
accounts: {{ test: {{ id: "{ACCOUNT}" }} }}
sandbox: {{ account: test, region: us-west-2, network: {{ cidr: 10.66.0.0/16, azs: 1 }}, ttl: 3h }}
workloads: {{ disk: {{ objectives: {{ rto: 2h, rpo: 1d }} }} }}
steps:
  - {{ id: volume, uses: ec2.restore_volume, workload: disk, with: {{ from: {{ snapshot: {snapshot} }} }} }}
checks:
  - {{ id: state, workload: disk, state: {{ of: "{{{{ steps.volume.volume_id }}}}" }} }}
"""
    )
    return peer, peer.start(program, folder)


def told(folder, wait):
    report = json.loads((folder / "run/report.json").read_text())
    events = [json.loads(line) for line in (folder / "run/journal.ndjson").read_text().splitlines()]
    time = lambda text: datetime.fromisoformat(text).timestamp()
    created = next(e for e in events if e["event"] == "created" and e.get("by") == "volume")
    step = next(s for s in report["steps"] if s["id"] == "volume")
    took = time(step["finished_at"]) - time(created["at"])
    rto = report["workloads"][0]["rto"]["measured_s"]
    return f"{wait:>8.0f} s  {took:>10.3f} s  {took - wait:>+8.3f} s  {rto:>10.3f} s  {report['verdict']}"


def main():
    program, waits = str(Path(sys.argv[1]).resolve()), [float(text) for text in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as base:
        runs = []
        for wait in waits:
            folder = Path(base) / f"{wait:.0f}"
            folder.mkdir()
            runs.append((wait, folder, *start(program, wait, folder)))
        print("    true       measured       error         RTO  verdict")
        for wait, folder, peer, run in sorted(runs, key=lambda run: run[0]):
            code = run.wait()
            try:
                print(told(folder, wait), flush=True)
            except (OSError, StopIteration, KeyError) as error:
                print(f"{wait:.0f} s: exit code {code}, {error!r}:\n{(folder / 'log').read_text()[-2000:]}")
            peer.close()


main()
