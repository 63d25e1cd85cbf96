"""Delivery of query logs, as Route 53 Resolver does it, to where moto's configurations say.

A configuration that is associated with the VPC sends its queries to a bucket or a log group of the
same region. They arrive after the delay `query_log`, together. That is 0 by default: with the next
request. Firehose is not known. Neither are the permissions of the delivery.
"""

import gzip
import itertools
import json
import threading
from datetime import datetime

from moto.logs.models import logs_backends
from moto.route53resolver.models import route53resolver_backends
from moto.s3.models import s3_backends

from ..control import CONTROL
from ..delays import later

_numbers = itertools.count(1)
_lock = threading.Lock()
_waiting = {}  # (destination's ARN, VPC) → queries


def deliver(query):
    resolver = route53resolver_backends[query["account_id"]][query["region"]]
    of_vpc = [one for one in list(resolver.resolver_query_log_config_associations.values()) if one.resource_id == query["vpc_id"]]
    for association in of_vpc:
        config = resolver.resolver_query_log_configs.get(association.resolver_query_log_config_id)
        if config is None:
            continue
        key = (config.destination_arn, query["vpc_id"])
        with _lock:
            first = key not in _waiting
            _waiting.setdefault(key, []).append(query)
        if first:
            later(CONTROL.ready_after("query_log"), lambda key=key: arrive(*key))


def arrive(destination, vpc):
    """Runs with the peer's lock. What has no place any more is lost, as on AWS."""
    with _lock:
        queries = _waiting.pop((destination, vpc), [])
    service, name = destination.split(":")[2], destination.split(":", 5)[5]
    if queries and service == "s3":
        to_bucket(name, vpc, queries)
    elif queries and service == "logs":
        to_group(name.removeprefix("log-group:").removesuffix(":*"), vpc, queries)


def to_bucket(name, vpc, queries):
    bucket, _, prefix = name.partition("/")
    account = queries[0]["account_id"]
    _, owner = s3_backends.bucket_accounts.get(bucket, (None, None))
    if owner is None:
        return
    now = datetime.fromisoformat(queries[-1]["query_timestamp"])
    file = f"{account}_vpcdnsquerylogs_{vpc}_{now:%Y%m%dT%H%MZ}_{next(_numbers):08x}.log.gz"
    key = "/".join(part for part in (prefix.strip("/"), "AWSLogs", account, "vpcdnsquerylogs", vpc, f"{now:%Y/%m/%d}", file) if part)
    lines = "".join(json.dumps(query) + "\n" for query in queries)
    s3_backends[owner]["aws"].put_object(bucket, key, gzip.compress(lines.encode()))


def to_group(name, vpc, queries):
    group = logs_backends[queries[0]["account_id"]][queries[0]["region"]].groups.get(name)
    if group is None:
        return
    stream = f"{vpc}_{queries[0]['account_id']}"
    if stream not in group.streams:
        group.create_log_stream(stream)
    at = [int(datetime.fromisoformat(query["query_timestamp"]).timestamp() * 1000) for query in queries]
    group.put_log_events(stream, [{"timestamp": when, "message": json.dumps(query)} for when, query in zip(at, queries)])


def clear():
    with _lock:
        _waiting.clear()
