"""The peer's clock. It runs in real time until a test stops it and moves it by hand."""

import threading
import time


class Clock:
    """Shared by all request threads."""

    def __init__(self):
        self._changed = threading.Condition()
        self._stopped = None  # the instant at which it stopped, or None while it runs
        self._ahead = 0.0  # seconds ahead of real time

    def now(self):
        with self._changed:
            return self._now()

    def _now(self):
        return time.monotonic() + self._ahead if self._stopped is None else self._stopped

    def told(self):
        with self._changed:
            return {"stopped": self._stopped is not None, "now": self._now()}

    def set(self, wish):
        """`stopped`: whether the clock stops. `advance`: seconds, for a stopped clock."""
        if not isinstance(wish, dict) or set(wish) - {"stopped", "advance"}:
            raise ValueError("clock: an object with stopped or advance is expected")
        seconds = wish.get("advance", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            raise ValueError(f"clock: {seconds!r} is not a number of seconds")
        with self._changed:
            now = self._now()
            if wish.get("stopped", self._stopped is not None):
                self._stopped = now + seconds
            else:
                if seconds:
                    raise ValueError("clock: only a clock that stands is advanced")
                self._stopped, self._ahead = None, now - time.monotonic()
            self._changed.notify_all()

    def sleep(self, seconds):
        with self._changed:
            end = self._now() + seconds
            while (left := end - self._now()) > 0:
                self._changed.wait(left if self._stopped is None else None)


CLOCK = Clock()
