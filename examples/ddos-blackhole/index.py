"""Keeps a public status page in step with the blackhole filtering of Anti-DDoS.

While an instance is in the blackhole, nothing reaches it: the page says so, from a place that the attack does not
reach. The page is made anew from the list of incidents each time.
"""

import html
import json
import os
from datetime import datetime

from bucket import Bucket

INCIDENTS = "incidents.json"
PAGE = "index.html"
KEPT = 50


def handler(event, context):
    event = json.loads(event)
    bucket = Bucket(os.environ["BUCKET"], context)
    incidents = bucket.get_json(INCIDENTS, [])
    change = apply(incidents, event)
    if change:
        del incidents[:-KEPT]
        bucket.put_json(INCIDENTS, incidents)
    # Always: an earlier attempt may have ended between the two.
    bucket.put(PAGE, page_of(incidents).encode(), "text/html; charset=utf-8")
    print(f"{event['data']['instanceName']}: {change or 'nothing new'}")
    return {"change": change}


def apply(incidents, event):
    """Changes the list as the event demands, and says how; None when it knew already.

    The end may arrive before the beginning, and each of them twice: what happened when decides, not what came when.
    """
    data = event["data"]
    seen = {"instance": data["instanceName"], "time": event["time"], "event": event["id"]}
    if any(event["id"] in (incident.get("startEvent"), incident.get("endEvent")) for incident in incidents):
        return None
    of_instance = [incident for incident in incidents if incident["instance"] == seen["instance"]]
    if data["status"] == "blackhole_end":
        before = [i for i in of_instance if "end" not in i and moment(i["start"]) <= moment(seen["time"])]
        incident = before[-1] if before else {"instance": seen["instance"]}
        incident.update(end=seen["time"], endEvent=seen["event"])
        change = "over"
    else:
        after = [i for i in of_instance if "start" not in i and moment(i["end"]) >= moment(seen["time"])]
        incident = after[0] if after else {"instance": seen["instance"]}
        incident.update(start=seen["time"], startEvent=seen["event"])
        change = "begun"
    if incident not in incidents:
        incidents.append(incident)
    return change


def moment(time):
    return datetime.fromisoformat(time)


def page_of(incidents):
    """Returns the page, the newest incident first."""
    is_under_way = any("end" not in incident for incident in incidents)
    state = "Some services are unreachable" if is_under_way else "All services are reachable"
    rows = "".join(
        f"<tr><td>{html.escape(incident['instance'])}</td><td>{incident.get('start', 'unknown')}</td>"
        f"<td>{incident.get('end', 'under way')}</td></tr>\n"
        for incident in reversed(incidents)
    )
    return (
        f"<!doctype html>\n<title>Status</title>\n<h1>{state}</h1>\n"
        f"<table>\n<tr><th>Instance</th><th>Since</th><th>Until</th></tr>\n{rows}</table>\n"
    )
