#!/usr/bin/env python3
"""Writes a playbook of N steps (default 10,000) and its estate into a folder, for timing `validate` and `run`.

    benches/playbook_of.py DIR [N] [--large-estate]
    /usr/bin/time -v drillmaster validate DIR/playbook.yaml
    /usr/bin/time -v drillmaster run DIR/playbook.yaml --out DIR/run

Without `--large-estate`, one database and N commands in chains of ten that name its endpoint. With it, N volumes, each
with a resource and a recovery point of its own, restored in chains of ten.
"""
import argparse
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("steps", type=int, nargs="?", default=10_000)
parser.add_argument("--large-estate", action="store_true")
args = parser.parse_args()
args.folder.mkdir(parents=True, exist_ok=True)

PRODUCTION, SANDBOX = '"111122223333"', '"999988887777"'
things = [f"ec2:volume/vol-{i}" for i in range(args.steps)] if args.large_estate else ["rds:db/orders"]
kind = "ebs_snapshot" if args.large_estate else "rds_snapshot"

estate = [f"accounts: {{ {PRODUCTION}: {{ name: production }}, {SANDBOX}: {{ name: sandbox }} }}", "regions:"]
for region, prefix in [("us-east-1", "use1"), ("us-west-2", "usw2")]:
    estate.append(f"  {region}: {{ azs: [{prefix}-az1, {prefix}-az2] }}")
estate.append("resources:")
for thing in things:
    estate.append(f'  - {{ id: "{thing}", account: {PRODUCTION}, region: us-east-1, az: use1-az1, size: 8GiB }}')
estate.append("recovery_points:")
for i, thing in enumerate(things):
    estate.append(
        f'  - {{ of: "{thing}", kind: {kind}, id: snap-{i}, account: {PRODUCTION}, region: us-west-2, taken: -1h,'
        f" size: 8GiB, shared_with: [{SANDBOX}] }}"
    )

play = [
    "name: ten-thousand",
    "estate: estate.yaml",
    "lose: { region: us-east-1 }",
    "objectives: { rto: 20h, rpo: 2h }",
    "accounts:",
    f"  production: {{ id: {PRODUCTION} }}",
    f"  sandbox: {{ id: {SANDBOX} }}",
    "sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 10d }",
    "workloads:",
    "  all: { resources: [" + ", ".join(f'"{thing}"' for thing in things) + "] }",
    "steps:",
]
for i in range(args.steps):
    play.append(f"  - id: s{i}")
    play.append("    workload: all")
    if args.large_estate:
        az = f'"{{{{ steps.s{i - 1}.az }}}}"' if i % 10 else "usw2-az1"
        play.append("    uses: ec2.restore_volume")
        play.append(f"    with: {{ from: {{ volume: vol-{i} }}, az: {az} }}")
    elif i == 0:
        play.append("    uses: rds.restore")
        play.append("    with: { from: { db: orders, point: latest } }")
    else:
        if i % 10:
            play.append(f"    needs: [s{i - 1}]")
        play.append("    uses: command.run")
        play.append(f'    with: {{ run: [echo, "{{{{ steps.s0.endpoint }}}}", "{i}"] }}')
play.append("checks:")
play.append(f'  - {{ id: up, workload: all, needs: [s{args.steps - 1}], tcp: {{ address: "db.internal:5432" }} }}')

(args.folder / "estate.yaml").write_text("\n".join(estate) + "\n")
(args.folder / "playbook.yaml").write_text("\n".join(play) + "\n")
