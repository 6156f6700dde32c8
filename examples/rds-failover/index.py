"""A runbook that runs by itself when an RDS instance fails over.

Each step is done once for each failover, however often the event comes and wherever an earlier attempt broke off:
the incident's object says which steps are done.
"""

import json
import os
import urllib.request
from datetime import datetime

from bucket import Bucket


def handler(event, context):
    event = json.loads(event)
    bucket = Bucket(os.environ["BUCKET"], context)
    key = f"incidents/{event['id']}.json"
    incident = bucket.get_json(key) or {
        "id": event["id"], "time": event["time"], "type": event["type"],
        "instance": event["data"]["resourceId"].rsplit("/", 1)[-1], "name": event["data"]["instanceName"],
        "done": [],
    }
    for step in STEPS:
        if step.__name__ in incident["done"]:
            continue
        step(bucket, incident)
        incident["done"].append(step.__name__)
        bucket.put_json(key, incident)
        print(f"{incident['instance']}: {step.__name__}")
    return incident


def reconnect_applications(bucket, incident):
    """Says that connections from before are dead: applications watch this object."""
    key = f"reconnect/{incident['instance']}.json"
    known = bucket.get_json(key)
    if known is None or datetime.fromisoformat(incident["time"]) > datetime.fromisoformat(known["since"]):
        bucket.put_json(key, {"since": incident["time"], "incident": incident["id"]})


def page_on_call(bucket, incident):
    """Tells whoever is on call. The receiver recognises a repetition by its key."""
    page = {
        "summary": f"RDS {incident['name']} ({incident['instance']}) failed over at {incident['time']}",
        "incident": incident["id"],
    }
    headers = {"content-type": "application/json", "idempotency-key": incident["id"]}
    request = urllib.request.Request(os.environ["ON_CALL_URL"], json.dumps(page).encode(), headers)
    urllib.request.urlopen(request, timeout=10).read()


def write_report(bucket, incident):
    """Leaves a report for people to finish."""
    steps = "".join(f"- [x] {name.replace('_', ' ')}\n" for name in incident["done"])
    report = (
        f"# Failover of {incident['name']}\n\n"
        f"Instance {incident['instance']}, at {incident['time']}, event {incident['id']}.\n\n"
        f"{steps}- [ ] find out why the primary failed\n- [ ] check replication to the new secondary\n"
    )
    bucket.put(f"reports/{incident['id']}.md", report.encode(), "text/markdown; charset=utf-8")


STEPS = [reconnect_applications, page_on_call, write_report]
