"""Delays and fault rules. The admin API sets them, and the rest of the peer obeys them."""

import contextlib
import math
import threading

from .clock import CLOCK

KINDS = (
    "ebs_snapshot", "ami", "volume", "instance", "instance_status", "instance_terminate",
    "db_instance", "db_instance_delete", "db_snapshot", "db_cluster", "db_cluster_delete", "db_cluster_snapshot",
    "stack", "table", "restore_job", "copy_job", "point_deletion", "function", "function_idle", "function_interface", "function_detach",
    "query_log",
)  # fmt: skip
# Seconds of kinds that do not follow `default`.
OWN = {"function_idle": 14 * 86400, "function_interface": 1200, "function_detach": math.inf, "query_log": 0}
TRANSPORT = (
    "throttle", "500", "503", "error", "drop_before", "drop_after", "delay", "unseen", "offered_in", "quota",
    "500_after", "503_after", "reset_before", "reset_after", "truncated", "cut", "twice",
)  # fmt: skip
STANDING = ("never_ready", "undeletable")
LATER = (
    "delete_fails", "outside", "nothing", "job_fails", "half", "fails", "role_refused", "inactive", "killed", "slow", "garbage", "too_large",
)  # fmt: skip
RULE_KEYS = {"action", "kind", "times", "seconds", "service", "region", "account", "id", "match", "code", "status", "message", "zones", "value", "skip"}


class Control:
    """Shared by all request threads. Every method takes the lock that it needs."""

    def __init__(self):
        self._lock = threading.Lock()
        self._delays = {"default": 1.5}
        self._rules = []
        self._current = threading.local()

    # --- delays

    def delays(self):
        with self._lock:
            return dict(self._delays)

    def set_delays(self, changes):
        """Merges the changes. A kind that is set to null falls back to its own default, or to `default`."""
        if not isinstance(changes, dict):
            raise ValueError("delays: an object of kind → seconds is expected")
        for kind, seconds in changes.items():
            if kind != "default" and kind not in KINDS:
                raise ValueError(f"delays: unknown kind {kind!r}; one of default, {', '.join(KINDS)}")
            if seconds is None and kind == "default":
                raise ValueError("delays: default must be a number of seconds")
            if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0):
                raise ValueError(f"delays: {kind}: {seconds!r} is not a number of seconds")
        with self._lock:
            for kind, seconds in changes.items():
                if seconds is None:
                    self._delays.pop(kind, None)
                else:
                    self._delays[kind] = seconds

    def ready_after(self, kind):
        """Seconds until a resource that the current request makes now is ready.

        Infinite if a rule says so.
        """
        request = self.current() if kind not in OWN else None
        if request is not None and self.take("never_ready", request, by="action"):
            return math.inf
        with self._lock:
            return self._delays.get(kind, OWN.get(kind, self._delays["default"]))

    # --- faults

    def rules(self):
        with self._lock:
            return [dict(rule) for rule in self._rules]

    def set_rules(self, rules):
        """Replaces all rules.

        `times` defaults to 1, and to unlimited (null) for never_ready and undeletable. The first `skip`
        requests that a rule matches go through.
        """
        if not isinstance(rules, list):
            raise ValueError("faults: a list of rules is expected")
        checked = []
        for rule in rules:
            unknown = set(rule) - RULE_KEYS
            if unknown:
                raise ValueError(f"faults: unknown keys {sorted(unknown)}; known: {sorted(RULE_KEYS)}")
            kind = rule.get("kind")
            if kind not in TRANSPORT + STANDING + LATER:
                raise ValueError(f"faults: unknown kind {kind!r}; one of {', '.join(TRANSPORT + STANDING + LATER)}")
            if kind in TRANSPORT and "action" not in rule:
                raise ValueError(f"faults: {kind} needs an action (or \"*\")")
            if kind in STANDING and "action" not in rule and "id" not in rule:
                raise ValueError(f"faults: {kind} needs an action or an id (a prefix)")
            checked.append({"times": None if kind in STANDING else 1, **rule, "hits": 0})
        with self._lock:
            self._rules = checked

    def take(self, kind, request, by=None):
        """Returns the first rule of this kind that applies and is not used up.

        It counts the hit.
        """
        with self._lock:
            for rule in self._rules:
                if rule["kind"] != kind or (rule["times"] is not None and rule["hits"] >= rule["times"]):
                    continue
                if by == "action" and "action" not in rule:
                    continue
                if matches(rule, request):
                    if rule.get("skip", 0) > 0:
                        rule["skip"] -= 1
                        continue
                    rule["hits"] += 1
                    return dict(rule)
        return None

    def transport_fault(self, request):
        for rule in self.rules():
            if rule["kind"] in TRANSPORT and (found := self.take(rule["kind"], request)):
                return found
        return None

    def never_ready(self, resource_id):
        with self._lock:
            return any(
                rule["kind"] == "never_ready" and "id" in rule and str(resource_id).startswith(rule["id"])
                for rule in self._rules
            )

    # --- the request of this thread

    @contextlib.contextmanager
    def serving(self, request):
        self._current.request = request
        try:
            yield
        finally:
            self._current.request = None

    def current(self):
        return getattr(self._current, "request", None)


def matches(rule, request):
    action = rule.get("action", "*")
    if action not in ("*", request["action"], f"{request['service']}:{request['action']}"):
        return False
    if any(key in rule and rule[key] != request[key] for key in ("service", "region", "account")):
        return False
    values = [str(value) for value in request["params"].values()]
    if "id" in rule and not any(value.startswith(rule["id"]) for value in values):
        return False
    return not ("match" in rule and not any(rule["match"] in value for value in values))


class Pending:
    """A state that ends by itself. moto's own objects hold it as `peer_pending`."""

    def __init__(self, word, seconds):
        self.word = word
        self.until = CLOCK.now() + seconds

    def over(self):
        return CLOCK.now() >= self.until


def begin(obj, word, seconds):
    obj.__dict__["peer_pending"] = Pending(word, seconds) if seconds > 0 else None


def pending(obj, resource_id):
    """The word for the state that the object is still in.

    None if the object's state is the one that moto reports.
    """
    state = obj.__dict__.get("peer_pending")
    if state is not None and not (state.over() and not CONTROL.never_ready(resource_id)):
        return state.word
    return None


CONTROL = Control()
LOCK = threading.RLock()  # moto's models do not support concurrent writers
