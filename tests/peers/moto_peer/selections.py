"""Selections of backup plans, which moto does not have."""

import json
import uuid

OPERATIONS = ("CreateBackupSelection", "GetBackupSelection", "ListBackupSelections")

# (account, region, plan) → id → selection
SELECTIONS = {}


def answer(request, body):
    """Returns status, headers and body."""
    params = request["params"]
    plan = SELECTIONS.setdefault((request["account"], request["region"], params["BackupPlanId"]), {})
    ids = {"BackupPlanId": params["BackupPlanId"]}
    match request["action"]:
        case "CreateBackupSelection":
            key = str(uuid.uuid4())
            plan[key] = json.loads(body)["BackupSelection"]
            told = {**ids, "SelectionId": key}
        case "GetBackupSelection":
            told = {**ids, "SelectionId": params["SelectionId"], "BackupSelection": plan[params["SelectionId"]]}
        case "ListBackupSelections":
            told = {"BackupSelectionsList": [{**ids, "SelectionId": key, "SelectionName": one["SelectionName"]} for key, one in plan.items()]}
    return 200, [("Content-Type", "application/json")], json.dumps(told).encode()
