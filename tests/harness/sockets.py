"""Ports, and what the kernel knows of connections, for facts that no answer tells."""

import pathlib
import random
import socket
import sys


def free_port():
    """Returns a free port on loopback that stays free while nobody listens.

    It lies below those that the system gives to connections and to whoever asks for any port, so none of them gets it
    while a server is down between two starts.
    """
    given_from = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10_000, given_from), 100):
        with socket.socket() as probe:
            # As the server does, which may listen where a closed connection still lingers.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port below {given_from} was found")


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
