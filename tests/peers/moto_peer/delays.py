"""Resources are pending for a while before they are ready.

These model classes of moto are patched: EBS Snapshot, Ami, Volume, Instance (state and status
checks), DBInstance, DBSnapshot, DBCluster, DBClusterSnapshot, CloudFormation Stack. Deleted DB
instances and clusters stay `deleting` for a while.

The use of a resource that is not ready is refused by CreateVolume, CopySnapshot, CopyImage,
RunInstances, AttachVolume, the RDS copies and restores, and DeleteDBInstance of an instance that is
being deleted.
"""

import math

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.instances import Instance, InstanceState
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBCluster, DBClusterSnapshot, DBInstance, DBSnapshot, RDSBackend

from .clock import CLOCK
from .control import CONTROL, Pending, begin, pending
from .patching import after, around, replace

_reaper = []  # (the clock's time, a callable that removes the resource at that time)


def reap():
    """Runs what `later` was given, as soon as its time has come.

    The app calls it before each request, under its lock.
    """
    now = CLOCK.now()
    for entry in [entry for entry in _reaper if entry[0] <= now]:
        _reaper.remove(entry)
        entry[1]()


def later(seconds, work):
    """Runs work() when the clock has moved on by so many seconds, before the next request."""
    if seconds < math.inf:
        _reaper.append((CLOCK.now() + seconds, work))


def install():
    starts_pending(Snapshot, "status", "ebs_snapshot", "pending", "id")
    starts_pending(Ami, "state", "ami", "pending", "id")
    starts_pending(DBInstance, "status", "db_instance", "creating", "db_instance_identifier")
    starts_pending(DBSnapshot, "status", "db_snapshot", "creating", "db_snapshot_identifier")
    starts_pending(DBCluster, "status", "db_cluster", "creating", "db_cluster_identifier", stored="_status", settled={"creating": "available"})
    starts_pending(DBClusterSnapshot, "status", "db_cluster_snapshot", "creating", "db_cluster_snapshot_identifier")
    progress()
    volumes()
    instances()
    databases()
    stacks()
    refuse_unready()


def starts_pending(cls, attribute, kind, word, name, stored=None, settled=None):
    """Makes `attribute` say `word` from the object's creation until the kind's delay has passed."""
    stored = stored or f"peer_{attribute}"

    def read(self):
        value = self.__dict__.get(stored)
        return pending_is(self, "peer_promotion") or pending(self, getattr(self, name)) or (settled or {}).get(value, value)

    def write(self, value):
        self.__dict__[stored] = value

    setattr(cls, attribute, property(read, write))
    after(cls, "__init__", lambda _result, self, *_a, **_k: begin(self, word, CONTROL.ready_after(kind)))


def progress():
    Snapshot.progress = property(lambda self: "50%" if self.status == "pending" else "100%")

    def completed(self):
        if self.status == "pending":
            return None
        known = self.__dict__.get("peer_completion_time")
        if known is None:
            known = self.__dict__["peer_completion_time"] = max(utcnow(), self.start_time)
        return known

    Snapshot.completion_time = property(completed)
    percent = property(lambda self: 50 if self.status == "creating" else 100, lambda self, value: None)
    DBSnapshot.percent_progress = percent
    DBClusterSnapshot.percent_progress = percent


def volumes():
    moto_status = Volume.status.fget
    Volume.status = property(lambda self: "in-use" if self.attachment else pending(self, self.id) or moto_status(self))
    after(Volume, "__init__", lambda _result, self, *_a, **_k: begin(self, "creating", CONTROL.ready_after("volume")))


STATE_CODES = {"pending": 0, "shutting-down": 32}


def instances():
    def read(self):
        word = pending(self, self.id)
        return InstanceState(word, STATE_CODES[word]) if word else self.__dict__["_state"]

    def write(self, state):
        self.__dict__["_state"] = state

    Instance._state = property(read, write)

    def made(_result, self, *_args, **_kwargs):
        seconds = CONTROL.ready_after("instance")
        begin(self, "pending", seconds)
        self.__dict__["peer_checks"] = Pending("initializing", seconds + CONTROL.ready_after("instance_status"))

    after(Instance, "__init__", made)

    def settle(moto):
        def changed(self, *args, **kwargs):
            self.__dict__["peer_pending"] = None
            return moto(self, *args, **kwargs)

        return changed

    for name in ("start", "stop", "reboot", "terminate"):
        replace(Instance, name, settle)
    after(Instance, "terminate", lambda _r, self, *_a, **_k: begin(self, "shutting-down", CONTROL.ready_after("instance_terminate")))

    def checks(moto):
        def status(self):
            state = self.__dict__.get("peer_checks")
            if self.state_code == 16 and state and (not state.over() or CONTROL.never_ready(self.id)):
                return {"Details": [{"Name": "reachability", "Status": "initializing"}], "Status": "initializing"}
            return moto(self)

        return property(status)

    Instance.instance_status = checks(Instance.instance_status.fget)
    Instance.system_status = checks(Instance.system_status.fget)


