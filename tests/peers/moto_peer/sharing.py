"""An account can see, copy and use the snapshots and images that are shared with it, as on AWS.

moto stores the sharing (ModifySnapshotAttribute, ModifyImageAttribute, ModifyDBSnapshotAttribute,
ModifyDBClusterSnapshotAttribute) and then ignores it. This module lends the owner's object to the
other account's store for the length of one call. Calls come one at a time (app.py). Objects that
are not shared stay unknown: the error is moto's own "not found".

A bucket policy that names another account lets it in. moto asks only for the owner. The policy's
actions and conditions are not evaluated.
"""

import contextlib
import functools
import json

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.rds.exceptions import DBClusterSnapshotNotFoundError, DBSnapshotNotFoundFault
from moto.rds.models import DBClusterSnapshot, DBSnapshot, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse
from moto.s3.models import S3Backend, s3_backends

from .patching import around, replace


def install():
    lending(EC2Backend, "describe_snapshots", shared_ebs)
    lending(EC2Backend, "create_volume", shared_ebs)
    lending(EC2Backend, "describe_images", shared_amis)
    replace(ElasticBlockStore, "describe_snapshots", owners_of_snapshots)
    databases()
    replace(S3Backend, "get_bucket", buckets)


@contextlib.contextmanager
def lent(store, things):
    """Puts `things` into `store` for the block. Afterwards the hidden entries are back."""
    hidden = {key: store[key] for key in things if key in store}
    for key, thing in things.items():
        store[key] = thing
    try:
        yield
    finally:
        for key in things:
            if key in hidden:
                store[key] = hidden[key]
            elif key in store:
                del store[key]


def others(backends, backend):
    """The same region of the other accounts.

    It walks copies, because a look at a region makes it.
    """
    for account in list(backends):
        regions = backends[account]
        if account != backend.account_id and backend.region_name in list(regions.keys()):
            yield regions[backend.region_name]


def lending(cls, name, find):
    def wrap(moto):
        def method(self, *args, **kwargs):
            store, things = find(self)
            with lent(store, things):
                return moto(self, *args, **kwargs)

        return method

    replace(cls, name, wrap)


def shared_ebs(backend):
    return backend.snapshots, {
        snapshot.id: snapshot
        for other in others(ec2_backends, backend)
        for snapshot in list(other.snapshots.values())
        if "all" in snapshot.create_volume_permission_groups or backend.account_id in snapshot.create_volume_permission_userids
    }


def shared_amis(backend):
    return backend.amis, {
        ami.id: ami
        for other in others(ec2_backends, backend)
        for ami in list(other.amis.values())
        if ami.is_public or {"UserId": backend.account_id} in ami.launch_permissions
    }


def owners_of_snapshots(_moto):
    """DescribeSnapshots with OwnerIds and RestorableByUserIds, which moto ignores."""

    def describe(self):
        from moto.core.responses import ActionResult

        wanted = self._get_param("SnapshotIds", [])
        found = self.ec2_backend.describe_snapshots(snapshot_ids=wanted, filters=self._filters_from_querystring())
        own = self.ec2_backend.account_id
        owners = {own if owner == "self" else owner for owner in self._get_param("OwnerIds", [])}
        if owners:
            found = [snapshot for snapshot in found if snapshot.owner_id in owners]
        users = {own if user == "self" else user for user in self._get_param("RestorableByUserIds", [])}
        if users:
            found = [
                snapshot
                for snapshot in found
                if "all" in snapshot.create_volume_permission_groups or users & snapshot.create_volume_permission_userids
            ]
        return ActionResult({"Snapshots": found})

    return describe


# --- RDS: an ARN names a snapshot of another account


def parse_arn(identifier):
    """Returns (region, account, name), or None for a plain name."""
    parts = str(identifier).split(":", 6)
    return (parts[3], parts[4], parts[6]) if len(parts) == 7 and parts[0] == "arn" and parts[2] == "rds" else None


