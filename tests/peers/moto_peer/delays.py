"""Things are pending for a while before they are ready.

Patched on moto's model classes: EBS Snapshot, Ami, Volume, Instance (state and status checks), DBInstance, DBSnapshot,
DBCluster, DBClusterSnapshot, CloudFormation Stack. Deleted DB instances and clusters stay `deleting` for a while.
Using what is not ready is refused: CreateVolume, CopySnapshot, CopyImage, RunInstances, AttachVolume, the RDS copies and
restores, DeleteDBInstance of an instance that is being deleted.
"""

import math
import time

from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.instances import Instance, InstanceState
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBCluster, DBClusterSnapshot, DBInstance, DBSnapshot, RDSBackend

from .control import CONTROL, Pending, begin, pending
from .patching import after, replace

_reaper = []  # (monotonic time, callable): what is gone for good then


def reap():
    """Called before each request, under the app's lock."""
    now = time.monotonic()
    for entry in [entry for entry in _reaper if entry[0] <= now]:
        _reaper.remove(entry)
        entry[1]()


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
    """`attribute` says `word` from the object's making until the kind's delay has passed."""
    stored = stored or f"peer_{attribute}"

    def read(self):
        value = self.__dict__.get(stored)
        return pending(self, getattr(self, name)) or (settled or {}).get(value, value)

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
        begin(result, "creating", CONTROL.ready_after("db_instance"))  # moto copies its source, readiness and all

    after(RDSBackend, "create_db_instance_read_replica", replica)
    after(RDSBackend, "promote_read_replica", lambda result, *_a, **_k: begin(result, "modifying", CONTROL.ready_after("db_instance")))

    def lingering(store, kind, state_of, already):
        def wrap(moto):
            def delete(self, identifier, *args, **kwargs):
                known = getattr(self, store).get(identifier)
                if known is not None and state_of(known) == "deleting":
                    raise RDSClientError(already, f"{identifier} is already being deleted.")
                gone = moto(self, identifier, *args, **kwargs)
                seconds = CONTROL.ready_after(kind)
                if seconds > 0:
                    begin(gone, "deleting", math.inf)
                    held = getattr(self, store)
                    held[identifier] = gone
                    if seconds < math.inf:
                        _reaper.append((time.monotonic() + seconds, lambda: forget(held, identifier, gone)))
                return gone

            return delete

        return wrap

    replace(RDSBackend, "delete_db_instance", lingering("databases", "db_instance_delete", lambda it: it.status, "InvalidDBInstanceState"))
    replace(RDSBackend, "delete_db_cluster", lingering("clusters", "db_cluster_delete", lambda it: it.status, "InvalidDBClusterStateFault"))


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
    def ec2(moto, find, code, ready):
        def checked(self, *args, **kwargs):
            thing = find(self, *args, **kwargs)
            if thing is not None and ready(thing) is False:
                raise EC2ClientError(code, f"{thing.id} is not ready to be used.")
            return moto(self, *args, **kwargs)

        return checked

    def source_snapshot(self, source_snapshot_id, source_region, *_args, **_kwargs):
        return self.describe_elsewhere(source_region).describe_snapshots([source_snapshot_id])[0]

    def source_image(self, source_image_id, source_region, *_args, **_kwargs):
        return self.describe_elsewhere(source_region).describe_images([source_image_id])[0]

    def volume_snapshot(self, *_args, snapshot_id=None, **_kwargs):
        return self.describe_snapshots([snapshot_id])[0] if snapshot_id else None

    def image(self, image_id, *_args, **_kwargs):
        return next(iter(self.describe_images([image_id])), None) if image_id else None

    def elsewhere(self, region):
        from moto.ec2.models import ec2_backends

        return ec2_backends[self.account_id][region]

    EC2Backend.describe_elsewhere = elsewhere
    completed = lambda snapshot: snapshot.status == "completed"  # noqa: E731
    available = lambda thing: thing.state == "available"  # noqa: E731
    replace(EC2Backend, "copy_snapshot", lambda moto: ec2(moto, source_snapshot, "IncorrectState", completed))
    replace(EC2Backend, "create_volume", lambda moto: ec2(moto, volume_snapshot, "IncorrectState", completed))
    replace(EC2Backend, "copy_image", lambda moto: ec2(moto, source_image, "InvalidAMIID.Unavailable", available))
    replace(EC2Backend, "run_instances", lambda moto: ec2(moto, image, "InvalidAMIID.Unavailable", available))

    def attachable(moto):
        def attach(self):
            volume = self.ec2_backend.get_volume(self._get_param("VolumeId"))
            if volume.status != "available":
                raise EC2ClientError("IncorrectState" if volume.status == "creating" else "VolumeInUse", f"{volume.id} is {volume.status}.")
            return moto(self)

        return attach

    replace(ElasticBlockStore, "attach_volume", attachable)

    def rds(moto, find, code):
        def checked(self, *args, **kwargs):
            snapshot = find(self, *args, **kwargs)
            if snapshot.status != "available":
                raise RDSClientError(code, f"The snapshot {snapshot.resource_id} is {snapshot.status}, not available.")
            return moto(self, *args, **kwargs)

        return checked

    def first(method):
        return lambda self, identifier=None, *_a, **kwargs: getattr(self, method)(identifier or next(iter(kwargs.values())))

    instance = first("get_db_snapshot")
    cluster = first("get_db_cluster_snapshot")
    replace(RDSBackend, "restore_db_instance_from_db_snapshot", lambda moto: rds(moto, instance, "InvalidDBSnapshotState"))
    replace(RDSBackend, "restore_db_cluster_from_snapshot", lambda moto: rds(moto, cluster, "InvalidDBClusterSnapshotStateFault"))

    def copying(method, key, code):
        def find(self, *args, **kwargs):
            return getattr(self, method)(args[0] if args else kwargs[key])

        return lambda moto: rds(moto, find, code)

    replace(RDSBackend, "copy_db_snapshot", copying("get_db_snapshot", "source_db_snapshot_identifier", "InvalidDBSnapshotState"))
    replace(
        RDSBackend,
        "copy_db_cluster_snapshot",
        copying("get_db_cluster_snapshot", "source_db_cluster_snapshot_identifier", "InvalidDBClusterSnapshotStateFault"),
    )


def completed_at(snapshot, instant):
    """For ageing: the snapshot was complete then."""
    snapshot.__dict__["peer_completion_time"] = instant
    snapshot.__dict__["peer_pending"] = None


