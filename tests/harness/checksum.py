"""CRC-64 as Function Compute and OSS compute it: ECMA-182, reflected."""

POLYNOMIAL = 0xC96C5795D7870F42


def _table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ POLYNOMIAL if byte & 1 else byte >> 1
        yield byte


TABLE = tuple(_table())


def crc64(data):
    """Returns the checksum as the decimal text that the API uses."""
    value = (1 << 64) - 1
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return str(value ^ (1 << 64) - 1)


assert crc64(b"123456789") == "11051210869376104954"
