"""Short ways to use buses, rules and events through the official SDK."""

import json

from alibabacloud_eventbridge20200401 import models

from harness import clients
from harness.server import ACCOUNT_ID, REGION


class Refused(Exception):
    """The service answered `Success: false`: the SDK itself raises nothing then."""

    def __init__(self, body):
        super().__init__(f"{body.code}: {body.message}")
        self.code, self.message, self.request_id = body.code, body.message, body.request_id


def checked(response):
    """Returns the body of an answer; raises `Refused` when it is a business error."""
    if response.body.success is not True:
        raise Refused(response.body)
    return response.body


def bus_arn(bus):
    return f"acs:eventbridge:{REGION}:{ACCOUNT_ID}:eventbus/{bus}"


def rule_arn(bus, rule):
    return f"{bus_arn(bus)}/rule/{rule}"


def function_arn(function):
    return f"acs:fc:{REGION}:{ACCOUNT_ID}:functions/{function}"


def function_target(function, id="t1", kind="Async", body=None, **settings):
    """Returns a target that sends whole events (or what `body` makes of them) to a function."""
    body = body or {"ResourceKey": "Body", "Form": "ORIGINAL"}
    constants = {"serviceName": "", "functionName": function, "Qualifier": "LATEST", "InvocationType": kind}
    parameters = [{"ResourceKey": key, "Form": "CONSTANT", "Value": value} for key, value in constants.items()]
    return {"Id": id, "Type": "acs.fc.function", "Endpoint": function_arn(function), "ParamList": [*parameters, body], **settings}


def event(id, source="shop", type="order:Placed", data=None, **attributes):
    """Returns an event for `Hub.put`."""
    return models.PutEventsRequestEventList(
        id=id, source=source, type=type, data={} if data is None else data, spec_version="1.0",
        data_content_type="application/json", **attributes,
    )


class Hub:
    """Uses an event hub with good defaults; business errors become `Refused`."""

    def __init__(self, server, client=None):
        self.client = client or clients.event_bridge(server)

    def create_bus(self, bus, description=None):
        request = models.CreateEventBusRequest(event_bus_name=bus, description=description)
        return checked(self.client.create_event_bus(request)).data

    def delete_bus(self, bus):
        return checked(self.client.delete_event_bus(models.DeleteEventBusRequest(event_bus_name=bus)))

    def create_rule(self, bus, rule, pattern, targets=(), **settings):
        pattern = pattern if pattern is None or isinstance(pattern, str) else json.dumps(pattern)
        targets = [models.CreateRuleRequestEventTargets().from_map(target) for target in targets] or None
        request = models.CreateRuleRequest(
            event_bus_name=bus, rule_name=rule, filter_pattern=pattern, event_targets=targets, **settings,
        )
        return checked(self.client.create_rule(request)).data

    def get_rule(self, bus, rule):
        return checked(self.client.get_rule(models.GetRuleRequest(event_bus_name=bus, rule_name=rule))).data

    def list_rules(self, bus, prefix=None):
        request = models.ListRulesRequest(event_bus_name=bus, rule_name_prefix=prefix)
        return checked(self.client.list_rules(request)).data.rules

    def delete_rule(self, bus, rule):
        return checked(self.client.delete_rule(models.DeleteRuleRequest(event_bus_name=bus, rule_name=rule)))

    def put_targets(self, bus, rule, targets):
        targets = [models.PutTargetsRequestTargets().from_map(target) for target in targets]
        request = models.PutTargetsRequest(event_bus_name=bus, rule_name=rule, targets=targets)
        return checked(self.client.put_targets(request)).data

    def delete_targets(self, bus, rule, ids):
        request = models.DeleteTargetsRequest(event_bus_name=bus, rule_name=rule, target_ids=list(ids))
        return checked(self.client.delete_targets(request)).data

    def list_targets(self, bus, rule):
        request = models.ListTargetsRequest(event_bus_name=bus, rule_name=rule)
        return checked(self.client.list_targets(request)).data.targets

    def put(self, bus, *events):
        """Puts events and returns the entries of the answer, in the order of the events."""
        request = models.PutEventsRequest(event_bus_name=bus, event_list=list(events))
        return checked(self.client.put_events(request)).data

    def put_accepted(self, bus, *events):
        """Puts events, all of which must be accepted."""
        answer = self.put(bus, *events)
        assert answer.failed_entry_count == 0, answer.to_map()
        return answer.entry_list

    def test_pattern(self, pattern, event):
        text = [part if isinstance(part, str) else json.dumps(part) for part in (pattern, event)]
        request = models.TestEventPatternRequest(event_pattern=text[0], event=text[1])
        return checked(self.client.test_event_pattern(request)).data.result

    def trace(self, bus, event_id):
        """Returns the trace of an event as the SDK's entries."""
        request = models.QueryEventTracesRequest(event_bus_name=bus, event_id=event_id)
        return checked(self.client.query_event_traces(request)).data or []
