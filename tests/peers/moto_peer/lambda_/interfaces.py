"""Network interfaces of functions: one per subnet and set of groups, shared by all functions with it.

Lambda keeps an interface after its last function is deleted, and then deletes it with the function's
role (POST /peer/delays):

  function_interface  seconds until it goes, 1200 by default. A role that is gone by then, or that may
                      no longer delete interfaces, leaves it for ever.
  function_detach     seconds until it is detached: `available`, of type `interface`, and the customer
                      may delete it. By default that does not happen before it goes.
"""

import itertools
import secrets
import threading
import uuid

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.elastic_network_interfaces import NetworkInterface

from ..control import CONTROL
from ..delays import later
from ..patching import around
from . import network, roles

_numbers = itertools.count(1)
_interfaces = {}  # (account, region, subnet, groups) → LambdaInterface


class NoAddress(Exception):
    """The subnet has no free address."""


class Attachment:
    def __init__(self, interface):
        self.attach_time = interface.attach_time
        self.attachment_id = f"ela-attach-{secrets.token_hex(8)}"
        self.delete_on_termination = False
        self.device_index = 1
        self.network_card_index = 0
        self.instance_id = None
        self.instance_owner_id = "amazon-aws"
        self.status = "attached"


class LambdaInterface(NetworkInterface):
    def __init__(self, backend, subnet, groups, function):
        try:
            address = subnet.get_available_subnet_ip(self)
        except StopIteration:
            raise NoAddress from None
        description = f"AWS Lambda VPC ENI-{function}-{uuid.uuid4()}"
        super().__init__(backend, subnet, address, group_ids=list(groups), description=description)
        self.status, self.interface_type, self.requester_managed = "in-use", "lambda", True
        self.requester_id = f"AROA{secrets.token_hex(8).upper()}:awslambda_{next(_numbers)}_20261201000000000"
        self.attach_time = None
        self._attached = Attachment(self)
        self.users = set()  # ARNs of functions
        self.released = 0  # how often the last user went
        self._machine, self._lock = None, threading.Lock()

    attachment = property(lambda self: self._attached)

    def machine(self, opened):
        """Where the functions' processes run."""
        with self._lock:
            if self._machine is None:
                backend = self.ec2_backend
                there = network.network_of(backend.account_id, backend.region_name, self.vpc_id, opened)
                machine = network.Machine()
                machine.attach(there, self.private_ip_address)
                self._machine = machine
            return self._machine

    def close(self):
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.close()

    def detached(self):
        self.status, self.interface_type, self._attached = "available", "interface", None

    def gone(self):
        self.ec2_backend.enis.pop(self.id, None)
        self.subnet.del_subnet_ip(self.private_ip_address)


def install():
    def filtered(self, name, method=None, known=NetworkInterface.get_filter_value):
        of = {
            "status": self.status,
            "interface-type": self.interface_type,
            "requester-id": self.requester_id,
            "requester-managed": str(bool(self.requester_managed)).lower(),
        }
        return of[name] if name in of else known(self, name, method)

    NetworkInterface.get_filter_value = filtered

    def deleted(call, self, given):
        interface = self.enis.get(given["eni_id"])
        if isinstance(interface, LambdaInterface) and interface.status == "in-use":
            raise EC2ClientError("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")
        return call(**given)

    around(EC2Backend, "delete_network_interface", deleted)

    def detached(call, self, given):
        attachments = {one.attachment.attachment_id for one in self.enis.values() if isinstance(one, LambdaInterface) and one.attachment}
        if given["attachment_id"] in attachments:
            raise EC2ClientError("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
        return call(**given)

    around(EC2Backend, "detach_network_interface", detached)


def acquire(function):
    """The function's interfaces, in the order of its subnets."""
    backend = ec2_backends[function.account][function.region]
    found = []
    for subnet in function.vpc["SubnetIds"]:
        key = (function.account, function.region, subnet, frozenset(function.vpc["SecurityGroupIds"]))
        interface = _interfaces.get(key)
        if interface is None or backend.enis.get(interface.id) is not interface or interface.status != "in-use":
            try:
                interface = LambdaInterface(backend, backend.get_subnet(subnet), key[3], function.name)
            except NoAddress:
                function.interfaces = found
                release(function, at_once=True)
                raise
            backend.enis[interface.id] = interface
            _interfaces[key] = interface
        interface.users.add(function.arn)
        found.append(interface)
    return found


def release(function, at_once=False):
    """The function needs its interfaces no more. `at_once`: they are reclaimed from an idle one."""
    for interface in function.interfaces:
        interface.users.discard(function.arn)
        if interface.users:
            continue
        interface.close()
        if at_once:
            interface.gone()
            continue
        interface.released += 1
        later(CONTROL.ready_after("function_interface"), ending(interface, function.account, function.role))
        later(CONTROL.ready_after("function_detach"), ending(interface, function.account, function.role, only_detached=True))
    function.interfaces = []


def ending(interface, account, role, only_detached=False):
    released = interface.released

    def end():
        reused = bool(interface.users) or interface.released != released
        if reused or not roles.may(account, role, "ec2:DeleteNetworkInterface"):
            return
        if only_detached:
            interface.detached()
        else:
            interface.gone()

    return end


def clear():
    for interface in _interfaces.values():
        interface.close()
    _interfaces.clear()
