#!/usr/bin/env python3
"""Writes an experiment of Chaos Toolkit with N actions (default 1,000) that do nothing, to compare with `playbook_of.py`.

    benches/chaos_experiment_of.py FILE [N]
    chaos run FILE --journal-path JOURNAL

An action calls a function that returns at once. Nothing is started and nothing is waited for, as on the twin.
"""
import argparse
import json
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("file", type=pathlib.Path)
parser.add_argument("actions", type=int, nargs="?", default=1_000)
args = parser.parse_args()

nothing = {"type": "python", "module": "os", "func": "getpid"}
experiment = {
    "title": "nothing",
    "description": f"{args.actions} actions that do nothing",
    "method": [{"type": "action", "name": f"s{i}", "provider": nothing} for i in range(args.actions)],
}
args.file.write_text(json.dumps(experiment) + "\n")
