"""Network namespaces of one peer: made, entered, and removed with every process in them.

The namespaces are called drillmaster-PID-N after the peer. A keeper process, this very file, waits for the
end of the peer, however it ends, and then removes them. Should the keeper have been killed as well,
the next peer removes those of dead ones.

Only Python's own library is used here, so that the keeper starts quickly.
"""

import ctypes
import itertools
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

NAMED = Path("/run/netns")  # of `ip netns`
FILES = Path("/etc/netns")  # `ip netns exec` shows the files of /etc/netns/NAME in /etc
PREFIX = "drillmaster-"
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
KILLED_WITHIN = 10  # seconds
_numbers = itertools.count(1)
_keeper = None
_lock = threading.Lock()


class Unavailable(ValueError):
    """This machine cannot do what a sandbox needs."""


def ip(*arguments, lines=()):
    """Runs `ip`, with `lines` as a batch of commands."""
    batch = ["-batch", "-"] if lines else []
    try:
        done = subprocess.run(["ip", *arguments, *batch], input="\n".join(lines), capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable("ip is missing: run tests/peers/setup (it installs iproute2)") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise Unavailable(
            f"ip {' '.join([*arguments, *lines])}: {said}. A sandbox of the peer is a network namespace with veth pairs and a bridge: "
            "run the tests as root on a Linux that has them"
        )
    return done.stdout


def folder(pid=None):
    """Where this peer keeps what its functions and servers need. Other users may enter it."""
    return Path(f"/tmp/drillmaster-peer-{pid or os.getpid()}")


def made():
    """Makes a namespace, with nothing but its loopback, and returns its name."""
    keep()
    name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
    ip(lines=[f"netns add {name}"])
    try:
        files = FILES / name
        files.mkdir(parents=True)
        (files / "resolv.conf").write_text("# no name server\n")
        (files / "hosts").write_text("127.0.0.1 localhost\n")
        ip("-n", name, lines=["link set lo up"])
        inside(name, settings)
    except (Unavailable, OSError):
        removed(name)
        raise
    return name


def settings():
    # No link-local addresses: the namespace has the addresses of the VPC, and no others.
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    # Servers run as users that could not listen on port 80 otherwise.
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")


def keep():
    """Makes the folder, and starts the keeper."""
    global _keeper
    with _lock:
        folder().mkdir(exist_ok=True)
        folder().chmod(0o755)
        if _keeper is None:
            # Its stdin closes when this process ends, even by SIGKILL.
            argv = [sys.executable, __file__, str(os.getpid())]
            _keeper = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)


def inside(name, work):
    """Runs work() with the network of the namespace, and returns its result.

    A socket stays in the namespace in which it was made, whoever uses it later. So this process can
    listen inside, and no route leads there.
    """
    got = {}

    def run():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(NAMED / name) as handle:
                if libc.setns(handle.fileno(), NEW_NETWORK):
                    number = ctypes.get_errno()
                    raise OSError(number, f"setns {name}: {os.strerror(number)}")
            got["result"] = work()
        except BaseException as error:
            got["error"] = error

    # The namespace belongs to the thread, and ends with it.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in got:
        raise got["error"]
    return got["result"]


def command(name, argv, user=None):
    """The command line that runs `argv` inside, as `user` (id, group) if that is given."""
    less = []
    if user is not None:
        less = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--no-new-privs", "--"]
    return ["ip", "netns", "exec", name, *less, *map(str, argv)]


def removed(name):
    """Kills what runs in the namespace, and removes it."""
    if (NAMED / name).exists():
        kill(name)
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    shutil.rmtree(FILES / name, ignore_errors=True)


def kill(name):
    """Returns when no process is left in the namespace. A killed one may just have started another."""
    while pids := subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
        for pid in map(int, pids):
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not select.select([handle], [], [], KILLED_WITHIN)[0]:
                    raise Unavailable(f"process {pid} in {name} cannot be killed")
            except ProcessLookupError:
                pass
            finally:
                os.close(handle)


def sweep(pid):
    """Removes everything of a peer."""
    for name in names(pid):
        removed(name)
    shutil.rmtree(folder(pid), ignore_errors=True)


def names(pid):
    return sorted(entry.name for entry in NAMED.glob(f"{PREFIX}{pid}-*"))


def sweep_of_the_dead():
    """Removes what killed peers left, also one that had the number of this process."""
    found = [entry.name for entry in NAMED.glob(f"{PREFIX}*")] + [entry.name for entry in folder("").parent.glob(folder("").name + "*")]
    owners = {int(match.group(1)) for name in found if (match := re.fullmatch(r"drillmaster-(?:peer-)?(\d+)(?:-\d+)?", name))}
    for pid in owners:
        if pid == os.getpid() or not Path(f"/proc/{pid}").exists():
            sweep(pid)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    sweep(int(sys.argv[1]))
