"""Targets, dead letters and redrives through Kulkul's own operations, which no official client knows."""

import json
import urllib.parse

from harness import raw
from harness.waiting import wait_until


class TargetError(Exception):
    """The server refused."""

    def __init__(self, answer):
        body = answer.json()
        super().__init__(f"{answer.status_code} {body}")
        self.status, self.code, self.message = answer.status_code, body["Code"], body["Message"]


def rule_target(bus, rule, target="t1"):
    """Returns the name of a rule's target."""
    return f"rule/{bus}/{rule}/{target}"


# More than an asynchronous invocation may have, so that it is given up at its first attempt.
TOO_MUCH = {"filler": "x" * 140_000}


def put_all(hub, bus, events, at_once=5):
    """Puts any number of events: one request takes few, and a megabyte."""
    for first in range(0, len(events), at_once):
        hub.put_accepted(bus, *events[first:first + at_once])


class Targets:
    """Looks at targets and dead letters, and changes them."""

    def __init__(self, server):
        self.server = server

    def call(self, method, *path, body=None, **query):
        query = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        query = f"?{urllib.parse.urlencode(query)}" if query else ""
        target = "/kulkul/v1/" + "/".join(urllib.parse.quote(part, safe="") for part in path) + query
        text = "" if body is None else json.dumps(body)
        answer = raw.call(self.server, method, target, text, {"content-type": "application/json"})
        if answer.status_code != 200:
            raise TargetError(answer)
        return answer.json()

    def get(self, name):
        return self.call("GET", "targets", name)

    def list(self, **query):
        return self.call("GET", "targets", **query)["targets"]

    def pause(self, name):
        return self.call("POST", "targets", name, "pause")

    def resume(self, name):
        return self.call("POST", "targets", name, "resume")

    def wait_for_state(self, name, state, within=30.0):
        return wait_until(lambda: self.get(name)["state"] == state, within, lambda: f"{state}: {self.get(name)}")

    def dead_letters(self, **query):
        return self.call("GET", "dead-letters", **query)["deadLetters"]

    def wait_for_dead_letters(self, count, within=30.0, **query):
        """Returns the dead letters that are found once there are so many."""
        found = lambda: self.dead_letters(limit=1000, **query)  # noqa: E731
        return wait_until(lambda: (letters := found()) and len(letters) == count and letters, within, lambda: len(found()))

    def redrive(self, id, to=None):
        return self.call("POST", "dead-letters", id, "redrive", body={"to": to})

    def order_redrive(self, filter=None, to=None, per_second=1000):
        order = {"filter": filter or {}, "to": to, "lettersPerSecond": per_second}
        return self.call("POST", "redrives", body=order)

    def get_redrive(self, id):
        return self.call("GET", "redrives", id)

    def wait_for_redrive(self, id, within=30.0):
        """Returns a redrive once it has ended."""
        ended = lambda: (redrive := self.get_redrive(id))["state"] != "running" and redrive  # noqa: E731
        return wait_until(ended, within, lambda: self.get_redrive(id))
