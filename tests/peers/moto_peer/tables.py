"""DynamoDB restores as AWS documents them.

  - A restored table is CREATING for a while. Until then it takes no tags and is not deleted.
  - Point-in-time recovery takes the source table by its ARN, of any region of the account. It needs
    a time inside the window, and a source that has it enabled.
  - A backup can be restored into any region of its account.
  - Overrides of the billing mode and of the secondary indexes are honoured.
"""

from datetime import datetime, timezone

from moto.core.utils import utcnow
from moto.dynamodb.exceptions import ERROR_TYPE_PREFIX, DynamodbException
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import RestoredPITTable, RestoredTable
from moto.dynamodb.responses import DynamoHandler

from .control import CONTROL, begin, pending
from .patching import around, replace


def install():
    for cls in (RestoredTable, RestoredPITTable):
        replace(cls, "describe", creating)
    replace(DynamoHandler, "restore_table_to_point_in_time", to_point_in_time)
    replace(DynamoHandler, "restore_table_from_backup", from_backup)
    around(DynamoDBBackend, "tag_resource", tagged)
    around(DynamoDBBackend, "delete_table", deleted)


def refuse(kind, message):
    raise DynamodbException(ERROR_TYPE_PREFIX + kind, message)


def creating(moto):
    def describe(self, *args, **kwargs):
        answer = moto(self, *args, **kwargs)
        word = pending(self, self.name)
        for table in answer.values():
            if word and isinstance(table, dict) and "TableStatus" in table:
                table["TableStatus"] = word
                table["RestoreSummary"]["RestoreInProgress"] = True
        return answer

    return describe


def parts(arn):
    _, _, _, region, account, resource = arn.split(":", 5)
    return account, region, resource.split("/")[1]


def to_point_in_time(moto):
    def restore(self):
        body = self.body
        arn = body.get("SourceTableArn")
        account, region, name = parts(arn) if arn else (self.current_account, self.region, body["SourceTableName"])
        source = dynamodb_backends[account][region].tables.get(name) if account == self.current_account else None
        if source is None:
            refuse("TableNotFoundException", f"Table not found: {name}")
        log = source.continuous_backups["PointInTimeRecoveryDescription"]
        if log["PointInTimeRecoveryStatus"] != "ENABLED":
            refuse("PointInTimeRecoveryUnavailableException", f"Point in time recovery is not enabled for table '{name}'")
        wanted = body.get("RestoreDateTime")
        if wanted is None and not body.get("UseLatestRestorableTime"):
            refuse("ValidationException", "Either RestoreDateTime or UseLatestRestorableTime must be given")
        earliest, latest = log["EarliestRestorableDateTime"], log["LatestRestorableDateTime"]
        if wanted is not None and not earliest <= seconds(wanted) <= latest:
            refuse("InvalidRestoreTimeException", f"The restore time {wanted} is outside the window of {name}")
        backend, here = self.dynamodb_backend, name in self.dynamodb_backend.tables
        elsewhere = (account, region) != (self.current_account, self.region)
        held = backend.tables.get(name)
        if elsewhere:
            backend.tables[name] = source
        try:
            body["SourceTableName"] = name
            return made(self, moto(self))
        finally:
            if elsewhere and here:
                backend.tables[name] = held
            elif elsewhere:
                del backend.tables[name]

    return restore


def seconds(instant):
    """moto gives some of the instants of a request as numbers, and some parsed."""
    return instant.timestamp() if isinstance(instant, datetime) else float(instant)


def from_backup(moto):
    def restore(self):
        arn = self.body["BackupArn"]
        account, region, _ = parts(arn)
        found = dynamodb_backends[account][region].backups.get(arn) if account == self.current_account else None
        if found is None:
            refuse("BackupNotFoundException", f"Backup not found: {arn}")
        backend = self.dynamodb_backend
        elsewhere = arn not in backend.backups
        backend.backups[arn] = found
        try:
            return made(self, moto(self))
        finally:
            if elsewhere:
                del backend.backups[arn]

    return restore


def made(handler, answer):
    table = handler.dynamodb_backend.tables[handler.body["TargetTableName"]]
    begin(table, "CREATING", CONTROL.ready_after("table"))
    if handler.body.get("GlobalSecondaryIndexOverride") == []:
        table.global_indexes = []
    if handler.body.get("BillingModeOverride"):
        table.billing_mode = handler.body["BillingModeOverride"]
    table.created_at = utcnow()
    return answer


def tagged(call, self, given):
    table = next((table for table in self.tables.values() if table.table_arn == given["arn"]), None)
    if table is not None and pending(table, table.name):
        refuse("ResourceInUseException", f"Attempt to change a resource which is still in use: Table is being created: {table.name}")
    return call(**given)


def deleted(call, self, given):
    table = self.tables.get(given["name"])
    if table is not None and pending(table, table.name):
        refuse("ResourceInUseException", f"Attempt to change a resource which is still in use: Table is being created: {table.name}")
    return call(**given)


def set_window(table, latest, earliest):
    """Enables point-in-time recovery, with this window."""
    seconds = [when.replace(tzinfo=timezone.utc).timestamp() for when in (earliest or datetime(2020, 1, 1), latest)]
    table.continuous_backups["PointInTimeRecoveryDescription"] = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": seconds[0],
        "LatestRestorableDateTime": seconds[1],
    }
