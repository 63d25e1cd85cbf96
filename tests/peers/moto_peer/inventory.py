"""Every resource in all accounts and regions that a drill could have created, sorted.

The inventories before and after a drill are equal if and only if the drill left nothing.

It leaves out what every region of every account has by itself. moto makes these when a region is
first looked at: the default VPC with its subnets, each VPC's own security group, main route table
and network ACL, and RDS's default parameter groups.
"""

from moto.cloudformation.models import cloudformation_backends
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from . import backup, resolver
from .lambda_.functions import FUNCTIONS


def inventory():
    found = [*ec2(), *rds(), *cloudformation(), *s3(), *efs(), *dynamodb(), *vaults(), *functions(), *names()]
    return {"resources": sorted(found, key=lambda it: (it["account"], it["region"], it["type"], it["id"]))}


def backends(service):
    for account in list(service):
        for region in list(service[account].keys()):
            yield account, region, service[account][region]


def entry(account, region, kind, name, tags, more):
    return {"account": account, "region": region, "type": kind, "id": name, "tags": dict(sorted(tags.items())), **more}


def ec2():
    for account, region, backend in backends(ec2_backends):

        def item(kind, thing, account=account, region=region, backend=backend, **more):
            name = more.pop("id", None) or thing.id
            tags = {tag["key"]: tag["value"] for tag in backend.describe_tags(filters={"resource-id": [thing.id]})}
            return entry(account, region, f"ec2:{kind}", name, tags, more)

        default = backend.get_default_vpc()
        default_id = default.id if default else None
        for vpc in backend.vpcs.values():
            if vpc.id != default_id:
                yield item("vpc", vpc, cidr=vpc.cidr_block)
        for zone in backend.subnets.values():
            for subnet in zone.values():
                if not (subnet.vpc_id == default_id and subnet.default_for_az):
                    yield item("subnet", subnet, vpc=subnet.vpc_id, cidr=subnet.cidr_block)
        for groups in backend.groups.values():
            for group in groups.values():
                if group.name != "default":
                    rules = len(group.ingress_rules) + len(group.egress_rules)
                    yield item("security-group", group, name=group.name, vpc=group.vpc_id, rules=rules)
        for table in backend.route_tables.values():
            if not table.main_association_id:
                routes = sorted(str(route.destination_cidr_block) for route in table.routes)
                yield item("route-table", table, vpc=table.vpc_id, routes=routes)
        for acl in backend.network_acls.values():
            if str(acl.default).lower() != "true":
                yield item("network-acl", acl, vpc=acl.vpc_id)
        for options in backend.dhcp_options_sets.values():
            yield item("dhcp-options", options)
        for gateway in backend.internet_gateways.values():
            yield item("internet-gateway", gateway, vpc=gateway.vpc.id if gateway.vpc else None)
        for gateway in backend.egress_only_internet_gateways.values():
            yield item("egress-only-internet-gateway", gateway)
        for gateway in backend.nat_gateways.values():
            if gateway.state != "deleted":
                yield item("nat-gateway", gateway, subnet=gateway.subnet_id)
        for gateway in backend.vpn_gateways.values():
            yield item("vpn-gateway", gateway)
        for gateway in backend.transit_gateways.values():
            if gateway.state != "deleted":
                yield item("transit-gateway", gateway)
        for attachment in backend.transit_gateway_attachments.values():
            if attachment.state != "deleted":
                yield item("transit-gateway-attachment", attachment)
        for peering in backend.vpc_pcxs.values():
            if peering._status.code != "deleted":
                yield item("vpc-peering", peering)
        for endpoint in backend.vpc_end_points.values():
            if endpoint.state != "deleted":
                yield item("vpc-endpoint", endpoint, vpc=endpoint.vpc_id, service=endpoint.service_name)
        for interface in backend.enis.values():
            yield item("network-interface", interface, subnet=interface.subnet.id)
        for volume in backend.volumes.values():
            yield item("volume", volume, size=volume.size, snapshot=volume.snapshot_id, zone=volume.availability_zone)
        for snapshot in backend.snapshots.values():
            shared = sorted(snapshot.create_volume_permission_userids | snapshot.create_volume_permission_groups)
            yield item("snapshot", snapshot, size=snapshot.volume_size, started=str(snapshot.start_time), shared_with=shared)
        for image in backend.amis.values():
            shared = sorted(str(value) for permission in image.launch_permissions for value in permission.values())
            yield item("image", image, name=image.name, created=str(image.creation_date), shared_with=shared)
        for reservation in backend.reservations.values():
            for instance in reservation.instances:
                if instance.state != "terminated":
                    yield item("instance", instance, image=instance.image_id, subnet=instance.subnet_id, state=instance.state)
        for address in backend.addresses:
            yield item("address", address, instance=address.instance_id or None)
        for key in backend.key_pairs.values():
            yield item("key-pair", key, name=key.key_name)
        for template in backend.launch_templates.values():
            yield item("launch-template", template)


