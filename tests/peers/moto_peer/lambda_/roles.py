"""Execution roles, as far as Lambda looks at them.

A role's policies are those of POST /peer/policies if it has some there, and otherwise those that IAM
has: inline ones, managed ones, and two of AWS's own by their names.
"""

import json

from moto.iam.models import iam_backends

from ..iam import allowed

# What CreateFunction looks for. The role needs more (Assign- and UnassignPrivateIpAddresses).
FOR_A_VPC = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")
MANAGED = ("AWSLambdaVPCAccessExecutionRole", "AWSLambdaENIManagementAccess")
POLICIES = {}  # role's ARN → documents: the very dictionary of the peer's Iam


def made(wish):
    """A role as POST /peer/roles orders it. By default Lambda may assume it, and it may do what a VPC needs."""
    unknown = set(wish) - {"account", "name", "trusts", "actions"}
    if unknown:
        raise ValueError(f"roles: unknown keys {sorted(unknown)}")
    backend = iam_backends[wish["account"]]["aws"]
    trust = {"Effect": "Allow", "Principal": {"Service": wish.get("trusts", "lambda.amazonaws.com")}, "Action": "sts:AssumeRole"}
    role = backend.create_role(wish["name"], json.dumps({"Version": "2012-10-17", "Statement": [trust]}), "/", None, "", [], "3600")
    actions = wish.get("actions", [*FOR_A_VPC, "ec2:DescribeSubnets", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"])
    if actions:
        allows = [{"Effect": "Allow", "Action": actions, "Resource": "*"}]
        backend.put_role_policy(role.name, "peer", json.dumps({"Version": "2012-10-17", "Statement": allows}))
    return {"arn": role.arn}


def found(account, arn):
    return next((role for role in iam_backends[account]["aws"].roles.values() if role.arn == arn), None)


def trusts_lambda(role):
    document = json.loads(role.assume_role_policy_document)
    return any(
        one["Effect"] == "Allow"
        and "sts:AssumeRole" in listed(one["Action"])
        and "lambda.amazonaws.com" in listed(one.get("Principal", {}).get("Service", []))
        for one in listed(document["Statement"])
    )


def missing(account, arn):
    """The first action for a VPC that the role may not do, or None."""
    return next((action for action in FOR_A_VPC if not may(account, arn, action)), None)


def may(account, arn, action):
    role = found(account, arn)
    if role is None or not trusts_lambda(role):
        return False
    if arn in POLICIES:
        return allowed(POLICIES[arn], action, None, {})
    if any(managed.rsplit("/", 1)[-1] in MANAGED for managed in role.managed_policies):
        return True
    return allowed(own(role), action, None, {})


def documents(arn):
    """The policies that IAM itself has of a role, or None if it has none."""
    role = found(arn.split(":")[4], arn)
    return own(role) if role and role.policies else None


def own(role):
    documents = [json.loads(text) if isinstance(text, str) else text for text in role.policies.values()]
    documents += [json.loads(policy.document) for policy in role.managed_policies.values()]
    return [{"Statement": [one for one in listed(document["Statement"]) if one["Effect"] == "Allow" and "Action" in one]} for document in documents]


def listed(value):
    return value if isinstance(value, list) else [value]
