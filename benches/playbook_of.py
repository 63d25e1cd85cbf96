#!/usr/bin/env python3
"""Writes a playbook of N steps (default 10,000) and its estate into a folder, for timing `validate` and `run`.

    benches/playbook_of.py DIR [N] [--large-estate | --varied] [--points P]
    /usr/bin/time -v drillmaster validate DIR/playbook.yaml
    /usr/bin/time -v drillmaster run DIR/playbook.yaml --out DIR/run

Without options, one database and N commands in chains of ten that name its endpoint. With `--large-estate`, N volumes,
each with a resource and P recovery points of its own (default 1), restored in chains of ten. With `--varied`, volumes,
databases and buckets in turn, ten to a workload, which selects them by a tag; a check asks each database and each
bucket, and a fault meets every fiftieth step once.
"""
import argparse
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("steps", type=int, nargs="?", default=10_000)
parser.add_argument("--large-estate", action="store_true")
parser.add_argument("--varied", action="store_true")
parser.add_argument("--points", type=int, default=1)
args = parser.parse_args()
args.folder.mkdir(parents=True, exist_ok=True)

PRODUCTION, SANDBOX = '"111122223333"', '"999988887777"'
KINDS = ["volume", "db", "volume", "bucket"] if args.varied else ["volume"]
many = args.large_estate or args.varied
kinds = [KINDS[i % len(KINDS)] for i in range(args.steps)] if many else ["db"]
# Databases of a large estate are numbered, and so are all others.
names = [{"volume": f"vol-{i}", "db": f"db-{i}", "bucket": f"bucket-{i}"}[kind] for i, kind in enumerate(kinds)]
names = names if many else ["orders"]
ids = [{"volume": "ec2:volume", "db": "rds:db", "bucket": "s3:bucket"}[k] + f"/{n}" for k, n in zip(kinds, names)]


def tags(i):
    return f", tags: {{ app: app-{i // 10} }}" if args.varied else ""


estate = [f"accounts: {{ {PRODUCTION}: {{ name: production }}, {SANDBOX}: {{ name: sandbox }} }}", "regions:"]
for region, prefix in [("us-east-1", "use1"), ("us-west-2", "usw2")]:
    estate.append(f"  {region}: {{ azs: [{prefix}-az1, {prefix}-az2] }}")
estate.append("resources:")
for i, (kind, id) in enumerate(zip(kinds, ids)):
    az = ", az: use1-az1" if kind != "bucket" else ""
    estate.append(f'  - {{ id: "{id}", account: {PRODUCTION}, region: us-east-1{az}, size: 8GiB{tags(i)} }}')
estate.append("recovery_points:")
times = "taken: -1h" if args.points == 1 else f"every: 1h, keep: {args.points}h"
for i, (kind, id) in enumerate(zip(kinds, ids)):
    of = {"volume": "ebs_snapshot", "db": "rds_snapshot", "bucket": "s3_replica"}[kind]
    name, when = (f"copy-{i}", "taken: -1h") if kind == "bucket" else (f"snap-{i}", times)
    estate.append(
        f'  - {{ of: "{id}", kind: {of}, id: {name}, account: {PRODUCTION}, region: us-west-2, {when},'
        f" size: 8GiB, shared_with: [{SANDBOX}] }}"
    )
if args.varied:
    estate.append("faults:")
    estate += [f"  - {{ step: s{i}, attempt: 1, error: throttled }}" for i in range(0, args.steps, 50)]

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
]
if args.varied:
    for app in range((args.steps + 9) // 10):
        all = ", ".join(f'"{type}[tag:app=app-{app}]"' for type in ["ec2:volume", "rds:db", "s3:bucket"])
        play.append(f"  app-{app}: {{ resources: [{all}] }}")
else:
    play.append("  all: { resources: [" + ", ".join(f'"{id}"' for id in ids) + "] }")
play.append("steps:")
checks = []
for i in range(args.steps):
    workload = f"app-{i // 10}" if args.varied else "all"
    play.append(f"  - id: s{i}")
    play.append(f"    workload: {workload}")
    if many and kinds[i] == "volume":
        chained = i % 10 and kinds[i - 1] == "volume"
        az = f'"{{{{ steps.s{i - 1}.az }}}}"' if chained else "usw2-az1"
        play.append("    uses: ec2.restore_volume")
        play.append(f"    with: {{ from: {{ volume: vol-{i} }}, az: {az} }}")
        play += ["    retry: { attempts: 2, backoff: 1s }"] if args.varied else []
    elif many and kinds[i] == "db":
        play.append("    uses: rds.restore")
        play.append(f"    with: {{ from: {{ db: db-{i}, point: latest }} }}")
        url = f"postgres://{{{{ steps.s{i}.endpoint }}}}/orders"
        asks = f'sql: {{ url: "{url}", query: "select count(*) from orders", expect: ">= 1" }}'
        checks.append(f"  - {{ id: c{i}, workload: {workload}, needs: [s{i}], {asks} }}")
    elif many:
        play.append("    uses: s3.restore")
        play.append(f"    with: {{ from: {{ bucket: copy-{i} }}, to: r{i} }}")
        asks = f's3: {{ bucket: "{{{{ steps.s{i}.bucket }}}}", min_count: 1 }}'
        checks.append(f"  - {{ id: c{i}, workload: {workload}, needs: [s{i}], {asks} }}")
    elif i == 0:
        play.append("    uses: rds.restore")
        play.append("    with: { from: { db: orders, point: latest } }")
    else:
        if i % 10:
            play.append(f"    needs: [s{i - 1}]")
        play.append("    uses: command.run")
        play.append(f'    with: {{ run: [echo, "{{{{ steps.s0.endpoint }}}}", "{i}"] }}')
play.append("checks:")
play += checks
if not args.varied:
    play.append(
        f'  - {{ id: up, workload: all, needs: [s{args.steps - 1}], tcp: {{ address: "db.internal:5432" }} }}'
    )

(args.folder / "estate.yaml").write_text("\n".join(estate) + "\n")
(args.folder / "playbook.yaml").write_text("\n".join(play) + "\n")
