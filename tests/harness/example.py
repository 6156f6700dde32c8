"""One of the examples, deployed with its own file on a server of its own."""

import json
import pathlib
import shlex

from harness import clients
from harness.commands import Commands
from harness.readme import commands_in
from harness.waiting import wait_until

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]


class Example:
    """One example on a server of its own."""

    def __init__(self, name, binary, server):
        self.directory = CHECKOUT / "examples" / name
        self.commands = Commands(binary, server)
        self.server = server

    def deploy(self, **environment):
        """Deploys it, checks that a second time changes nothing, and returns the changes of the first."""
        def run():
            return self.commands.document("deploy", self.directory, environment=environment)["changes"]
        first, second = run(), run()
        assert {change["action"] for change in first} == {"create"}
        assert {change["action"] for change in second} == {"keep"}
        return first

    def put(self, event):
        """Puts an event and waits until all that it caused has succeeded; returns what was printed meanwhile."""
        self.send(event)
        return self.log(event)

    def log(self, event):
        """Returns what all calls for an event printed, once they have succeeded."""
        traced = self.settled(event)
        return "".join(attempt["log"] or "" for delivery in traced["deliveries"] for attempt in delivery["attempts"])

    def send(self, event):
        """Puts an event and does not wait for anything."""
        self.commands.succeed("event", "put", "--file", "-", input=json.dumps(event))

    def settled(self, event):
        """Returns the newest trace of an event once every delivery of it has succeeded."""
        def look():
            traced = self.commands.document("event", "trace", event["id"])["events"]
            newest = max(traced, key=lambda trace: trace["acceptedAt"])
            return newest if all(
                any(attempt["succeeded"] for attempt in delivery["attempts"]) for delivery in newest["deliveries"]) else None
        return wait_until(look, what=lambda: self.commands.run("event", "trace", event["id"]).stdout)

    def bucket(self, name):
        return clients.oss2_bucket(self.server, name)

    def document(self, bucket, key):
        """Returns the JSON document in an object."""
        return json.loads(self.bucket(bucket).get_object(key).read())

    def keys(self, bucket, prefix=""):
        return [found.key for found in self.bucket(bucket).list_objects(prefix=prefix).object_list]

    def invoke(self, function, payload):
        return json.loads(self.commands.succeed("invoke", function, "--payload", json.dumps(payload)))

    def try_it(self):
        """Runs what its page tells people to try, and returns what each command printed."""
        typed = commands_in((self.directory / "README.md").read_text(), "Try it")
        assert typed and all(line.startswith("kulkul ") for line in typed), typed
        told = {}
        for line in typed:
            told[line] = self.commands.succeed(*shlex.split(line)[1:])
            if line.startswith("kulkul event put"):
                event = told[line].split()[1]
                self.settled({"id": event})
        return told