def databases():
    def replica(result, *_args, **_kwargs):
        # moto copies the source with its readiness.
        begin(result, "creating", CONTROL.ready_after("db_instance"))

    after(RDSBackend, "create_db_instance_read_replica", replica)
    promotions()

    def lingering(store, name, kind, already):
        def delete(call, self, given):
            identifier, held = given[name], getattr(self, store)
            known = held.get(identifier)
            if known is not None and known.status == "deleting":
                raise RDSClientError(already, f"{identifier} is already being deleted.")
            gone = call(**given)
            seconds = CONTROL.ready_after(kind)
            if seconds > 0:
                begin(gone, "deleting", math.inf)
                held[identifier] = gone
                later(seconds, lambda: forget(held, identifier, gone))
            return gone

        return delete

    instance = lingering("databases", "db_instance_identifier", "db_instance_delete", "InvalidDBInstanceState")
    cluster = lingering("clusters", "cluster_identifier", "db_cluster_delete", "InvalidDBClusterStateFault")
    around(RDSBackend, "delete_db_instance", instance)
    around(RDSBackend, "delete_db_cluster", cluster)


def promotions():
    """A promotion takes a while to begin.

    Until then the replica is still `available`, and names its source. Then it is `modifying`, and names it no
    more from the middle of that: one answer reads both, and must not see the one before and the other after.
    """
    source = DBInstance.read_replica_source_db_instance_identifier.fget

    def named(self):
        if "peer_promoted_from" in self.__dict__:
            return None if pending_is(self, "peer_replication") is None else self.__dict__["peer_promoted_from"]
        return source(self)

    DBInstance.read_replica_source_db_instance_identifier = property(named)

    def promoted(result, *_args, **_kwargs):
        seconds = CONTROL.ready_after("db_instance")
        result.__dict__["peer_promoted_from"] = source(result)
        result.__dict__["peer_promotion"] = Pending("available", seconds)
        result.__dict__["peer_replication"] = Pending("replicating", 1.5 * seconds)
        result.__dict__["peer_pending"] = Pending("modifying", 2 * seconds)

    after(RDSBackend, "promote_read_replica", promoted)


def pending_is(thing, name):
    state = thing.__dict__.get(name)
    return state.word if state is not None and not state.over() else None


def forget(held, identifier, gone):
    if held.get(identifier) is gone:
        del held[identifier]


def stacks():
    def read(self):
        return pending(self, self.name) or self.__dict__.get("peer_status", "")

    def write(self, value):
        self.__dict__["peer_status"] = value
        if value.startswith(("UPDATE", "DELETE")):
            self.__dict__["peer_pending"] = None

    Stack.status = property(read, write)
    after(CloudFormationBackend, "create_stack", lambda stack, *_a, **_k: begin(stack, "CREATE_IN_PROGRESS", CONTROL.ready_after("stack")))
    moto_outputs = Stack.outputs.fget
    Stack.outputs = property(lambda self: [] if self.status.endswith("IN_PROGRESS") else moto_outputs(self))


def refuse_unready():
    def ec2(find, ready, code):
        def checked(call, self, given):
            thing = find(self, given)
            if thing is not None and not ready(thing):
                raise EC2ClientError(code, f"{thing.id} is not ready to be used.")
            return call(**given)

        return checked

    def source(self, given):
        return ec2_backends[self.account_id][given["source_region"]]

    def source_snapshot(self, given):
        return source(self, given).describe_snapshots([given["source_snapshot_id"]])[0]

    def source_image(self, given):
        return source(self, given).describe_images([given["source_image_id"]])[0]

    def snapshot(self, given):
        return self.describe_snapshots([given["snapshot_id"]])[0] if given.get("snapshot_id") else None

    def image(self, given):
        return next(iter(self.describe_images([given["image_id"]])), None) if given.get("image_id") else None

    def completed(thing):
        return thing.status == "completed"

    def available(thing):
        return thing.state == "available"

    around(EC2Backend, "copy_snapshot", ec2(source_snapshot, completed, "IncorrectState"))
    around(EC2Backend, "create_volume", ec2(snapshot, completed, "IncorrectState"))
    around(EC2Backend, "copy_image", ec2(source_image, available, "InvalidAMIID.Unavailable"))
    around(EC2Backend, "run_instances", ec2(image, available, "InvalidAMIID.Unavailable"))

    def attachable(moto):
        def attach(self):
            volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
            if volume.status != "available":
                code = "IncorrectState" if volume.status == "creating" else "VolumeInUse"
                raise EC2ClientError(code, f"{volume.id} is {volume.status}.")
            return moto(self)

        return attach

    replace(ElasticBlockStore, "attach_volume", attachable)

    def rds(name, method, key, code):
        def checked(call, self, given):
            known = getattr(self, method)(given[key])
            if known.status != "available":
                raise RDSClientError(code, f"The snapshot {known.resource_id} is {known.status}, not available.")
            return call(**given)

        around(RDSBackend, name, checked)

    instance = ("get_db_snapshot", "InvalidDBSnapshotState")
    cluster = ("get_db_cluster_snapshot", "InvalidDBClusterSnapshotStateFault")
    for name, key, (method, code) in (
        ("restore_db_instance_from_db_snapshot", "from_snapshot_id", instance),
        ("copy_db_snapshot", "source_db_snapshot_identifier", instance),
        ("restore_db_cluster_from_snapshot", "from_snapshot_id", cluster),
        ("copy_db_cluster_snapshot", "source_db_cluster_snapshot_identifier", cluster),
    ):
        rds(name, method, key, code)


def completed_at(snapshot, instant):
    """Sets the instant at which the snapshot was complete, for ageing."""
    snapshot.__dict__["peer_completion_time"] = instant
    snapshot.__dict__["peer_pending"] = None
