"""A large object needs no more memory than a small one."""

from objects.conftest import oss2_bucket

MIB = 1024 * 1024
GIB = 1024 * MIB


def pieces(count_bytes):
    piece = bytes(range(256)) * 4096
    for _ in range(count_bytes // MIB):
        yield piece


def peak_mib(server):
    """Returns the most memory that the server has had resident so far."""
    for line in open(f"/proc/{server.pid}/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


def read_through(body):
    return sum(len(piece) for piece in iter(lambda: body.read(MIB), b""))


def test_a_gibibyte_moves_in_constant_memory(new_server, unique):
    server = new_server()
    bucket = oss2_bucket(server, unique("large"), "v1")
    bucket.put_object("small", pieces(MIB))
    assert read_through(bucket.get_object("small")) == MIB
    small = peak_mib(server)
    bucket.put_object("large", pieces(GIB))
    assert read_through(bucket.get_object("large")) == GIB
    assert peak_mib(server) - small < 32
    assert bucket.head_object("large").content_length == GIB
