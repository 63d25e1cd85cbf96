"""Fronts: further ports of the peer, on which requests fail by seed.

The fate of a request depends on the front's seed, the action, and how often the front has seen that
action before. Requests of others at the same time do not change it.
"""

import random
import threading

from werkzeug.serving import make_server

from moto.moto_server.werkzeug_app import MotoRequestHandler

# A kind that stands here twice fails twice as often.
KINDS = (
    "throttle", "throttle", "500", "503", "500_after", "503_after", "reset_before", "reset_before", "reset_after", "reset_after",
    "drop_before", "drop_after", "delay", "delay", "truncated", "cut", "twice",
)  # fmt: skip
KEYS = {"seed", "rate", "faults", "kinds"}


class Front:
    """`rate`: the share of requests that fail. `faults`: their number at most."""

    def __init__(self, app, seed, rate=0.05, faults=20, kinds=KINDS):
        if not set(kinds) <= set(KINDS) or not kinds:
            raise ValueError(f"front: kinds are some of {sorted(set(KINDS))}")
        self.app, self.seed, self.rate, self.left, self.kinds = app, int(seed), float(rate), int(faults), tuple(kinds)
        self.lock = threading.Lock()
        self.asked = {}
        self.hits = []
        self.server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=MotoRequestHandler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __call__(self, environ, start_response):
        environ["peer.front"] = self
        return self.app(environ, start_response)

    def fault(self, request):
        """Returns a rule for this request, or None."""
        name = f"{request['service']}:{request['action']}"
        with self.lock:
            number = self.asked[name] = self.asked.get(name, 0) + 1
            dice = random.Random(f"{self.seed}/{name}/{number}")
            if self.left == 0 or dice.random() >= self.rate:
                return None
            self.left -= 1
            rule = {"kind": dice.choice(self.kinds), "seconds": round(dice.uniform(0.1, 1.5), 3)}
            self.hits.append({"action": name, "number": number, "kind": rule["kind"]})
            return rule

    def told(self):
        with self.lock:
            return {"port": self.server.server_port, "seed": self.seed, "hits": list(self.hits)}


def opened(app, wish):
    unknown = set(wish) - KEYS
    if unknown or "seed" not in wish:
        raise ValueError(f"front: a seed is needed, and these keys are known: {sorted(KEYS)}")
    return Front(app, **wish)
