"""CBOR, as far as CloudWatch's requests and answers need it (RFC 8949, without big numbers)."""

import struct
from datetime import datetime, timezone


def encode(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return head(3, len(data)) + data
    if isinstance(value, datetime):  # tag 1: seconds since 1970
        return b"\xc1" + encode(value.timestamp())
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())
    return head(4, len(value)) + b"".join(map(encode, value))


def head(major, number):
    for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + struct.pack(form, number)
    raise ValueError(number)


def decode(data):
    value, _ = item(data, 0)
    return value


BREAK = object()


def item(data, at):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        simple = {20: False, 21: True, 22: None, 23: None, 31: BREAK}
        if info in simple:
            return simple[info], at
        form, size = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}[info]
        return struct.unpack(form, data[at : at + size])[0], at + size
    number = info
    if 24 <= info <= 27:
        size = 1 << info - 24
        number, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major in (0, 1):
        return (number if major == 0 else -1 - number), at
    if major in (2, 3):
        if info == 31:
            parts = b""
            while (part := item(data, at))[0] is not BREAK:
                parts, at = parts + (part[0].encode() if major == 3 else part[0]), part[1]
            raw, at = parts, at + 1
        else:
            raw, at = data[at : at + number], at + number
        return (raw.decode() if major == 3 else raw), at
    if major == 6:
        value, at = item(data, at)
        return (datetime.fromtimestamp(value, timezone.utc) if number == 1 else value), at
    values = []
    left = float("inf") if info == 31 else number * (2 if major == 5 else 1)
    while left > 0:
        value, at = item(data, at)
        if value is BREAK:
            break
        values.append(value)
        left -= 1
    return (values if major == 4 else dict(zip(values[::2], values[1::2]))), at
