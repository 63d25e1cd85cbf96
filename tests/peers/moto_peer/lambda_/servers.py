"""Servers of a test inside a VPC: POST /peer/machines.

  kind     postgres   users `postgres` (superuser, no password) and `guarded` (PASSWORD); plain and TLS
           mariadb    users `drill` (no password) and `guarded` (PASSWORD); plain and TLS
           redis      no password; with `tls` on TLS alone
           http       `routes`: {"GET /healthz" or "/healthz": {"status", "body", "headers"}}
           process    `command`; ready at once, or when it listens on `port`

A server listens in a namespace of its own. It gets an address of the VPC either at once (`subnet`,
or `vpc` and `address`), or as soon as moto has what it stands for (`serves`):

  {"db": "orders"}                 a DB instance whose identifier contains this, and its endpoint's name
  {"cluster": "orders"}            a DB cluster, and the names of both of its endpoints
  {"instance": "app=orders"}       an EC2 instance with this tag, or this key; "*" means any one. Its address

It stands there until that is deleted, and can then serve the next one. VPCs that are not of the
place (`account`, `region`) are left alone.
"""

import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from ..control import LOCK
from . import certificates, namespace, network

PASSWORD = "drill-secret"
START_LIMIT = 120  # seconds
PORTS = {"postgres": 5432, "mariadb": 3306, "redis": 6379, "http": 80, "process": None}
KEYS = {
    "kind", "account", "region", "vpc", "subnet", "address", "serves", "port", "names", "instance", "tls", "sql", "routes", "command",
}  # fmt: skip
SERVES = ("db", "cluster", "instance")
SERVERS = {}  # id → Server
_folders = itertools.count(1)


