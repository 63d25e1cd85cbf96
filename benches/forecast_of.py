#!/usr/bin/env python3
"""Writes a playbook of N steps (default 100) and its estate, whose times vary, for timing `forecast`.

    benches/forecast_of.py DIR [N]
    drillmaster forecast DIR/playbook.yaml --runs 10000

The steps restore volumes in chains of ten. One workload holds all of them.
"""
import argparse
import pathlib
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("steps", type=int, nargs="?", default=100)
args = parser.parse_args()
playbook_of = pathlib.Path(__file__).with_name("playbook_of.py")
subprocess.run([sys.executable, playbook_of, args.folder, str(args.steps), "--large-estate"], check=True)
with (args.folder / "estate.yaml").open("a") as estate:
    estate.write("timings: { ec2.restore_volume: { base: 4m, spread: 0.3 } }\n")
