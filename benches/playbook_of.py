#!/usr/bin/env python3
"""Writes a playbook of N steps (default 10,000) and its estate into a folder, for timing `validate` and `run`.

    benches/playbook_of.py DIR [N]
    /usr/bin/time -v drillmaster validate DIR/playbook.yaml
    /usr/bin/time -v drillmaster run DIR/playbook.yaml --out DIR/run
"""
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
folder.mkdir(parents=True, exist_ok=True)

estate = ['accounts: { "111122223333": { name: production }, "999988887777": { name: sandbox } }', "regions:"]
for region, prefix in [("us-east-1", "use1"), ("us-west-2", "usw2")]:
    estate.append(f"  {region}: {{ azs: [{prefix}-az1, {prefix}-az2] }}")
estate.append("resources:")
for i in range(steps):
    estate.append(f'  - {{ id: "ec2:volume/vol-{i}", account: "111122223333", region: us-east-1, az: use1-az1, size: 8GiB }}')
estate.append("recovery_points:")
for i in range(steps):
    estate.append(
        f'  - {{ of: "ec2:volume/vol-{i}", kind: ebs_snapshot, id: snap-{i}, account: "111122223333", region: us-west-2,'
        f' taken: -1h, size: 8GiB, shared_with: ["999988887777"] }}'
    )

# Chains of ten: each step names an output of the one before.
play = [
    "name: ten-thousand",
    "estate: estate.yaml",
    "lose: { region: us-east-1 }",
    "objectives: { rto: 20h, rpo: 2h }",
    "accounts:",
    '  production: { id: "111122223333" }',
    '  sandbox: { id: "999988887777" }',
    "sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 2d }",
    'params: { type: "gp3" }',
    "workloads:",
    "  all: { resources: [" + ", ".join(f'"ec2:volume/vol-{i}"' for i in range(steps)) + "] }",
    "steps:",
]
for i in range(steps):
    play.append(f"  - id: s{i}")
    play.append("    uses: ec2.restore_volume")
    play.append("    workload: all")
    kind = '"{{ params.type }}"'
    before = f'"{{{{ steps.s{i - 1}.az }}}}"' if i % 10 else "usw2-az1"
    play.append(f"    with: {{ from: {{ volume: vol-{i} }}, type: {kind}, az: {before} }}")
play.append("checks:")
play.append(f'  - {{ id: up, workload: all, needs: [s{steps - 1}], tcp: {{ address: "db.internal:5432" }} }}')

(folder / "estate.yaml").write_text("\n".join(estate) + "\n")
(folder / "playbook.yaml").write_text("\n".join(play) + "\n")
