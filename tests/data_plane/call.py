"""Calls operations with the official data-plane SDK: a list of calls comes as JSON, and a list of answers goes as JSON.

Run with the Python that has that SDK, which is another than that of the tests.
"""

import json
import os
import sys

from alibabacloud_eventbridge import models
from alibabacloud_eventbridge.client import Client
from Tea.exceptions import TeaException


def argument(call):
    """Returns the request of one call: a model of the SDK, or a list of events."""
    if call["operation"] == "put_events":
        return [models.CloudEvent(**{**event, "data": event["data"].encode()}) for event in call["request"]]
    name = "".join(word.title() for word in call["operation"].split("_"))
    model = call.get("model") or f"{name}Request"
    return getattr(models, model)().from_map(call["request"])


def answer(client, call):
    """Returns what the SDK returns, or which error it raises."""
    try:
        return {"ok": getattr(client, call["operation"])(argument(call)).to_map()}
    except TeaException as error:
        return {"error": {"code": error.code, "message": error.message}}


client = Client(models.Config(
    access_key_id=os.environ["KEY_ID"], access_key_secret=os.environ["KEY_SECRET"], endpoint=os.environ["API"],
))
json.dump([answer(client, call) for call in json.load(sys.stdin)], sys.stdout)
