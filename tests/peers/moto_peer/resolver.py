"""Route 53 Resolver as drills meet it: DNS Firewall, which moto lacks, and the end of query logs.

Follows the API reference of Amazon Route 53 Resolver. A rule group closes the network that it is
associated with: `lambda_.dns` asks `rules_of`. Private zones of Route 53 answer there, too: it asks
`record_of`. An association that is taken off is DELETING for one look.

Not as on AWS: nothing is UPDATING, and rules with detectors, shared groups and managed lists are
missing.
"""

import itertools
import json

from moto.core.exceptions import JsonRESTError
from moto.route53.models import route53_backends
from moto.route53resolver.models import Route53ResolverBackend, route53resolver_backends
from moto.route53resolver.responses import Route53ResolverResponse

LISTS, GROUPS, ASSOCIATIONS, FAIL_OPEN = {}, {}, {}, {}
KINDS = {"FirewallDomainListId": "firewall-domain-list", "FirewallRuleGroupId": "firewall-rule-group",
         "FirewallRuleGroupAssociationId": "firewall-rule-group-association",
         "ResolverQueryLogConfigId": "resolver-query-log-config"}  # fmt: skip
_numbers = itertools.count(1)


class Wrong(JsonRESTError):
    code = 400

    def __init__(self, kind, message):
        super().__init__(kind, message)


def missing(name):
    return Wrong("ResourceNotFoundException", f"[RSLVR-02201] {name} does not exist")


def clear():
    for known in (LISTS, GROUPS, ASSOCIATIONS, FAIL_OPEN):
        known.clear()


def arn(account, region, kind, name):
    return f"arn:aws:route53resolver:{region}:{account}:{kind}/{name}"


def place(response):
    return response.current_account, response.region


def of(known, key, response):
    """The thing that a request names, in its place."""
    name = response._get_param(key)
    found = known.get(name)
    if found is None or (found["account"], found["region"]) != place(response):
        raise missing(name)
    return found


def made(response, prefix, kind, **more):
    account, region = place(response)
    name = f"{prefix}-{next(_numbers):017x}"
    thing = {"account": account, "region": region, "Id": name, "Arn": arn(account, region, kind, name),
             "Name": response._get_param("Name"), "CreatorRequestId": response._get_param("CreatorRequestId"),
             "Status": "COMPLETE", **more}  # fmt: skip
    route53resolver_backends[account][region].tagger.tag_resource(thing["Arn"], response._get_param("Tags", []))
    return thing


def told(thing):
    return {key: value for key, value in thing.items() if key[0].isupper()}


def here(known, response):
    return [one for one in known.values() if (one["account"], one["region"]) == place(response)]


# --- lists of names


def create_firewall_domain_list(self):
    one = made(self, "rslvr-fdl", "firewall-domain-list", domains=[])
    LISTS[one["Id"]] = one
    return json.dumps({"FirewallDomainList": told(one)})


def update_firewall_domains(self):
    one, domains = of(LISTS, "FirewallDomainListId", self), self._get_param("Domains")
    if len(domains) > 1000:
        raise Wrong("LimitExceededException", "more than 1000 domains in a request")
    match self._get_param("Operation"):
        case "REPLACE":
            one["domains"] = list(domains)
        case "ADD":
            one["domains"] += domains
        case _:
            one["domains"] = [name for name in one["domains"] if name not in domains]
    return json.dumps({"Id": one["Id"], "Name": one["Name"], "Status": "COMPLETE", "StatusMessage": ""})


def get_firewall_domain_list(self):
    one = of(LISTS, "FirewallDomainListId", self)
    return json.dumps({"FirewallDomainList": {**told(one), "DomainCount": len(one["domains"])}})


def list_firewall_domain_lists(self):
    return json.dumps({"FirewallDomainLists": [{key: one[key] for key in ("Id", "Arn", "Name", "CreatorRequestId")} for one in here(LISTS, self)]})


def delete_firewall_domain_list(self):
    one = of(LISTS, "FirewallDomainListId", self)
    if any(rule["FirewallDomainListId"] == one["Id"] for group in GROUPS.values() for rule in group["rules"]):
        raise Wrong("ConflictException", f"[RSLVR-02307] {one['Id']} is used by a rule")
    return json.dumps({"FirewallDomainList": told(LISTS.pop(one["Id"]))})


# --- groups of rules


def create_firewall_rule_group(self):
    one = made(self, "rslvr-frg", "firewall-rule-group", rules=[])
    GROUPS[one["Id"]] = one
    return json.dumps({"FirewallRuleGroup": told(one)})


def get_firewall_rule_group(self):
    return json.dumps({"FirewallRuleGroup": told(of(GROUPS, "FirewallRuleGroupId", self))})


def list_firewall_rule_groups(self):
    return json.dumps({"FirewallRuleGroups": [{key: one[key] for key in ("Id", "Arn", "Name", "CreatorRequestId")} for one in here(GROUPS, self)]})


