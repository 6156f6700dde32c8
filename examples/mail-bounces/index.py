"""Keeps the list of addresses that must get no more mail, from what Direct Mail reports.

Each address is an object of its own, so that any number of calls can work at once and the same event twice makes the
same object twice. `check` is what a program asks before it sends.
"""

import hashlib
import json
import os
from datetime import datetime

from bucket import Bucket

# A mailbox that does not exist stays that way; a full one does not. Source: Direct Mail, `status` of a failed delivery.
INVALID_ADDRESS = "2"


def handler(event, context):
    event = json.loads(event)
    address, verdict = verdict_of(event)
    if verdict is None:
        print("nothing to remember: the address may work next time")
        return {"address": address, "changed": False}
    bucket = Bucket(os.environ["BUCKET"], context)
    key = key_of(address)
    known = bucket.get_json(key)
    # Events come in any order: only a newer one counts.
    changed = known is None or datetime.fromisoformat(event["time"]) > datetime.fromisoformat(known["asOf"])
    if changed:
        bucket.put_json(key, {"address": address, "asOf": event["time"], "event": event["id"], **verdict})
    print(f"{mask(address)}: {verdict if changed else 'known already'}")
    return {"address": address, "changed": changed}


def verdict_of(event):
    """Returns the address that an event is about, and what follows for it; None when nothing does."""
    data, kind = event["data"], event["type"]
    if kind == "dm:Deliver:Fail":
        is_permanent = data["status"] == INVALID_ADDRESS
        return data["rcpt"], {"suppressed": True, "because": data["err_msg"]} if is_permanent else None
    if kind == "dm:Feedback:FblReport":
        return data["block_email"], {"suppressed": True, "because": "reported as spam"}
    if kind == "dm:Feedback:UnSubscribe":
        return data["rcpt"], {"suppressed": True, "because": "unsubscribed"}
    if kind == "dm:Feedback:Subscribe":
        return data["rcpt"], {"suppressed": False, "because": "subscribed"}
    raise ValueError(f"no rule for events of the type {kind}")


def check(event, context):
    """Says of each address whether it may be written to: `{"addresses": [...]}`."""
    bucket = Bucket(os.environ["BUCKET"], context)
    answer = {}
    for address in json.loads(event)["addresses"]:
        known = bucket.get_json(key_of(address), {"suppressed": False})
        answer[address] = not known["suppressed"]
    return answer


def key_of(address):
    """Returns the key of an address: hashed, since names of objects end up in logs."""
    return f"addresses/{hashlib.sha256(address.strip().lower().encode()).hexdigest()}.json"


def mask(address):
    name, _, host = address.partition("@")
    return f"{name[:1]}***@{host}"
