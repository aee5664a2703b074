"""What happens to files: on the disk, on the way, and by somebody's hand.

A mutation takes a `random.Random`, the `Kind` of a file, and the content of another file. It
returns the bytes of the damaged file. None of them makes an honest file that holds something else.
"""

import io
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable

import numpy as np

from tests.fuzz_files.honest import Kind

Mutation = Callable[[random.Random, Kind, bytes], bytes]
BOMB = 1 << 23
# Where the fields of the zip format's headers are, as offsets and sizes.
LOCAL = {4: 2, 6: 2, 8: 2, 10: 2, 12: 2, 14: 4, 18: 4, 22: 4, 26: 2, 28: 2}
CENTRAL = {4: 2, 6: 2, 8: 2, 10: 2, 16: 4, 20: 4, 24: 4, 28: 2, 30: 2, 32: 2, 34: 2, 38: 4, 42: 4}
END = {4: 2, 6: 2, 8: 2, 10: 2, 12: 4, 16: 4, 20: 2}


def flip_bits(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    changed = bytearray(kind.content)
    for _ in range(draw.randint(1, 8)):
        bit = draw.randrange(8 * len(changed))
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flip_a_bit_of_the_directory(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    changed = bytearray(kind.content)
    start = zipfile.ZipFile(io.BytesIO(kind.content)).start_dir
    bit = draw.randrange(8 * start, 8 * len(changed))
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def a_range(draw: random.Random, content: bytes) -> tuple[int, int]:
    start = draw.randrange(len(content))
    return start, min(len(content), start + int(2 ** draw.uniform(0, 13)))


def overwrite(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    start, end = a_range(draw, kind.content)
    return kind.content[:start] + draw.randbytes(end - start) + kind.content[end:]


def zero(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    start, end = a_range(draw, kind.content)
    return kind.content[:start] + bytes(end - start) + kind.content[end:]


def duplicate(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    start, end = a_range(draw, kind.content)
    return kind.content[:end] + kind.content[start:]


def cut_out(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    start, end = a_range(draw, kind.content)
    return kind.content[:start] + kind.content[end:]


def insert(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    start, end = a_range(draw, kind.content)
    return kind.content[:start] + draw.randbytes(end - start) + kind.content[start:]


def cut_off(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    return kind.content[: draw.randrange(len(kind.content))]


def splice(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    first, second = draw.sample([kind.content, other], 2)
    place = draw.randrange(len(first))
    resumed = draw.choice([place, draw.randrange(len(second))])
    return first[:place] + second[resumed:]


def change_a_header(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    """Set one or two fields of the zip format's headers."""
    changed = bytearray(kind.content)
    for _ in range(draw.randint(1, 2)):
        start, fields = draw.choice(headers(kind.content))
        offset, size = draw.choice([*fields.items()])
        place = slice(start + offset, start + offset + size)
        value, largest = int.from_bytes(changed[place], "little"), 256**size - 1
        values = [0, 1, largest, largest // 2, value + 1, value - 1, draw.randint(0, largest)]
        changed[place] = (draw.choice(values) & largest).to_bytes(size, "little")
    return bytes(changed)


def headers(content: bytes) -> list[tuple[int, dict[int, int]]]:
    """Return where the headers of a file are, and the fields of each."""
    file = zipfile.ZipFile(io.BytesIO(content))
    found = [(info.header_offset, LOCAL) for info in file.infolist()]
    place = file.start_dir
    for info in file.infolist():
        found.append((place, CENTRAL))
        place += 46 + len(info.filename) + len(info.extra) + len(info.comment)
    return [*found, *[(place, END)] * 5]


def claim_much(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    """Let a member be 4 GB, by both of its headers, in one of its forms, or many of them."""
    changed = bytearray(kind.content)
    for start, fields in headers(kind.content):
        if fields is not END and draw.random() < 0.5:
            size = draw.choice([1 << 28, 0xFFFFFFFE, 0xFFFFFFFF])
            first = 18 if fields is LOCAL else 20
            for offset in draw.choice([[first], [first + 4], [first, first + 4]]):
                changed[start + offset : start + offset + 4] = struct.pack("<I", size)
    return bytes(changed)


def rewritten(content: bytes, change: Callable[[dict[str, bytes]], list[tuple[str, bytes]]]):
    """Return a file with sound checksums of the members that `change` makes of the file's own."""
    file, result = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    method = file.infolist()[0].compress_type
    members = change({name: file.read(name) for name in file.namelist()})
    with warnings.catch_warnings(), zipfile.ZipFile(result, "w", method) as archive:
        warnings.filterwarnings("ignore", "Duplicate name")
        for name, member in members:
            bomb = len(member) > BOMB
            archive.writestr(name, member, zipfile.ZIP_DEFLATED if bomb else method, 1)
    return result.getvalue()


def remove_a_member(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    def change(members):
        needed = [name for name in members if not name.startswith(kind.optional or ("?",))]
        del members[draw.choice(needed)]
        return [*members.items()]

    return rewritten(kind.content, change)


def rename_a_member(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    def change(members):
        chosen = draw.choice([*members])
        # "logs/loss.npy.npy" is the honest name of a log "loss.npy".
        longer = "y" if chosen.startswith("logs/") else f"{chosen}.npy"
        renamed = draw.choice([longer, chosen.removesuffix(".npy"), "9999.npy", "x"])
        return [(renamed if name == chosen else name, m) for name, m in members.items()]

    return rewritten(kind.content, change)


def exchange_two_members(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    if not kind.pinned:
        return flip_bits(draw, kind, other)  # Nothing tells there what two members hold.

    def change(members):
        first, second = draw.sample([*members], 2)
        members[first], members[second] = members[second], members[first]
        return [*members.items()]

    return rewritten(kind.content, change)


def add_a_member(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    """Add one that nobody asks for, or a second one of a name; often a bomb."""

    def change(members):
        name = draw.choice(["more.npy", "9999.npy", draw.choice([*members])])
        added = (name, draw.choice([array_file(BOMB), array_file(8), draw.randbytes(99)]))
        return [added, *members.items()] if draw.random() < 0.5 else [*members.items(), added]

    return rewritten(kind.content, change)


def put_a_bomb_in_place(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    if not kind.pinned:
        return add_a_member(draw, kind, other)  # An array as good as any other, there.

    def change(members):
        chosen = draw.choice([name for name in members if name != "tree.npy"])
        return [*(members | {chosen: array_file(BOMB)}).items()]

    return rewritten(kind.content, change)


def array_file(size: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(size, "uint8"))
    return file.getvalue()


def claim_a_huge_array(draw: random.Random, kind: Kind, other: bytes) -> bytes:
    """Let the header of an array claim another shape, or another type, with a sound checksum."""

    def change(members):
        chosen = draw.choice([*members])
        shape = draw.choice(
            [b"(99999999999,)", b"(4294967296, 4294967296)", b"(-1,)", b"(%d,)" % 10**40, b"(0, 9)"]
        )
        other_type = draw.choice(
            [b"'|O'", b"'<U9999999'", b"'<U0'", b"[('a', '<f4')]", b"'<f4,<f4'"]
        )
        header = re.compile(rb"'shape': (\([^)]*\))")
        if draw.random() < 0.3:
            shape, header = other_type, re.compile(rb"'descr': ('[^']*')")
        members[chosen] = replaced(members[chosen], header, shape)
        return [*members.items()]

    return rewritten(kind.content, change)


def replaced(member: bytes, pattern: re.Pattern, text: bytes) -> bytes:
    """Return an array's file with the group of the pattern in its header replaced."""
    length = int.from_bytes(member[8:10], "little")
    header = member[10 : 10 + length]
    start, end = pattern.search(header).span(1)
    header = (header[:start] + text + header[end:]).rstrip().ljust(length - 1) + b"\n"
    return member[:8] + len(header).to_bytes(2, "little") + header + member[10 + length :]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_a_bit_of_the_directory,
    overwrite,
    zero,
    duplicate,
    cut_out,
    insert,
    cut_off,
    splice,
    change_a_header,
    claim_much,
    remove_a_member,
    rename_a_member,
    exchange_two_members,
    add_a_member,
    put_a_bomb_in_place,
    claim_a_huge_array,
)
