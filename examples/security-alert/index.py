"""Tells a webhook about what Cloud Config, Cloud Firewall and WAF find wrong, in one form for all three."""

import hashlib
import hmac
import json
import os
import urllib.request

from bucket import Bucket

LEVELS = {"INFO": 1, "WARN": 2, "WARNING": 2, "CRITICAL": 3}


def handler(event, context):
    event = json.loads(event)
    alert = alert_of(event)
    if LEVELS.get(alert["level"], 3) < LEVELS[os.environ["MIN_LEVEL"]]:
        print(f"{alert['title']}: {alert['level']} is below {os.environ['MIN_LEVEL']}")
        return {"sent": False, "because": "below the level"}
    bucket = Bucket(os.environ["BUCKET"], context)
    key = f"alerts/{event['source']}/{event['id']}.json"
    if bucket.get(key) is not None:
        print(f"{alert['title']}: sent before")
        return {"sent": False, "because": "sent before"}
    send(alert)
    # Only now: a call that fails before this line is tried again.
    bucket.put_json(key, alert)
    print(f"{alert['title']}: sent")
    return {"sent": True}


def alert_of(event):
    """Returns what people want to know, whichever service the event is from."""
    data, kind = event["data"], event["type"]
    if kind.endswith(":Config:NonCompliantNotification"):
        found = data["evaluationResultIdentifier"]["evaluationResultQualifier"]
        level = data["riskLevel"].upper()
        title = f"{found['resourceType']} breaks the rule {found['configRuleName']}"
        resource = found["resourceName"] or found["resourceId"]
    else:
        level, title, resource = data["level"].upper(), data["name"], data["resourceId"]
    return {
        "id": event["id"], "time": event["time"], "source": event["source"], "type": kind,
        "level": level, "title": title, "resource": resource,
        "text": f"[{level}] {title}: {resource}",
    }


def send(alert):
    """Posts the alert. The receiver can check who sent it, and recognise one that it has already."""
    body = json.dumps(alert, ensure_ascii=False).encode()
    signature = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "idempotency-key": alert["id"], "x-signature-sha256": signature}
    request = urllib.request.Request(os.environ["WEBHOOK_URL"], body, headers)
    # Anything but a success is an exception, and the platform tries again.
    urllib.request.urlopen(request, timeout=10).read()
