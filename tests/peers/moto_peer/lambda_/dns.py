"""The resolver of a VPC, on its address .2: answers, firewall and query log.

It answers the names that the test gives, and NXDOMAIN for all others. It asks nobody. Every query
is logged in the form of Route 53 Resolver query logs (developer guide, "Values that appear in VPC
Resolver query logs"). AWS does not log what its cache answers. This resolver has no cache.
"""

import ipaddress
import json
import socket
import struct
import threading
import traceback
from datetime import datetime, timezone
from fnmatch import fnmatchcase

from .. import resolver
from . import namespace, querylogs

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "HTTPS": 65, "ANY": 255}
NAMES_OF_TYPES = {number: name for name, number in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
ACTIONS, RESPONSES = ("ALLOW", "ALERT", "BLOCK"), ("NODATA", "NXDOMAIN", "OVERRIDE")
TTL = 60
DATAGRAM = 512  # bytes of an answer over UDP without EDNS


class Names:
    """Names and firewall rules by (account, region, VPC). VPC None means every one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.queries = []
        self.clear()

    def clear(self):
        with self.lock:
            self.records, self.rules = {}, {}
            self.queries.clear()

    def set(self, wish):
        unknown = set(wish) - {"account", "region", "vpc", "names", "firewall"}
        if unknown:
            raise ValueError(f"names: unknown keys {sorted(unknown)}")
        place = (wish["account"], wish["region"], wish.get("vpc"))
        records = {canonical(name): checked(name, value) for name, value in wish.get("names", {}).items()}
        rules = [checked_rule(rule) for rule in wish["firewall"]] if "firewall" in wish else None
        with self.lock:
            self.records.setdefault(place, {}).update(records)
            if rules is not None:
                self.rules[place] = rules

    def of(self, network, name):
        """The records of a name, or None if there is no such name."""
        holds, found = resolver.record_of(network.account, network.vpc, name)
        if holds:
            return found
        for machine in list(network.machines.values()):
            if name in map(canonical, machine.names):
                return {"A": [machine.address]}
        with self.lock:
            for vpc in (network.vpc, None):
                known = self.records.get((network.account, network.region, vpc), {})
                for pattern in sorted(known, key=lambda it: "*" in it):
                    if fnmatchcase(name, pattern):
                        return known[pattern]
        return None

    def rule_for(self, network, name):
        own = resolver.rules_of(network.account, network.region, network.vpc)
        with self.lock:
            for rule in own or []:
                if any(fnmatchcase(name, canonical(domain)) for domain in rule["domains"]):
                    return rule
            for vpc in (network.vpc, None):
                for rule in self.rules.get((network.account, network.region, vpc), []):
                    if any(fnmatchcase(name, canonical(domain)) for domain in rule["domains"]):
                        return rule
        return None

    def log(self, query):
        with self.lock:
            self.queries.append(query)
        querylogs.deliver(query)

    def logged(self):
        with self.lock:
            return [dict(query) for query in self.queries]

    def forget_queries(self):
        with self.lock:
            self.queries.clear()


NAMES = Names()


def canonical(name):
    return name.lower().rstrip(".") + "."


def checked(name, value):
    """An address, or {"A": [...], "AAAA": [...], "CNAME": name, "TXT": [...]}."""
    if isinstance(value, str):
        return {"AAAA" if ":" in value else "A": [str(ipaddress.ip_address(value))]}
    unknown = set(value) - {"A", "AAAA", "CNAME", "TXT"}
    if unknown:
        raise ValueError(f"names: {name}: unknown records {sorted(unknown)}")
    return value


def checked_rule(rule):
    unknown = set(rule) - {"domains", "action", "response", "override"}
    action, response = rule["action"], rule.get("response", "NODATA")
    if unknown or action not in ACTIONS or response not in RESPONSES or (response == "OVERRIDE") != ("override" in rule):
        raise ValueError(f"firewall: {json.dumps(rule)}: domains, action {ACTIONS}, and for BLOCK response {RESPONSES}, override")
    return {**rule, "response": response}


# --- what is answered


def resolve(network, name, kind, depth=0):
    """Returns (rcode, [(name, type, data)])."""
    records = NAMES.of(network, name)
    if records is None:
        return "NXDOMAIN", []
    if "CNAME" in records and kind != "CNAME" and depth < 8:
        to = canonical(records["CNAME"])
        rcode, rest = resolve(network, to, kind, depth + 1)
        return rcode, [(name, "CNAME", to), *rest]
    values = records.get(kind, [])
    return "NOERROR", [(name, kind, value) for value in (values if isinstance(values, list) else [canonical(values)])]


def decide(network, name, kind):
    """Returns (rcode, answers, the rule that matched or None)."""
    rule = NAMES.rule_for(network, name)
    if rule is None or rule["action"] != "BLOCK":
        return *resolve(network, name, kind), rule
    if rule["response"] == "OVERRIDE":
        to = canonical(rule["override"])
        _, rest = resolve(network, to, kind)
        return "NOERROR", [(name, "CNAME", to), *rest], rule
    return {"NXDOMAIN": "NXDOMAIN", "NODATA": "NOERROR"}[rule["response"]], [], rule


def logged(network, name, kind, rcode, answers, rule, source, transport):
    machine = network.machines.get(source[0])
    instance = {"instance": machine.instance} if machine is not None and machine.instance else {}
    entry = {
        "version": "1.100000",
        "account_id": network.account,
        "region": network.region,
        "vpc_id": network.vpc,
        "query_timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "query_name": name,
        "query_type": kind,
        "query_class": "IN",
        "rcode": rcode,
        "answers": [{"Rdata": data, "Type": kind, "Class": "IN"} for _, kind, data in answers],
        "srcaddr": source[0],
        "srcport": str(source[1]),
        "transport": transport,
        "srcids": instance,
    }
    if rule is not None:
        entry |= {
            "firewall_rule_group_id": "rslvr-frg-0123456789abcdef",
            "firewall_rule_action": rule["action"],
            "firewall_domain_list_id": "rslvr-fdl-0123456789abcdef",
        }
    NAMES.log(entry)


# --- the form of messages (RFC 1035)


def encoded_name(name):
    labels = [label.encode("ascii", "replace") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def data_of(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "TXT":
        return b"".join(bytes([len(part)]) + part for part in [value.encode()[:255]])
    return encoded_name(value)


def question(message):
    """Returns (name, type, the bytes of the question)."""
    labels, at = [], 12
    while (length := message[at]) != 0:
        if length > 63:
            raise ValueError("a compressed name in a question")
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    number, _ = struct.unpack(">HH", message[at + 1 : at + 5])
    return canonical(".".join(labels)), NAMES_OF_TYPES.get(number, f"TYPE{number}"), message[12 : at + 5]


def answered(network, message, source, transport, before=lambda: None):
    """The answer to one query, which is logged. None if it is no query."""
    try:
        number, flags, questions = struct.unpack(">HHH", message[:6])
        name, kind, asked = question(message)
    except (struct.error, IndexError, ValueError):
        return None
    if flags & 0x8000 or questions != 1:
        return None
    before()
    rcode, answers, rule = decide(network, name, kind)
    logged(network, name, kind, rcode, answers, rule, source, transport)
    records = b"".join(
        encoded_name(owner) + struct.pack(">HHIH", TYPES[of], 1, TTL, len(data_of(of, data))) + data_of(of, data)
        for owner, of, data in answers
    )
    # An answer, recursion available, the bit "recursion desired" as it was asked.
    head = 0x8080 | (flags & 0x0100) | RCODES[rcode]
    whole = struct.pack(">HHHHHH", number, head, 1, len(answers), 0, 0) + asked + records
    if transport == "UDP" and len(whole) > DATAGRAM:
        return struct.pack(">HHHHHH", number, head | 0x0200, 1, 0, 0, 0) + asked
    return whole


def serve(network, before):
    """Listens on UDP and TCP 53 of the resolver's address. `before` runs before each answer."""

    def sockets():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((network.resolver, 53))
        return udp, socket.create_server((network.resolver, 53))

    udp, tcp = namespace.inside(network.namespace, sockets)

    def datagrams():
        while True:
            try:
                message, source = udp.recvfrom(4096)
                answer = answered(network, message, source, "UDP", before)
                if answer:
                    udp.sendto(answer, source)
            except OSError:
                if udp.fileno() < 0:
                    return
            except Exception:  # of the peer's own: the next query is answered all the same
                traceback.print_exc()

    def connections():
        while True:
            try:
                connection, source = tcp.accept()
            except OSError:
                return
            threading.Thread(target=stream, args=(connection, source), daemon=True).start()

    def stream(connection, source):
        with connection, connection.makefile("rb") as reader:
            connection.settimeout(60)
            try:
                while len(length := reader.read(2)) == 2:
                    answer = answered(network, reader.read(int.from_bytes(length)), source, "TCP", before)
                    if answer:
                        connection.sendall(len(answer).to_bytes(2) + answer)
            except OSError:
                return

    def close():
        # shutdown() wakes the threads: close() alone does not.
        for one in (udp, tcp):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # UDP answers "not connected", and wakes all the same
            one.close()

    network.closing.append(close)
    for loop in (datagrams, connections):
        threading.Thread(target=loop, daemon=True).start()
