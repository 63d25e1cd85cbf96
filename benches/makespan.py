#!/usr/bin/env python3
"""Runs a generated playbook on the twin, and compares its recovery with the critical path.

    benches/makespan.py DRILLMASTER [N] [--seed S] [--jobs J] [--goal RATIO]

N steps (default 500) restore volumes of random sizes, and need up to three random steps before
them. The estate says how long a GiB takes. So this script knows the time of each step, and reckons
the longest chain itself. From the report it takes only when the last step ended, and what each step
took. The recovery takes as long as the longest chain if no step waits for anything but its needs.
Exits with 1 if it takes more than RATIO (default 1.01) times as long, or if a step took another
time than its size says.
"""
import argparse
import datetime
import json
import pathlib
import random
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("drillmaster")
parser.add_argument("steps", type=int, nargs="?", default=500)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--jobs", type=int, help="how many steps may run at once (default: all)")
parser.add_argument("--goal", type=float, default=1.01)
args = parser.parse_args()

BASE, PER_GIB = 20, 3
random.seed(args.seed)
sizes = [random.randint(1, 400) for _ in range(args.steps)]
takes = [BASE + PER_GIB * size for size in sizes]
needs = []
for i in range(args.steps):
    # Near steps, so that chains are long; one in seven begins anew.
    near = range(max(0, i - 40), i)
    needs.append(random.sample(near, min(len(near), random.choice([0, 1, 1, 1, 2, 2, 3]))))

ends = []
for taken, before in zip(takes, needs):
    ends.append(taken + max((ends[need] for need in before), default=0))
critical = max(ends)

PRODUCTION, SANDBOX = '"111122223333"', '"999988887777"'
estate = [
    f"accounts: {{ {PRODUCTION}: {{ name: production }}, {SANDBOX}: {{ name: sandbox }} }}",
    "regions:",
]
for region, prefix in [("us-east-1", "use1"), ("us-west-2", "usw2")]:
    estate.append(f"  {region}: {{ azs: [{prefix}-az1, {prefix}-az2] }}")
estate.append(f"timings: {{ ec2.restore_volume: {{ base: {BASE}s, per_gib: {PER_GIB}s }} }}")
volumes, points = [], []
for i, size in enumerate(sizes):
    id, owned = f'"ec2:volume/vol-{i}"', f"account: {PRODUCTION}, size: {size}GiB"
    volumes.append(f"  - {{ id: {id}, {owned}, region: us-east-1, az: use1-az1 }}")
    points.append(
        f"  - {{ of: {id}, kind: ebs_snapshot, id: snap-{i}, {owned}, region: us-west-2,"
        f" taken: -1h, shared_with: [{SANDBOX}] }}"
    )
estate += ["resources:", *volumes, "recovery_points:", *points]

play = [
    "name: makespan",
    "estate: estate.yaml",
    "lose: { region: us-east-1 }",
    "objectives: { rto: 10d, rpo: 2h }",
    "accounts:",
    f"  production: {{ id: {PRODUCTION} }}",
    f"  sandbox: {{ id: {SANDBOX} }}",
    "sandbox:",
    "  { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 20d }",
    "workloads:",
    "  all: { resources: [" + ", ".join(f'"ec2:volume/vol-{i}"' for i in range(args.steps)) + "] }",
    "steps:",
]
for i, before in enumerate(needs):
    play += [
        f"  - id: s{i}",
        "    workload: all",
        f"    needs: [{', '.join(f's{need}' for need in sorted(before))}]",
        "    uses: ec2.restore_volume",
        f"    with: {{ from: {{ volume: vol-{i} }}, az: usw2-az1 }}",
    ]
play.append("checks:")
play.append('  - { id: up, workload: all, needs: [s0], tcp: { address: "db.internal:5432" } }')

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "estate.yaml").write_text("\n".join(estate) + "\n")
    (folder / "playbook.yaml").write_text("\n".join(play) + "\n")
    command = [args.drillmaster, "run", folder / "playbook.yaml", "--out", folder / "out"]
    command += ["--jobs", str(args.jobs or args.steps)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"exit code {run.returncode}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    report = json.loads((folder / "out/report.json").read_text())


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


steps = {step["id"]: step for step in report["steps"]}
wrong = [i for i, taken in enumerate(takes) if abs(steps[f"s{i}"]["seconds"] - taken) > 0.001]
last = max(instant(step["finished_at"]) for step in steps.values())
makespan = (last - instant(report["t0"])).total_seconds()
print(f"{args.steps} steps, {sum(map(len, needs))} needs, {sum(takes)} s of work")
print(f"critical path {critical} s, makespan {makespan:g} s")
print(f"makespan / critical path {makespan / critical:.4f}")
for i in wrong[:5]:
    print(f"s{i} took {steps[f's{i}']['seconds']} s, and its size says {takes[i]} s")
sys.exit(1 if wrong or makespan > args.goal * critical else 0)
