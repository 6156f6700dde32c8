"""Testing a pattern without a rule. The corners of the language are tested where it lives."""

import pytest

from harness.refusals import business_error

EVENT = {"id": "1", "source": "acs.oss", "specversion": "1.0", "type": "oss:ObjectCreated:PutObject",
         "data": {"size": 300, "key": "in/a.jpg", "tags": ["a", "b"], "owner": None}}


@pytest.mark.parametrize("pattern, matches", [
    ({}, True),
    ({"source": ["acs.oss"]}, True),
    ({"source": ["acs.ecs"]}, False),
    ({"source": [{"prefix": "acs."}], "data": {"size": [{"numeric": [">", 100, "<=", 300]}]}}, True),
    ({"data": {"key": [{"suffix": ".png"}]}}, False),
    ({"data": {"key": [{"prefix": "in/", "suffix": ".jpg"}]}}, True),
    ({"data": {"tags": ["b"]}}, True),
    ({"data": {"owner": [None], "absent": [{"exists": False}]}}, True),
    ({"data": {"size": [{"anything-but": [300]}]}}, False),
], ids=str)
def test_a_pattern_matches_or_does_not(hub, pattern, matches):
    assert hub.test_pattern(pattern, EVENT) is matches


def test_a_wrong_pattern_is_an_error_and_not_a_mismatch(hub):
    with business_error("EventRuleFilterPatternSchemaError", "data.size"):
        hub.test_pattern({"data": {"size": [{"bigger": 1}]}}, EVENT)


@pytest.mark.parametrize("event", ["not json", "[]", "7"])
def test_an_event_that_is_no_object_is_an_error(hub, event):
    with business_error("EventInvalid"):
        hub.test_pattern({}, event)