class Server:
    def __init__(self, wish):
        unknown = set(wish) - KEYS
        kind, serves = wish.get("kind"), wish.get("serves")
        if unknown or kind not in PORTS:
            raise ValueError(f"machines: kind is one of {', '.join(PORTS)}; unknown keys: {sorted(unknown)}")
        if serves is not None and (len(serves) != 1 or next(iter(serves)) not in SERVES):
            raise ValueError(f"machines: serves is one of {', '.join(SERVES)}")
        if serves is None and "subnet" not in wish and not ("vpc" in wish and "address" in wish):
            raise ValueError("machines: say subnet, or vpc and address, or serves")
        self.wish, self.kind, self.tls = wish, kind, bool(wish.get("tls"))
        self.account, self.region, self.serves = wish["account"], wish["region"], serves
        self.port = wish.get("port", 443 if kind == "http" and self.tls else PORTS[kind])
        self.thing = None  # of moto, that it stands for
        self.process = None
        self.machine = network.Machine(wish.get("instance"))
        self.id, self.names = self.machine.id, list(wish.get("names", []))
        self.machine.names = self.names
        self.folder = namespace.folder() / f"server-{next(_folders)}"
        self.folder.mkdir(parents=True)
        self.user = account_for(kind)
        try:
            self.own(self.folder)
            self.certify()
            self.start()
        except BaseException:
            self.close()
            raise

    # --- its process

    def start(self):
        argv = KINDS[self.kind](self)
        log = self.folder / "log"
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                namespace.command(self.machine.namespace, argv, self.user), cwd=self.folder, env=plain(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + START_LIMIT
        while (why := self.unready()) is not None:
            if self.process.poll() is not None or time.monotonic() > end:
                raise ValueError(f"machines: {self.kind} did not start: {why}\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        after = {"postgres": f"create role guarded superuser login password '{PASSWORD}'", "mariadb": MARIADB_USERS}.get(self.kind)
        if after:
            self.sql(after)
        if self.wish.get("sql"):
            self.sql(self.wish["sql"])

    def unready(self):
        if self.kind in CLIENTS:
            done = subprocess.run(self.client(), input="select 1;", capture_output=True, text=True, env=plain())
            return None if done.returncode == 0 else done.stderr
        if self.port is None:
            return None
        try:
            namespace.inside(self.machine.namespace, lambda: socket.create_connection(("127.0.0.1", self.port), 5)).close()
        except OSError as error:
            return str(error)
        return None

    def client(self, database=None):
        return CLIENTS[self.kind](self, database)

    def sql(self, text, database=None):
        done = subprocess.run(self.client(database), input=text, capture_output=True, text=True, env=plain(), cwd=self.folder)
        if done.returncode:
            raise ValueError(f"{self.id}: {done.stderr.strip()}")
        return done.stdout.strip()

    def run(self, wish):
        """Runs SQL, or a command inside, as nobody."""
        unknown = set(wish) - {"sql", "database", "command", "input", "timeout", "background"}
        if unknown:
            raise ValueError(f"run: unknown keys {sorted(unknown)}")
        if "sql" in wish:
            return {"status": 0, "stdout": self.sql(wish["sql"], wish.get("database")), "stderr": ""}
        argv = namespace.command(self.machine.namespace, wish["command"], account_for("process"))
        if wish.get("background"):
            subprocess.Popen(argv, env=plain(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            return {"status": None}
        try:
            done = subprocess.run(argv, env=plain(), cwd="/", input=wish.get("input", ""), capture_output=True, text=True, timeout=wish.get("timeout", 60))
        except subprocess.TimeoutExpired:
            raise ValueError(f"run: {wish['command']} took longer than {wish.get('timeout', 60)} s") from None
        return {"status": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def own(self, path):
        os.chown(path, *self.user)

    def certify(self):
        certificates.issue(self.folder, self.machine.names, self.machine.address)
        for name in ("server.pem", "server.key"):
            self.own(self.folder / name)

    def reload(self):
        """Takes the certificate for its new names."""
        self.certify()
        if self.kind == "mariadb":
            self.sql("flush ssl")
        elif self.kind in ("postgres", "http"):
            os.kill(self.process.pid, signal.SIGHUP)

    # --- its place

    def place(self, opened):
        """Gives it its address, if there is one by now. Takes it back if what it serves is gone."""
        if self.serves is None:
            if self.machine.network is None:
                self.attach(*self.given(), opened)
            return
        if self.thing is not None and self.thing not in candidates(self):
            self.machine.detach()
            self.machine.names, self.machine.instance, self.thing = self.names, self.wish.get("instance"), None
        if self.thing is None:
            taken = [server.thing for server in SERVERS.values()]
            found = next((one for one in candidates(self) if one not in taken), None)
            if found is not None:
                names, vpc, address, instance = standing(found, self)
                self.machine.names, self.machine.instance = [*self.names, *names], instance
                self.thing = found
                self.attach(vpc, address, opened)

    def given(self):
        backend = ec2_backends[self.account][self.region]
        if "subnet" not in self.wish:
            return self.wish["vpc"], self.wish["address"]
        subnet = backend.get_subnet(self.wish["subnet"])
        address = self.wish.get("address")
        if address is None:
            address = subnet.get_available_subnet_ip(self)
        return subnet.vpc_id, address

    def attach(self, vpc, address, opened):
        there = network.network_of(self.account, self.region, vpc, opened)
        if address not in map(str, there.cidr.hosts()):
            raise ValueError(f"machines: {address} is no address of {vpc} ({there.cidr})")
        self.machine.attach(there, address)
        self.reload()

    def told(self):
        machine = self.machine
        requests = self.folder / "requests"
        return {
            "id": self.id, "kind": self.kind, "port": self.port, "address": machine.address, "names": machine.names, "instance": machine.instance,
            "vpc": machine.network.vpc if machine.network else None, "namespace": machine.namespace, "running": self.process.poll() is None,
            "requests": [json.loads(line) for line in requests.read_text().splitlines()] if requests.exists() else [],
        }  # fmt: skip

    def close(self):
        self.machine.close()
        if self.process is not None:
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


# --- what moto has


def candidates(server):
    """moto's resources that the server can stand for, in the order of their creation."""
    (kind, wanted), account, region = next(iter(server.serves.items())), server.account, server.region
    rds, ec2 = rds_backends[account][region], ec2_backends[account][region]
    if kind == "db":
        return [one for name, one in rds.databases.items() if wanted in name and one.status == "available" and one.__dict__.get("db_subnet_group")]
    if kind == "cluster":
        return [one for name, one in rds.clusters.items() if wanted in name and one.status == "available" and one.db_subnet_group_name]
    running = [one for reservation in ec2.reservations.values() for one in reservation.instances if one.state == "running" and one.private_ip]
    key, has_value, value = wanted.partition("=")
    fits = lambda tag: tag["key"] == key and (tag["value"] == value or not has_value)  # noqa: E731
    return [one for one in running if wanted == "*" or any(fits(tag) for tag in one.get_tags())]


def standing(thing, server):
    """Returns (names, VPC, address, instance)."""
    kind = next(iter(server.serves))
    if kind == "instance":
        return [thing.private_dns_name], thing.vpc_id, thing.private_ip, thing.id
    rds = rds_backends[server.account][server.region]
    group = thing.db_subnet_group if kind == "db" else rds.describe_db_subnet_groups(thing.db_subnet_group_name)[0]
    names = [thing.address] if kind == "db" else [thing.endpoint, thing.reader_endpoint]
    return names, group.vpc_id, group._subnets[0].get_available_subnet_ip(server), None


# --- the kinds


def plain():
    """No variables of the machine's, and above all no credentials."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}


def account_for(kind):
    """Database servers refuse to run as root, and the others need not."""
    wanted = {"postgres": ("postgres", "nobody"), "mariadb": ("mysql", "nobody"), "redis": ("redis", "nobody")}.get(kind, ("nobody",))
    found = next((one for name in wanted for one in pwd.getpwall() if one.pw_name == name), None)
    if found is None:
        raise ValueError(f"machines: no user of {', '.join(wanted)}: run tests/peers/setup")
    return found.pw_uid, found.pw_gid


def program(name):
    """Debian keeps PostgreSQL's server programs out of PATH."""
    folders = [*plain()["PATH"].split(":"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
    found = shutil.which(name, path=":".join(folders))
    if found is None:
        raise ValueError(f"machines: {name} is missing: run tests/peers/setup")
    return found


def as_user(server, argv):
    user = [f"--reuid={server.user[0]}", f"--regid={server.user[1]}", "--clear-groups", "--"]
    done = subprocess.run([program("setpriv"), *user, *argv], cwd=server.folder, env=plain(), capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"machines: {argv[0]}: {done.stderr[-2000:]}")


def postgres(server):
    data = server.folder / "data"
    as_user(server, [program("initdb"), "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", str(data)])
    rules = ["local all all trust", "host all guarded all scram-sha-256", "host all all all trust"]
    (data / "pg_hba.conf").write_text("\n".join(rules) + "\n")
    settings = [
        "listen_addresses=0.0.0.0", f"port={server.port}", f"unix_socket_directories={server.folder}", "fsync=off", "ssl=on",
        f"ssl_cert_file={server.folder}/server.pem", f"ssl_key_file={server.folder}/server.key", "shared_buffers=16MB",
    ]  # fmt: skip
    return [program("postgres"), "-D", data, *(part for setting in settings for part in ("-c", setting))]


def mariadb(server):
    data = server.folder / "data"
    data.mkdir()
    server.own(data)
    install = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}"]
    as_user(server, [program("mariadb-install-db"), *install])
    tls = [f"--ssl-ca={certificates.authority()[2]}", f"--ssl-cert={server.folder}/server.pem", f"--ssl-key={server.folder}/server.key"]
    return [
        program("mariadbd"), "--no-defaults", "--bind-address=0.0.0.0", f"--port={server.port}", f"--datadir={data}", "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin", f"--socket={server.folder}/socket",
        f"--pid-file={server.folder}/pid", *tls,
    ]  # fmt: skip


MARIADB_USERS = (
    "create user drill@'%'; grant all on *.* to drill@'%';"
    f"create user guarded@'%' identified by '{PASSWORD}'; grant all on *.* to guarded@'%';"
)


def redis(server):
    ports = ["--port", "0", "--tls-port", server.port] if server.tls else ["--port", server.port]
    tls = ["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", certificates.authority()[2], "--tls-auth-clients", "no"]
    return [program("redis-server"), *ports, *(tls if server.tls else []), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]


def http(server):
    # The user has no access to this folder.
    script = server.folder / "http_app.py"
    shutil.copyfile(Path(__file__).with_name("http_app.py"), script)
    (server.folder / "routes.json").write_text(json.dumps(server.wish.get("routes", {})))
    (server.folder / "requests").touch()
    server.own(server.folder / "requests")
    return [program("python3"), script, str(server.port), "tls" if server.tls else "plain"]


def process(server):
    return server.wish["command"]


def psql(server, database):
    return [program("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-p", str(server.port), "-h", str(server.folder), "-d", database or "postgres"]


def mysql(server, database):
    return [program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", "--user=root", f"--socket={server.folder}/socket", database or "mysql"]


KINDS = {"postgres": postgres, "mariadb": mariadb, "redis": redis, "http": http, "process": process}
CLIENTS = {"postgres": psql, "mariadb": mysql}


# --- the admin API


def add(wish, opened):
    server = Server(wish)
    with LOCK:
        SERVERS[server.id] = server
        try:
            server.place(opened)
        except BaseException:
            remove(server.id)
            raise
        return server.told()


def settle(opened):
    """Attaches and detaches servers, as moto's resources come and go. Called with the lock."""
    network.close_deleted()
    for server in list(SERVERS.values()):
        if server.serves is not None:
            server.place(opened)


def server_of(name):
    if name not in SERVERS:
        raise ValueError(f"no machine {name}")
    return SERVERS[name]


def remove(name):
    server_of(name).close()
    del SERVERS[name]


def clear():
    for name in list(SERVERS):
        remove(name)
