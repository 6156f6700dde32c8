"""Fixtures of the tests of commands."""

import pytest

from harness.commands import Commands


@pytest.fixture
def commands(binary, fresh_server):
    """Runs commands against a fresh server."""
    return Commands(binary, fresh_server)


@pytest.fixture
def kulkul(commands):
    """Runs a command: `kulkul("invoke", "echo")`."""
    return commands.run


@pytest.fixture
def succeed(commands):
    """Runs a command that must succeed, and returns what it printed."""
    return commands.succeed