def by_arn(backend, arn, cls, missing):
    region, account, name = arn
    known = rds_backends[account][region].resource_map[cls].get(name)
    if known is None:
        raise missing(name)
    if account != backend.account_id and not {backend.account_id, "all"} & set(known.attributes["restore"]):
        raise missing(f"arn:aws:rds:{region}:{account}:{known.resource_type}:{name}")
    return known


def databases():
    def get_snapshot(moto):
        def get(self, identifier, resource_type, not_found_exception):
            arn = parse_arn(identifier)
            if arn is None:
                return moto(self, identifier, resource_type=resource_type, not_found_exception=not_found_exception)
            return by_arn(self, arn, resource_type, not_found_exception)

        return get

    replace(RDSBackend, "get_snapshot", get_snapshot)

    def restoring(cls, missing):
        def restore(call, self, given):
            arn = parse_arn(given["from_snapshot_id"])
            if arn is None:
                return call(**given)
            known = by_arn(self, arn, cls, missing)
            if arn[0] != self.region_name:
                raise missing(given["from_snapshot_id"])
            with lent(self.resource_map[cls], {arn[2]: known}):
                return call(**{**given, "from_snapshot_id": arn[2]})

        return restore

    def describing(cls, missing):
        def describe(call, self, given):
            arn = parse_arn(given.get("db_snapshot_identifier"))
            if arn is None:
                return call(**given)
            if arn[0] != self.region_name:
                raise missing(given["db_snapshot_identifier"])
            return [by_arn(self, arn, cls, missing)]

        return describe

    for cls, missing, restore, describe in (
        (DBSnapshot, DBSnapshotNotFoundFault, "restore_db_instance_from_db_snapshot", "describe_db_snapshots"),
        (DBClusterSnapshot, DBClusterSnapshotNotFoundError, "restore_db_cluster_from_snapshot", "describe_db_cluster_snapshots"),
    ):
        around(RDSBackend, restore, restoring(cls, missing))
        around(RDSBackend, describe, describing(cls, missing))
    replace(RDSResponse, "describe_db_snapshots", functools.partial(include_shared, "DBSnapshots", DBSnapshot))
    replace(RDSResponse, "describe_db_cluster_snapshots", functools.partial(include_shared, "DBClusterSnapshots", DBClusterSnapshot))


def include_shared(key, cls, moto):
    def describe(self):
        answer = moto(self)
        named = self.params.get("DBSnapshotIdentifier") or self.params.get("DBClusterSnapshotIdentifier")
        if self.params.get("IncludeShared") and not named:
            of = self.params.get("DBInstanceIdentifier") or self.params.get("DBClusterIdentifier")
            for snapshot in self.backend.get_shared_snapshots(cls):
                source = getattr(snapshot, "db_instance_identifier", None) or getattr(snapshot, "db_cluster_identifier", None)
                if of in (None, source) and self.params.get("SnapshotType") in (None, "manual"):
                    answer.result[key].append(snapshot)
        return answer

    return describe


# --- S3


def buckets(moto):
    def get_bucket(self, bucket_name):
        known = s3_backends.bucket_accounts.get(bucket_name)
        if bucket_name not in self.buckets and known is not None:
            partition, owner = known
            bucket = s3_backends[owner][partition].buckets.get(bucket_name)
            if bucket is not None and names_account(bucket.policy, self.account_id):
                return bucket
        return moto(self, bucket_name)

    return get_bucket


def names_account(policy, account):
    """Whether a statement allows this account: by id, by its ARN, or as everybody."""
    if not policy:
        return False
    for statement in json.loads(policy).get("Statement", []):
        principal = statement.get("Principal", {})
        text = principal if isinstance(principal, str) else json.dumps(principal.get("AWS", ""))
        if statement.get("Effect") == "Allow" and (account in text or text.strip('"') == "*"):
            return True
    return False
