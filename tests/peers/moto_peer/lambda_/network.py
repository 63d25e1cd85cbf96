"""The network of a VPC: a bridge in a namespace, and a namespace for each machine on it.

A machine is whatever has an address in the VPC: an interface of functions, or a server of a test.
No address of the host is inside, and no route leads in or out. A packet to an address outside the
VPC is refused at once (AWS drops it silently). Security groups and network ACLs are not evaluated.
"""

import ipaddress
import itertools
import threading

from . import namespace

_numbers = itertools.count(1)
_networks = {}  # (account, region, VPC) → Network
_lock = threading.RLock()


class Network:
    def __init__(self, account, region, vpc, cidr):
        self.account, self.region, self.vpc = account, region, vpc
        self.cidr = ipaddress.ip_network(cidr)
        self.resolver = str(self.cidr.network_address + 2)
        self.machines = {}  # address → Machine
        self.closing = []  # what ends with the network
        self.namespace = namespace.made()
        # With an address of its own. Else it takes that of one of its ports, and another one with the next
        # machine: who knew the resolver would send to where nobody is.
        lines = ["link add vpc address 02:00:00:00:00:02 type bridge", f"addr add {self.resolver}/{self.cidr.prefixlen} dev vpc", "link set vpc up"]
        namespace.ip("-n", self.namespace, lines=lines)

    def close(self):
        for end in self.closing:
            end()
        for machine in list(self.machines.values()):
            machine.detach()
        namespace.removed(self.namespace)

    def told(self):
        return {
            "account": self.account, "region": self.region, "vpc": self.vpc, "cidr": str(self.cidr), "resolver": self.resolver,
            "namespace": self.namespace,
        }  # fmt: skip


class Machine:
    """A namespace that is attached to a network sooner or later, or never."""

    def __init__(self, instance=None):
        self.id = f"machine-{next(_numbers)}"
        self.namespace = namespace.made()
        self.instance = instance  # its id as an EC2 instance
        self.network = self.address = None
        self.names = []  # that the resolver answers with its address

    def attach(self, network, address):
        link, prefix = f"m{self.id.rsplit('-', 1)[1]}", network.cidr.prefixlen
        with _lock:
            if address in network.machines:
                raise ValueError(f"{address} of {network.vpc} belongs to {network.machines[address].id}")
            namespace.ip(
                "-n", network.namespace,
                lines=[f"link add {link} type veth peer name eth0 netns {self.namespace}", f"link set {link} master vpc up"],
            )  # fmt: skip
            namespace.ip("-n", self.namespace, lines=[f"addr add {address}/{prefix} dev eth0", "link set eth0 up"])
            # The file is rewritten in place: running processes have it mounted.
            (namespace.FILES / self.namespace / "resolv.conf").write_text(f"nameserver {network.resolver}\n")
            network.machines[address] = self
            self.network, self.address = network, address

    def detach(self):
        with _lock:
            if self.network is None:
                return
            self.network.machines.pop(self.address, None)
            self.network = self.address = None
            namespace.ip("-n", self.namespace, lines=["link del eth0"])
            (namespace.FILES / self.namespace / "resolv.conf").write_text("# no name server\n")

    def close(self):
        self.detach()
        namespace.removed(self.namespace)


def network_of(account, region, vpc, opened):
    """The network of the VPC. A new one is given to `opened`."""
    from moto.ec2.models import ec2_backends

    with _lock:
        key = (account, region, vpc)
        if key not in _networks:
            found = ec2_backends[account][region].vpcs.get(vpc)
            if found is None:
                raise ValueError(f"no VPC {vpc} in {account} {region}")
            network = Network(account, region, vpc, found.cidr_block)
            try:
                opened(network)
            except BaseException:
                network.close()
                raise
            _networks[key] = network
        return _networks[key]


def networks():
    with _lock:
        return list(_networks.values())


def close_deleted():
    """Removes the networks of VPCs that are gone."""
    from moto.ec2.models import ec2_backends

    for network in networks():
        if network.vpc not in ec2_backends[network.account][network.region].vpcs:
            close(network)


def close(network):
    with _lock:
        _networks.pop((network.account, network.region, network.vpc), None)
    network.close()