def rds():
    for account, region, backend in backends(rds_backends):

        def item(kind, thing, account=account, region=region, **more):
            tags = {tag["Key"]: tag["Value"] for tag in thing.tags or []}
            return entry(account, region, f"rds:{kind}", thing.resource_id, tags, more)

        for database in backend.databases.values():
            yield item("db", database, cluster=database.db_cluster_identifier, multi_az=bool(database.multi_az), status=database.status)
        for cluster in backend.clusters.values():
            yield item("cluster", cluster, status=cluster.status)
        for snapshot in backend.database_snapshots.values():
            yield item("snapshot", snapshot, of=snapshot.db_instance_identifier, **taken_and_shared(snapshot))
        for snapshot in backend.cluster_snapshots.values():
            yield item("cluster-snapshot", snapshot, of=snapshot.db_cluster_identifier, **taken_and_shared(snapshot))
        for group in backend.subnet_groups.values():
            yield item("subnet-group", group, subnets=sorted(subnet.id for subnet in group._subnets))
        for kind, groups in (
            ("parameter-group", backend.db_parameter_groups),
            ("cluster-parameter-group", backend.db_cluster_parameter_groups),
            ("option-group", backend.option_groups),
        ):
            for group in groups.values():
                if not group.resource_id.startswith(("default.", "default:")):
                    yield item(kind, group)


def taken_and_shared(snapshot):
    return {"taken": str(snapshot.created), "shared_with": sorted(snapshot.attributes["restore"])}


def cloudformation():
    for account, region, backend in backends(cloudformation_backends):
        for stack in backend.stacks.values():
            yield entry(account, region, "cloudformation:stack", stack.name, stack.tags or {}, {"status": stack.status})


def efs():
    for account, region, backend in backends(efs_backends):
        for system in backend.file_systems_by_id.values():
            tags = {tag["Key"]: tag["Value"] for tag in backend.list_tags_for_resource(system.file_system_id)}
            yield entry(account, region, "efs:file-system", system.file_system_id, tags, {"token": system.creation_token})
        for target in backend.mount_targets_by_id.values():
            yield entry(account, region, "efs:mount-target", target.mount_target_id, {}, {"of": target.file_system_id, "subnet": target.subnet_id})


def dynamodb():
    for account, region, backend in backends(dynamodb_backends):
        for table in backend.tables.values():
            tags = {tag["Key"]: tag["Value"] for tag in table.tags or []}
            yield entry(account, region, "dynamodb:table", table.name, tags, {"items": len(list(table.all_items()))})
        for one in backend.backups.values():
            yield entry(account, region, "dynamodb:backup", one.arn, {}, {"of": one.table.name})


def functions():
    for (account, region, name), one in FUNCTIONS.items():
        yield entry(account, region, "lambda:function", name, one.tags, {"role": one.role})


def names():
    for account, region, kind, name, tags in resolver.inventory():
        yield entry(account, region, kind, name, tags, {})


def vaults():
    for vault in backup.VAULTS:
        yield entry(vault["account"], vault["region"], "backup:vault", vault["vault"], vault["tags"], {})
        for point in vault["points"]:
            yield entry(vault["account"], vault["region"], "backup:recovery-point", point["arn"], {}, {"vault": vault["vault"]})


def s3():
    for account, _partition, backend in backends(s3_backends):
        for bucket in list(backend.buckets.values()):
            versions = [version for key in list(bucket.keys) for version in bucket.keys.getlist(key, [])]
            objects = [version for version in versions if hasattr(version, "size")]
            arn = getattr(bucket, "arn", f"arn:aws:s3:::{bucket.name}")
            more = {
                "versions": len(objects),
                "delete_markers": len(versions) - len(objects),
                "bytes": sum(version.size for version in objects),
                "uploads": len(bucket.multiparts),
                "versioning": bucket.versioning_status,
            }
            yield entry(account, bucket.region_name, "s3:bucket", bucket.name, backend.tagger.get_tag_dict_for_resource(arn), more)
