"""Short ways to describe targets beside functions."""

from harness.event_bridge import bus_arn
from harness.server import ACCOUNT_ID, REGION

WHOLE = {"ResourceKey": "Body", "Form": "ORIGINAL"}


def constants(**values):
    return [{"ResourceKey": key, "Form": "CONSTANT", "Value": value} for key, value in values.items()]


def http_target(url, id="t1", body=WHOLE, token=None, kind=None, **settings):
    """Returns a target that posts whole events, or what `body` makes of them, to an address."""
    values = {"url": url, "Network": "PublicNetwork", **({"Token": token} if token else {})}
    params = [*constants(**values), *([{"ResourceKey": "Body", **body}] if body else [])]
    return {"Id": id, "Type": kind or url.split(":")[0], "Endpoint": url, "ParamList": params, **settings}


def bus_target(bus, id="t1", **settings):
    """Returns a target that puts events on another bus."""
    params = constants(RegionId=REGION, AccountType="SameAccount", AccountId=ACCOUNT_ID, EventBusName=bus)
    return {"Id": id, "Type": "acs.eventbridge", "Endpoint": bus_arn(bus), "ParamList": [*params, WHOLE], **settings}


def pushes(hub, bus, id):
    """Returns how each attempt at an event ended, the first one first."""
    return [entry.notify_status for entry in hub.trace(bus, id) if entry.action == "PushEvent"]
