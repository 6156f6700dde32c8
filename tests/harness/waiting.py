"""Waiting on facts, with a deadline, instead of sleeping and hoping."""

import time


class NeverHappened(AssertionError):
    """A condition that a test waited for did not become true in time."""


def wait_until(condition, within=20.0, what=None, every=0.02):
    """Returns the first true value of `condition()`; raises `NeverHappened` after `within` seconds.

    `what` names the fact in the failure; a callable is asked only then, so that it can say what was
    there instead.
    """
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise NeverHappened(f"did not happen within {within} s: {text or condition}")
        time.sleep(every)
