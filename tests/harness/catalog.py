"""Short ways to use the registry of event sources: Kulkul's own operations below `/kulkul/v1`."""

import json

from alibabacloud_eventbridge20200401 import models

from harness import raw


def sources(server, query=""):
    """Returns the event sources of the registry by name; of a name on several buses, the last one."""
    answer = raw.call(server, "GET", f"/kulkul/v1/event-sources{query}")
    assert answer.status_code == 200, answer.text
    return {source["name"]: source for source in answer.json()["sources"]}


def types(source):
    """Returns the names of the types of a source of `sources`."""
    return [kind["type"] for kind in source["types"]]


def sample(server, source, type, **wishes):
    """Returns the answer to a wish for a sample."""
    body = json.dumps({"source": source, "type": type, **wishes})
    return raw.call(server, "POST", "/kulkul/v1/samples", body, {"content-type": "application/json"})


def put_addition(server, name, text, content_type="application/json", **options):
    """Stores source documents under a name and returns the answer."""
    path = f"/kulkul/v1/catalog/additions/{name}"
    return raw.call(server, "PUT", path, text, {"content-type": content_type}, **options)


def as_entry(sample):
    """Returns what `Hub.put` takes. Extension attributes do not fit into it."""
    return models.PutEventsRequestEventList(
        id=sample["id"], source=sample["source"], type=sample["type"], spec_version=sample["specversion"],
        time=sample["time"], subject=sample.get("subject"), data=sample["data"],
        data_content_type=sample["datacontenttype"],
    )


def core(event):
    """Returns an event without extension attributes: what a producer can say with every official client."""
    extensions = [name for name in event if name.startswith("aliyun") or name == "kulkulsample"]
    return {name: value for name, value in event.items() if name not in extensions}
