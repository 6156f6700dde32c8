"""Expecting that something is refused, in the way that the official SDKs show it."""

import contextlib

import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from harness.event_bridge import Refused


@contextlib.contextmanager
def refused(code, status=None, message=None):
    """Expects the SDK to raise a refusal with this code, and status and part of the message where given."""
    with pytest.raises(AlibabaCloudException) as raised:
        yield raised
    error = raised.value
    assert error.code == code, f"{error.code} ({error.status_code}): {error.message}"
    assert status is None or error.status_code == status, f"{error.status_code}: {error.message}"
    assert message is None or message in error.message, error.message
    assert error.request_id, "a refusal says which request it is about"


@contextlib.contextmanager
def business_error(code, message=None):
    """Expects EventBridge to answer `Success: false` with this code."""
    with pytest.raises(Refused) as raised:
        yield raised
    error = raised.value
    assert error.code == code, f"{error.code}: {error.message}"
    assert message is None or message in error.message, error.message
    assert error.request_id, "a refusal says which request it is about"