def delete_firewall_rule_group(self):
    one = of(GROUPS, "FirewallRuleGroupId", self)
    if one["rules"] or any(it["FirewallRuleGroupId"] == one["Id"] for it in ASSOCIATIONS.values()):
        raise Wrong("ConflictException", f"[RSLVR-02309] {one['Id']} has rules, or is associated with a VPC")
    return json.dumps({"FirewallRuleGroup": told(GROUPS.pop(one["Id"]))})


def create_firewall_rule(self):
    group = of(GROUPS, "FirewallRuleGroupId", self)
    of(LISTS, "FirewallDomainListId", self)
    keys = ("FirewallRuleGroupId", "FirewallDomainListId", "Priority", "Action", "BlockResponse", "BlockOverrideDomain",
            "BlockOverrideDnsType", "BlockOverrideTtl", "Name", "CreatorRequestId")  # fmt: skip
    rule = {key: value for key in keys if (value := self._get_param(key)) is not None}
    for other in group["rules"]:
        if other["Priority"] == rule["Priority"] or other["FirewallDomainListId"] == rule["FirewallDomainListId"]:
            raise Wrong("ConflictException", "[RSLVR-02025] the group has a rule with this priority or this list")
    if (rule.get("BlockResponse") == "OVERRIDE") != ("BlockOverrideDomain" in rule):
        raise Wrong("ValidationException", "BlockOverrideDomain stands with the BlockResponse OVERRIDE")
    group["rules"].append(rule)
    return json.dumps({"FirewallRule": rule})


def list_firewall_rules(self):
    rules = of(GROUPS, "FirewallRuleGroupId", self)["rules"]
    return json.dumps({"FirewallRules": sorted(rules, key=lambda rule: rule["Priority"])})


def delete_firewall_rule(self):
    group, name = of(GROUPS, "FirewallRuleGroupId", self), self._get_param("FirewallDomainListId")
    gone = [rule for rule in group["rules"] if rule["FirewallDomainListId"] == name]
    if not gone:
        raise missing(name)
    group["rules"].remove(gone[0])
    return json.dumps({"FirewallRule": gone[0]})


def associate_firewall_rule_group(self):
    group, vpc = of(GROUPS, "FirewallRuleGroupId", self), self._get_param("VpcId")
    account, region = place(self)
    if not 100 < self._get_param("Priority") < 9900:
        raise Wrong("ValidationException", "Priority lies between 100 and 9900")
    if vpc not in route53resolver_backends[account][region].ec2_backend.vpcs:
        raise missing(vpc)
    if any(it["FirewallRuleGroupId"] == group["Id"] and it["VpcId"] == vpc for it in ASSOCIATIONS.values()):
        raise Wrong("ConflictException", "[RSLVR-02302] the group is associated with the VPC already")
    more = {"FirewallRuleGroupId": group["Id"], "VpcId": vpc, "Priority": self._get_param("Priority"), "MutationProtection": "DISABLED"}
    one = made(self, "rslvr-frgassoc", "firewall-rule-group-association", **more)
    ASSOCIATIONS[one["Id"]] = one
    return json.dumps({"FirewallRuleGroupAssociation": told(one)})


def list_firewall_rule_group_associations(self):
    wanted = {key: self._get_param(key) for key in ("FirewallRuleGroupId", "VpcId") if self._get_param(key)}
    found = [one for one in here(ASSOCIATIONS, self) if all(one[key] == value for key, value in wanted.items())]
    for one in found:
        if one["Status"] == "DELETING":
            ASSOCIATIONS.pop(one["Id"])
    return json.dumps({"FirewallRuleGroupAssociations": [told(one) for one in found]})


def disassociate_firewall_rule_group(self):
    one = of(ASSOCIATIONS, "FirewallRuleGroupAssociationId", self)
    one["Status"] = "DELETING"
    return json.dumps({"FirewallRuleGroupAssociation": told(one)})


def get_firewall_config(self):
    """How a network's firewall fails. Nobody has to set it: it fails closed."""
    vpc, (account, region) = self._get_param("ResourceId"), place(self)
    if vpc not in route53resolver_backends[account][region].ec2_backend.vpcs:
        raise missing(vpc)
    fails = FAIL_OPEN.get((account, region, vpc), "DISABLED")
    return json.dumps({"FirewallConfig": {"Id": f"rslvr-fc-{vpc}", "ResourceId": vpc, "OwnerId": account, "FirewallFailOpen": fails}})


def update_firewall_config(self):
    FAIL_OPEN[(*place(self), self._get_param("ResourceId"))] = self._get_param("FirewallFailOpen")
    return get_firewall_config(self)


# --- query logs: moto has their beginning


