"""Automated backups of DB clusters, which moto does not know.

  - DescribeDBClusterAutomatedBackups lists those of clusters, and those that are kept of a cluster
    that was deleted with DeleteAutomatedBackups=false.
  - A restore to a time outside the window of the backups is refused. So is one without a time.
  - A restore takes SourceDbClusterResourceId in place of the identifier, for kept backups.
"""

from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.models import RDSBackend
from moto.rds.responses import RDSResponse

from .patching import replace

KEPT = "peer_kept_clusters"


def install():
    RDSResponse.describe_db_cluster_automated_backups = automated_backups
    replace(RDSResponse, "delete_db_cluster", keeping)
    replace(RDSBackend, "restore_db_cluster_to_point_in_time", within_window)


def kept(backend):
    return backend.__dict__.setdefault(KEPT, {})


def automated_backups(self):
    backend = self.backend
    found = [(cluster, "active") for cluster in backend.clusters.values()]
    found += [(cluster, "retained") for cluster in kept(backend).values()]
    return ActionResult({"DBClusterAutomatedBackups": [described(backend, *one) for one in found]})


def described(backend, cluster, status):
    return {
        "DBClusterAutomatedBackupsArn": arn(backend, cluster),
        "DBClusterIdentifier": cluster.db_cluster_identifier,
        "DbClusterResourceId": cluster.db_cluster_resource_id,
        "DBClusterArn": cluster.db_cluster_arn,
        "Region": backend.region_name,
        "Status": status,
        "Engine": cluster.engine,
        "AllocatedStorage": 1,
        "StorageEncrypted": bool(cluster.storage_encrypted),
        "RestoreWindow": {"EarliestTime": cluster.earliest_restorable_time, "LatestTime": cluster.latest_restorable_time},
        "TagList": cluster.tags,
    }


def arn(backend, cluster):
    name = cluster.db_cluster_resource_id.removeprefix("cluster-").lower()
    return f"arn:aws:rds:{backend.region_name}:{backend.account_id}:cluster-auto-backup:ab-{name}"


def keeping(moto):
    def delete(self):
        cluster = self.backend.clusters.get(self.params.get("DBClusterIdentifier"))
        keep = str(self.params.get("DeleteAutomatedBackups", True)).lower() == "false"
        answer = moto(self)
        if cluster is not None and keep:
            kept(self.backend)[cluster.db_cluster_resource_id] = cluster
        return answer

    return delete


def within_window(moto):
    def restore(self, **given):
        resource = given.pop("source_db_cluster_resource_id", None)
        source = kept(self).get(resource) if resource else self.clusters.get(given.get("source_db_cluster_identifier"))
        if source is None:
            raise RDSClientError("DBClusterNotFoundFault", f"DBCluster {resource or given.get('source_db_cluster_identifier')} not found.")
        wanted = given.get("restore_to_time")
        if wanted is None and not given.get("use_latest_restorable_time"):
            raise RDSClientError("InvalidParameterCombination", "Specify a restore time or the latest restorable time.")
        if wanted is not None:
            wanted = wanted.replace(tzinfo=None)
            earliest = source.__dict__.get("peer_earliest_restorable")
            if wanted >= source.latest_restorable_time.replace(tzinfo=None) or (earliest is not None and wanted < earliest):
                raise RDSClientError("InvalidRestoreFault", f"Cannot restore the cluster to {wanted}: outside its restore window.")
        given["source_db_cluster_identifier"] = source.db_cluster_identifier
        if not resource or source.db_cluster_identifier in self.clusters:
            return moto(self, **given)
        self.clusters[source.db_cluster_identifier] = source
        try:
            return moto(self, **given)
        finally:
            del self.clusters[source.db_cluster_identifier]

    return restore
