#!/usr/bin/env python3
"""Times commands in turns, so that a busy machine slows all of them alike.

    benches/paired.py [--runs N] COMMAND COMMAND...

`{out}` in a command is a new folder for each run. Prints for each command the median of its CPU time (user and
system, of it and of what it started), that of its time by the clock, its largest memory, and the medians of the ratios
of both times to those of the first command in the same turn.
"""
import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("commands", nargs="+", metavar="COMMAND")
parser.add_argument("--runs", type=int, default=7)
args = parser.parse_args()


def once(command):
    with tempfile.TemporaryDirectory() as folder:
        words = [word.replace("{out}", os.path.join(folder, "out")) for word in shlex.split(command)]
        began = time.monotonic()
        # The folder of the run, because some programs write a log into the current one.
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        clock = time.monotonic() - began
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{command}: exit code {os.waitstatus_to_exitcode(status)}\n{said.decode()[-2000:]}")
        return usage.ru_utime + usage.ru_stime, clock, usage.ru_maxrss / 1024


turns = [[once(command) for command in args.commands] for _ in range(args.runs)]
for at, command in enumerate(args.commands):
    cpu, clock = (statistics.median(turn[at][kind] for turn in turns) for kind in (0, 1))
    of_cpu, of_clock = (statistics.median(turn[at][kind] / turn[0][kind] for turn in turns) for kind in (0, 1))
    memory = max(turn[at][2] for turn in turns)
    print(f"cpu {cpu:.3f} s x{of_cpu:.3f}  clock {clock:.3f} s x{of_clock:.3f}  {memory:.0f} MiB  {command}")
