"""Function code as zip archives, good ones and hostile ones."""

import base64
import io
import struct
import zipfile
import zlib


def zip_of(files, executable=()):
    """Returns the bytes of a zip with `files` (name to text or bytes).

    Names in `executable`, and a `bootstrap`, get the executable bit.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if name in executable or name == "bootstrap" else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def base64_zip_of(files, executable=()):
    """Returns `zip_of(files)` in the form that `InputCodeLocation.zipFile` wants."""
    return base64.b64encode(zip_of(files, executable)).decode()


def zip_bomb(unpacked_mib=3072, claimed_mib=None):
    """Returns a zip of about 1 KiB per MiB whose only file unpacks to `unpacked_mib` MiB of zeros.

    `claimed_mib` makes its headers lie about that size. At most 4095 of either.
    """
    packed = _packed_zeros(unpacked_mib)
    size = (unpacked_mib if claimed_mib is None else claimed_mib) << 20
    name = b"zeros"
    # Version 2.0, no flags, deflate, midnight of 2026-01-01, no checksum: nobody may get far enough to compare it.
    common = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0x5C21, 0, len(packed), size) + struct.pack("<HH", len(name), 0)
    local = b"PK\x03\x04" + common + name + packed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _packed_zeros(mib):
    """Returns a deflate stream of `mib` MiB of zeros, made by repeating the packed form of one MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return one * mib + b"\x03\x00"


def zip_with_symlink(name, to):
    """Returns a zip that holds `index.py` and a symbolic link `name` that points to `to`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return 'ok'\n")
        entry = zipfile.ZipInfo(name)
        entry.create_system = 3
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, to)
    return buffer.getvalue()
