"""Message queues as targets of rules."""

import base64
import json

import pytest

from harness import queues
from harness.event_bridge import event
from harness.server import ACCOUNT_ID, REGION
from harness.waiting import wait_until

ORIGINAL = {"ResourceKey": "Body", "Form": "ORIGINAL"}


def queue_target(queue, encoded, body=ORIGINAL, prefix="queues", **settings):
    constants = {"queue": queue, "IsBase64Encode": encoded}
    parameters = [{"ResourceKey": key, "Form": "CONSTANT", "Value": value} for key, value in constants.items()]
    endpoint = f"acs:mns:{REGION}:{ACCOUNT_ID}:{prefix}/{queue}"
    return {"Id": "t1", "Type": "acs.mns.queue", "Endpoint": endpoint, "ParamList": [*parameters, body], **settings}


@pytest.mark.parametrize("encoded, prefix", [("true", "queues"), ("false", "/queues")])
def test_an_event_becomes_a_message(server, hub, unique, encoded, prefix):
    bus, name = unique("bus"), unique("target")
    queue = queues.create_queue(server, name, encoded=False)
    hub.create_bus(bus)
    hub.create_rule(bus, "to-queue", {"source": ["shop"]}, [queue_target(name, encoded, prefix=prefix)])
    hub.put_accepted(bus, event("e1", data={"amount": 7}))
    text = queue.receive_message_with_str_body(30).message_body
    arrived = json.loads(base64.b64decode(text) if encoded == "true" else text)
    assert (arrived["id"], arrived["type"], arrived["data"]) == ("e1", "order:Placed", {"amount": 7})


def test_a_transform_makes_the_message(server, hub, unique):
    bus, name = unique("bus"), unique("target")
    queue = queues.create_queue(server, name, encoded=False)
    hub.create_bus(bus)
    body = {"ResourceKey": "Body", "Form": "TEMPLATE", "Value": '{"id":"$.id"}', "Template": "order ${id} <placed>"}
    hub.create_rule(bus, "to-queue", {"source": ["shop"]}, [queue_target(name, "false", body)])
    hub.put_accepted(bus, event("e2"))
    assert queue.receive_message_with_str_body(30).message_body == "order e2 <placed>"


def test_a_message_that_the_queue_cannot_take_is_given_up(server, hub, unique):
    bus, name = unique("bus"), unique("target")
    queue = queues.create_queue(server, name, encoded=False, max_msg_size=1024)
    hub.create_bus(bus)
    hub.create_rule(bus, "to-queue", {"source": ["shop"]}, [queue_target(name, "false")])
    hub.put_accepted(bus, event("large", data={"text": "x" * 2000}), event("small"))
    assert json.loads(queue.receive_message_with_str_body(30).message_body)["id"] == "small"
    def told():
        return [entry for entry in hub.trace(bus, "large") if "1024" in json.dumps(entry.to_map())]
    wait_until(told, what=lambda: [entry.to_map() for entry in hub.trace(bus, "large")])
    assert queues.counts(queue)[0] == 0
