"""What the kernel knows of connections, for facts that no answer tells."""

import pathlib
import sys


def has_read_all(sock):
    """Returns whether the process at the other end, on this machine, has read all that was sent over an IPv4 connection."""
    here, there = (_written(address) for address in (sock.getsockname(), sock.getpeername()))
    # In this order: what has left us is over there, read or not.
    return _queues(here, there)[0] == 0 and _queues(there, here)[1] == 0


def _queues(local, remote):
    """Returns how many bytes of a connection are not acknowledged, and not read, at its local end; `None` without one."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == [local, remote]:
            return tuple(int(count, 16) for count in fields[4].split(":"))
    return None, None


def _written(address):
    """Returns an address as the kernel's table has it: the bytes as one number of this machine, and the port."""
    host, port = address
    number = int.from_bytes(bytes(int(part) for part in host.split(".")), sys.byteorder)
    return f"{number:08X}:{port:04X}"
