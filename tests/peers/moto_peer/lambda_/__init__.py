"""AWS Lambda as drills meet it, and what its functions reach inside a VPC.

  api           the REST API
  functions     functions, their states, their code
  roles         what Lambda looks for in an execution role
  interfaces    network interfaces in EC2, which outlive their functions
  runtime       a process per execution environment, and the Runtime API that it asks
  namespace     network namespaces, removed however the peer ends
  network       a VPC as a bridge between the namespaces of its machines
  dns           the VPC's resolver, its firewall and its query log
  querylogs     delivers that log to buckets and log groups
  servers       PostgreSQL, MariaDB, Redis and HTTP servers inside a VPC; http_app is the HTTP one
  certificates  an authority for them

Network namespaces need root on Linux. Without them whatever runs something answers with an error.

Not as on AWS: security groups and network ACLs hold nobody back, a machine sees the host's files,
`AWS_LAMBDA_RUNTIME_API` has a port of its own, the code is not below /var/task, and billing,
concurrency by function, retries of events and CloudWatch's logs are missing.
"""

import os
import traceback

from ..control import LOCK
from . import api, certificates, dns, functions, interfaces, namespace, network, querylogs, roles, servers


def install(iam):
    roles.POLICIES = iam.policies
    iam.own = roles.documents
    interfaces.install()
    if os.geteuid() == 0:
        namespace.sweep_of_the_dead()


def opened(there):
    """A new network gets its resolver."""
    dns.serve(there, settle)


def settle():
    """Servers follow moto's resources. A failure must not keep the resolver from answering."""
    with LOCK:
        try:
            servers.settle(opened)
        except (ValueError, OSError):
            traceback.print_exc()


def answer(environ, request, body):
    if request["action"] == "Invoke":
        settle()
    try:
        return api.answer(request, body, environ, opened)
    except namespace.Unavailable as why:
        return api.error(500, "ServiceException", str(why))


def admin(method, path, given):
    """Answers a request of the admin API, or returns None if it is for others."""
    match method, path.split("/")[2:]:
        case "GET", ["functions"]:
            with LOCK:
                return [told(one) for one in functions.FUNCTIONS.values()]
        case "POST", ["functions"]:
            if set(given) != {"concurrency"}:
                raise ValueError("functions: concurrency is expected")
            api.LIMIT["concurrency"] = int(given["concurrency"])
        case "POST", ["roles"]:
            with LOCK:
                return roles.made(given)
        case "GET", ["network"]:
            settle()
            return {"ca": str(certificates.authority()[2]), "vpcs": [one.told() for one in network.networks()], "machines": all_machines()}
        case "POST", ["machines"]:
            return [servers.add(one, opened) for one in given] if isinstance(given, list) else servers.add(given, opened)
        case "GET", ["machines"]:
            settle()
            return all_machines()
        case "DELETE", ["machines"]:
            with LOCK:
                servers.clear()
        case "DELETE", ["machines", name]:
            with LOCK:
                servers.remove(name)
        case "POST", ["machines", name, "run"]:
            return servers.server_of(name).run(given)
        case "POST", ["names"]:
            dns.NAMES.set(given)
        case "GET", ["queries"]:
            return dns.NAMES.logged()
        case "DELETE", ["queries"]:
            dns.NAMES.forget_queries()
        case _:
            return None
    return {"ok": True}


def all_machines():
    with LOCK:
        return [one.told() for one in servers.SERVERS.values()]


def told(function):
    state, code, _ = function.state()
    return {
        "name": function.name, "account": function.account, "region": function.region, "state": state, "code": code,
        "environments": [{"pid": one.process.pid, "busy": one.busy, "namespace": one.machine.namespace} for one in function.environments],
        "interfaces": [one.id for one in function.interfaces],
    }  # fmt: skip


def clear():
    """For a reset of moto, and at the end."""
    functions.clear()
    interfaces.clear()
    servers.clear()
    for one in network.networks():
        network.close(one)
    dns.NAMES.clear()
    querylogs.clear()
    api.LIMIT["concurrency"] = 1000


def close():
    clear()
    namespace.sweep(os.getpid())
