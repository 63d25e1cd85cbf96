"""Recovery points of a chosen age, for seeding: POST /peer/age."""

from datetime import datetime, timezone

from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from .delays import completed_at
from .tables import set_window

KINDS = {
    "db_snapshot": lambda ec2, rds: rds.database_snapshots,
    "db_cluster_snapshot": lambda ec2, rds: rds.cluster_snapshots,
    "ebs_snapshot": lambda ec2, rds: ec2.snapshots,
    "ami": lambda ec2, rds: ec2.amis,
    "db_instance": lambda ec2, rds: rds.databases,
    "db_cluster": lambda ec2, rds: rds.clusters,
    "table": lambda ec2, rds: dynamodb_backends[rds.account_id][rds.region_name].tables,
    "table_backup": lambda ec2, rds: dynamodb_backends[rds.account_id][rds.region_name].backups,
}
KEYS = {"kind", "id", "account", "region", "taken", "earliest"}


def age(wish):
    """Sets the times of a recovery point.

    `taken` becomes the consistency time. For a DB instance, a cluster or a table `taken` becomes the
    latest restorable time, and `earliest` the earliest one. A table then has point-in-time recovery.
    """
    unknown = set(wish) - KEYS
    if unknown:
        raise ValueError(f"age: unknown keys {sorted(unknown)}; known: {sorted(KEYS)}")
    kind, name = wish["kind"], wish["id"]
    if kind not in KINDS:
        raise ValueError(f"age: unknown kind {kind!r}; one of {', '.join(KINDS)}")
    account, region = wish["account"], wish["region"]
    known = KINDS[kind](ec2_backends[account][region], rds_backends[account][region])
    # moto names automated snapshots itself. rds:orders-* selects them.
    things = [known[key] for key in list(known) if key.startswith(name[:-1])] if name.endswith("*") else [known.get(name)]
    if not things or things == [None]:
        raise ValueError(f"age: no {kind} {name} in {account} {region}")
    for thing in things:
        set_age(kind, thing, instant(wish["taken"]), wish)


def set_age(kind, thing, taken, wish):
    if kind in ("db_instance", "db_cluster"):
        thing.__dict__["peer_latest_restorable"] = taken
        if "earliest" in wish:
            thing.__dict__["peer_earliest_restorable"] = instant(wish["earliest"])
            thing.earliest_restorable_time = thing.__dict__["peer_earliest_restorable"]
    elif kind == "table":
        set_window(thing, taken, instant(wish["earliest"]) if "earliest" in wish else None)
    elif kind == "table_backup":
        # Its ARN holds the time, too, and stays.
        thing.creation_date_time = taken
    elif kind == "ebs_snapshot":
        thing.start_time = taken
        completed_at(thing, taken)
    elif kind == "ami":
        thing.creation_date = taken
        thing.ebs_snapshot.start_time = taken
        completed_at(thing.ebs_snapshot, taken)
        thing.__dict__["peer_pending"] = None
    else:
        thing.created = thing.original_snapshot_create_time = taken
        thing.__dict__["peer_pending"] = None


def instant(text):
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"age: {text!r} has no offset; write e.g. 2024-05-01T12:00:00Z")
    return parsed.astimezone(timezone.utc).replace(tzinfo=None)
