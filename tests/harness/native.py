"""Kulkul's own operations, below `/kulkul/v1`, which no official client knows."""

import json
import urllib.parse

from harness import raw


class NativeError(Exception):
    """The server refused."""

    def __init__(self, answer):
        body = answer.json()
        super().__init__(f"{answer.status_code} {body}")
        self.status, self.code, self.message = answer.status_code, body["Code"], body["Message"]


class Native:
    """Calls Kulkul's own operations; paths are below `/kulkul/v1/`, their parts are encoded by the caller."""

    def __init__(self, server):
        self.server = server

    def call(self, method, path, document=None, **query):
        query = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
        target = f"/kulkul/v1/{path}" + (f"?{query}" if query else "")
        text = "" if document is None else json.dumps(document)
        answer = raw.call(self.server, method, target, text, {"content-type": "application/json"})
        if answer.status_code != 200:
            raise NativeError(answer)
        return answer.json()

    def events(self, bus, **query):
        """Returns all events that a query finds, over all pages."""
        if "from_" in query:
            query["from"] = query.pop("from_")
        found, after = [], None
        while True:
            page = self.call("GET", f"buses/{bus}/events", after=after, **query)
            found += page["events"]
            after = page["next"]
            if after is None:
                return found

    def ids(self, bus, **query):
        return [event["id"] for event in self.events(bus, **query)]

    def explain(self, bus, id, **query):
        return self.call("GET", f"buses/{bus}/events/{urllib.parse.quote(id, safe='')}/explanation", **query)
