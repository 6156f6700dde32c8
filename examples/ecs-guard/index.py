"""Keeps a load balancer's record in step with its ECS instances.

An instance that stops gets no more traffic: its weight in the record becomes 0. When it runs again, it gets its
weight back. The record is an object that whoever configures the load balancer reads.
"""

import json
import os
from datetime import datetime

from bucket import Bucket

RECORD = os.environ["RECORD"]
OUT = {"Stopping", "Stopped", "Deleted"}
IN = {"Running"}


def handler(event, context):
    event = json.loads(event)
    instance, state = event["data"]["resourceId"], event["data"]["state"]
    bucket = Bucket(os.environ["BUCKET"], context)
    record = bucket.get_json(RECORD)
    if record is None:
        raise RuntimeError(f"there is no record {RECORD} in the bucket {bucket.name}")
    change = apply(record, instance, state, event["time"])
    if change:
        bucket.put_json(RECORD, record)
    print(f"{instance} is {state}: {change or 'nothing to change'}")
    return {"instance": instance, "state": state, "change": change}


def apply(record, instance, state, time):
    """Changes the record as far as the event demands, and says what changed; None when nothing did.

    Events come at least once and in any order, so the record remembers of each instance the time of the last event
    that counted. An event that is not newer says nothing new.
    """
    server = next((server for server in record["servers"] if server["instance"] == instance), None)
    if server is None or ("asOf" in server and not is_newer(time, server["asOf"])):
        return None
    if state in OUT and server["weight"] > 0:
        server.update(weightWhenRunning=server["weight"], weight=0)
        change = "taken out"
    elif state in IN and server["weight"] == 0:
        server["weight"] = server.pop("weightWhenRunning", 100)
        change = "put back"
    else:
        return None
    server["asOf"] = time
    return change


def is_newer(time, other):
    return datetime.fromisoformat(time) > datetime.fromisoformat(other)
