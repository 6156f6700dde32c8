"""ecs-guard: stopped instances leave the load balancer's record, and come back."""

import json

STATE_CHANGE = "ecs:Instance:StateChange"
RECORD = "load-balancers/web.json"


def test_a_stopped_instance_is_taken_out_and_put_back(example, sample):
    example.deploy()
    record = {"loadBalancer": "lb-1", "servers": [{"instance": "i-a", "weight": 100}, {"instance": "i-b", "weight": 40}]}
    example.bucket("operations").put_object(RECORD, json.dumps(record))

    def state(instance, state, id, time):
        example.put(sample(STATE_CHANGE, {"resourceId": instance, "state": state}, id=id, time=time))
        return {server["instance"]: server["weight"] for server in example.document("operations", RECORD)["servers"]}

    assert state("i-b", "Stopping", "e1", "2026-11-29T08:00:00Z") == {"i-a": 100, "i-b": 0}
    assert state("i-b", "Stopped", "e2", "2026-11-29T08:00:09Z") == {"i-a": 100, "i-b": 0}
    assert state("i-b", "Running", "e3", "2026-11-29T08:01:00Z") == {"i-a": 100, "i-b": 40}
    # The first event once more: it is older than what is known.
    assert state("i-b", "Stopping", "e1", "2026-11-29T08:00:00Z") == {"i-a": 100, "i-b": 40}
    assert state("i-unknown", "Stopped", "e4", "2026-11-29T08:02:00Z") == {"i-a": 100, "i-b": 40}


def test_other_states_do_not_call_it(example, sample):
    example.deploy()
    event = sample(STATE_CHANGE, {"state": "Starting"}, id="e1")
    assert example.put(event) == ""
    assert example.settled(event)["deliveries"] == []


def test_the_page_is_true(example):
    example.deploy()
    record = {"loadBalancer": "lb-bp1kulkul", "servers": [
        {"instance": "i-bp1kulkul0000000a001", "weight": 100}, {"instance": "i-bp1kulkul0000000a002", "weight": 40}]}
    example.bucket("operations").put_object(RECORD, json.dumps(record))
    told = example.try_it()
    assert "i-bp1kulkul0000000a001 is Stopped: taken out" in "".join(told.values())