def disassociate_resolver_query_log_config(self):
    backend, config, vpc = self.route53resolver_backend, self._get_param("ResolverQueryLogConfigId"), self._get_param("ResourceId")
    associations = backend.resolver_query_log_config_associations
    for name, one in list(associations.items()):
        if one.resolver_query_log_config_id == config and one.resource_id == vpc:
            associations.pop(name)
            backend.resolver_query_log_configs[config].association_count -= 1
            return json.dumps({"ResolverQueryLogConfigAssociation": {**one.description(), "Status": "DELETING"}})
    raise missing(config)


def delete_resolver_query_log_config(self):
    backend, name = self.route53resolver_backend, self._get_param("ResolverQueryLogConfigId")
    config = backend.get_resolver_query_log_config(name)
    if config.association_count:
        raise Wrong("InvalidRequestException", f"[RSLVR-01302] {name} is associated with {config.association_count} VPCs")
    return json.dumps({"ResolverQueryLogConfig": {**backend.resolver_query_log_configs.pop(name).description(), "Status": "DELETING"}})


OPERATIONS = (
    create_firewall_domain_list, update_firewall_domains, get_firewall_domain_list, list_firewall_domain_lists,
    delete_firewall_domain_list, create_firewall_rule_group, get_firewall_rule_group, list_firewall_rule_groups,
    delete_firewall_rule_group, create_firewall_rule, list_firewall_rules, delete_firewall_rule,
    associate_firewall_rule_group, list_firewall_rule_group_associations, disassociate_firewall_rule_group,
    get_firewall_config, update_firewall_config, disassociate_resolver_query_log_config, delete_resolver_query_log_config,
)  # fmt: skip


def install():
    for operation in OPERATIONS:
        if hasattr(Route53ResolverResponse, operation.__name__):
            raise AttributeError(f"moto knows {operation.__name__} by now")
        setattr(Route53ResolverResponse, operation.__name__, operation)
    knows = Route53ResolverBackend._matched_arn

    def matched(self, wanted):
        # moto's own refuses the ARNs of what it does not know.
        known = {one["Arn"] for things in (LISTS, GROUPS, ASSOCIATIONS) for one in things.values()}
        known |= {one.arn for one in self.resolver_query_log_configs.values()}
        if wanted not in known:
            knows(self, wanted)

    Route53ResolverBackend._matched_arn = matched


# --- what the resolver of a network asks


def rules_of(account, region, vpc):
    """The firewall's rules for a network, in their order, in the form of POST /peer/names. None: it has none."""
    groups = [one for one in list(ASSOCIATIONS.values()) if (one["account"], one["region"], one["VpcId"]) == (account, region, vpc)]
    if not groups:
        return None
    rules = []
    for one in sorted(groups, key=lambda it: it["Priority"]):
        for rule in sorted(GROUPS[one["FirewallRuleGroupId"]]["rules"], key=lambda it: it["Priority"]):
            form = {"domains": LISTS[rule["FirewallDomainListId"]]["domains"], "action": rule["Action"]}
            form["response"] = rule.get("BlockResponse", "NODATA")
            if "BlockOverrideDomain" in rule:
                form["override"] = rule["BlockOverrideDomain"]
            rules.append(form)
    return rules


def record_of(account, vpc, name):
    """(whether a private zone of the network holds the name, its records). `name` ends in a dot."""
    zones = [zone for zone in list(route53_backends[account]["aws"].zones.values()) if any(it.get("vpc_id") == vpc for it in zone.vpcs)]
    for zone in sorted(zones, key=lambda it: -len(it.name)):
        own = zone.name.rstrip(".") + "."
        if name == own or name.endswith("." + own):
            found = {}
            for record in zone.rrsets:
                if record.name.rstrip(".") + "." == name and record.type in ("A", "AAAA", "CNAME", "TXT"):
                    found[record.type] = record.records[0] if record.type == "CNAME" else list(record.records)
            return True, found or None
    return False, None


def tags_of(request, kind, name):
    backend = route53resolver_backends[request["account"]][request["region"]]
    return backend.tagger.get_tag_dict_for_resource(arn(request["account"], request["region"], kind, name))


def inventory():
    for kind, known in (("firewall-domain-list", LISTS), ("firewall-rule-group", GROUPS), ("firewall-rule-group-association", ASSOCIATIONS)):
        for one in known.values():
            tags = route53resolver_backends[one["account"]][one["region"]].tagger.get_tag_dict_for_resource(one["Arn"])
            yield one["account"], one["region"], f"route53resolver:{kind}", one["Id"], tags
    for account in list(route53resolver_backends):
        for region in list(route53resolver_backends[account].keys()):
            backend = route53resolver_backends[account][region]
            for one in backend.resolver_query_log_configs.values():
                tags = backend.tagger.get_tag_dict_for_resource(one.arn)
                yield account, region, "route53resolver:query-log-config", one.id, tags
    for account in list(route53_backends):
        for zone in route53_backends[account]["aws"].zones.values():
            tags = route53_backends[account]["aws"].resource_tags.get(zone.resource_id, {})
            yield account, "aws", "route53:hosted-zone", zone.resource_id, dict(tags)
