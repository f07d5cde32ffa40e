#!/usr/bin/env python3
"""Checks the proof files of bft-crdts: receipts, state proofs and evidence.

Written from docs/formats.md, section "Proofs in a file", alone. Needs the standard library; with the package
`cryptography` good signatures are checked faster. Nothing here needs a network, a clock or a key.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections import namedtuple
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

MAGIC, VERSION = b"BFTPROOF", 1
MAX_FILE = 8_388_608
# One byte of a string can need six characters of JSON (\u0000), and nothing needs more: no file's own text is longer.
MAX_TEXT = 8 * MAX_FILE
MAX_DEPTH = 32
# Of brackets and commas. Nothing in JSON has more of them for its bytes than a link of 220 without members, with 20.
MAX_MARKS = MAX_FILE // 4
MAX_MEMBERS = 65_535
MAX_U64 = (1 << 64) - 1
NONE = bytes(32)


class Refused(Exception):
    """A check that failed: the word of the verdict, and why."""

    def __init__(self, word: str, why: str):
        super().__init__(why)
        self.word = word


class Malformed(Refused):
    """The only error of `decode` and `from_json`."""

    def __init__(self, why: str):
        super().__init__("malformed", why)


@dataclass(frozen=True)
class Verdict:
    word: str
    details: tuple[tuple[str, str], ...] = ()


# ---------------------------------------------------------------------------------------------------------------- types
#
# Each type reads itself from bytes, writes itself to bytes, and does the same with what the module `json` has of it.
# `least` is the smallest size of a value: a count that the rest of the file has no room for is refused before anything
# is allocated. No type contains itself, so that the depth of recursion is that of the table.


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if size > self.left():
            raise Malformed(f"ends at byte {len(self.data)}, within a value")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")


def unhex(text, size: int | None = None) -> bytes:
    # `bytes.fromhex` alone would take spaces and capitals, which makes two texts of one value.
    if type(text) is not str or len(text) % 2 or not re.fullmatch("[0-9a-f]*", text):
        raise Malformed("bytes are hexadecimal digits in lower case")
    if size is not None and len(text) != 2 * size:
        raise Malformed(f"{size} bytes are {2 * size} hexadecimal digits")
    return bytes.fromhex(text)


class Type:
    def bytes(self, value) -> bytes:
        out = bytearray()
        self.write(out, value)
        return bytes(out)


class Int(Type):
    def __init__(self, size):
        self.size = self.least = size

    def read(self, reader):
        return reader.number(self.size)

    def write(self, out, value):
        out += value.to_bytes(self.size, "little")

    def show(self, value):
        return str(value) if self.size == 8 else value

    def parse(self, text):
        if self.size == 8:
            if type(text) is not str or not re.fullmatch("0|[1-9][0-9]{0,19}", text):
                raise Malformed("a u64 is decimal digits in a string")
            text = int(text)
        if type(text) is not int or not 0 <= text < 1 << 8 * self.size:
            raise Malformed(f"no integer of {self.size} bytes")
        return text


class Raw(Type):
    def __init__(self, size):
        self.size = self.least = size

    def read(self, reader):
        return reader.take(self.size)

    def write(self, out, value):
        out += value

    def show(self, value):
        return value.hex()

    def parse(self, text):
        return unhex(text, self.size)


class Blob(Type):
    least = 8

    def read(self, reader):
        return reader.take(reader.number(8))

    def write(self, out, value):
        out += len(value).to_bytes(8, "little") + value

    def show(self, value):
        return value.hex()

    def parse(self, text):
        return unhex(text)


class Text(Type):
    least = 8

    def read(self, reader):
        try:
            return reader.take(reader.number(8)).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a string is no UTF-8") from None

    def write(self, out, value):
        Bytes.write(out, value.encode("utf-8"))

    def show(self, value):
        return value

    def parse(self, text):
        # JSON can escape half of a surrogate pair, which no UTF-8 stands for.
        if type(text) is not str or re.search("[\ud800-\udfff]", text):
            raise Malformed("no string of Unicode")
        return text


class List(Type):
    least = 8

    def __init__(self, item):
        self.item = item

    def read(self, reader):
        count = reader.number(8)
        if count * self.item.least > reader.left():
            raise Malformed(f"{count} items do not fit in the file")
        return tuple([self.item.read(reader) for _ in range(count)])

    def write(self, out, value):
        out += len(value).to_bytes(8, "little")
        for item in value:
            self.item.write(out, item)

    def show(self, value):
        return [self.item.show(item) for item in value]

    def parse(self, text):
        if type(text) is not list:
            raise Malformed("no array where one belongs")
        return tuple([self.item.parse(item) for item in text])


class Set(List):
    """Of actors alone, whose order as Python's bytes is that of their encodings."""

    def read(self, reader):
        return self.ascending(super().read(reader))

    def parse(self, text):
        return self.ascending(super().parse(text))

    def ascending(self, value):
        if any(left >= right for left, right in zip(value, value[1:])):
            raise Malformed("a set is not strictly ascending")
        return value


class Maybe(Type):
    least = 1

    def __init__(self, item):
        self.item = item

    def read(self, reader):
        there = reader.number(1)
        if there > 1:
            raise Malformed(f"an option begins with {there}")
        return self.item.read(reader) if there else None

    def write(self, out, value):
        out.append(value is not None)
        if value is not None:
            self.item.write(out, value)

    def show(self, value):
        return None if value is None else self.item.show(value)

    def parse(self, text):
        return None if text is None else self.item.parse(text)


class Pair(Type):
    def __init__(self, *items):
        self.items, self.least = items, sum(item.least for item in items)

    def read(self, reader):
        return tuple([item.read(reader) for item in self.items])

    def write(self, out, value):
        for item, part in zip(self.items, value):
            item.write(out, part)

    def show(self, value):
        return [item.show(part) for item, part in zip(self.items, value)]

    def parse(self, text):
        if type(text) is not list or len(text) != len(self.items):
            raise Malformed(f"no array of {len(self.items)} where one belongs")
        return tuple([item.parse(part) for item, part in zip(self.items, text)])


class Struct(Pair):
    def __init__(self, **fields):
        super().__init__(*fields.values())
        self.make = namedtuple("Fields", fields)

    def __call__(self, *args, **fields):
        return self.make(*args, **fields)

    def read(self, reader):
        return self.make(*super().read(reader))

    def show(self, value):
        return dict(zip(self.make._fields, super().show(value)))

    def parse(self, text):
        if type(text) is not dict or set(text) != set(self.make._fields):
            raise Malformed("an object must have the names " + ", ".join(self.make._fields))
        return self.make(*super().parse([text[name] for name in self.make._fields]))


Variant = namedtuple("Variant", "name value")


class OneOf(Type):
    """`None` stands for no fields."""

    def __init__(self, **variants):
        self.names, self.types = list(variants), variants
        self.least = 4 + min(kind.least if kind else 0 for kind in variants.values())

    def read(self, reader):
        which = reader.number(4)
        if which >= len(self.names):
            raise Malformed(f"there is no {which} of {', '.join(self.names)}")
        name = self.names[which]
        return Variant(name, self.types[name].read(reader) if self.types[name] else None)

    def write(self, out, value):
        out += self.names.index(value.name).to_bytes(4, "little")
        if self.types[value.name]:
            self.types[value.name].write(out, value.value)

    def show(self, value):
        kind = self.types[value.name]
        return {value.name: kind.show(value.value)} if kind else value.name

    def parse(self, text):
        if type(text) is str and text in self.types and not self.types[text]:
            return Variant(text, None)
        if type(text) is dict and len(text) == 1:
            (name,) = text
            if self.types.get(name):
                return Variant(name, self.types[name].parse(text[name]))
        raise Malformed("none of " + ", ".join(self.names))


# ----------------------------------------------------------------------------------------- the table of docs/formats.md

U16, U32, U64, Bytes, String = Int(2), Int(4), Int(8), Blob(), Text()
Digest, Actor, Sig = Raw(32), Raw(32), Raw(64)


def Signed(statement):
    return Struct(statement=statement, signer=Actor, sig=Sig)


def Conflict(statement):
    return Struct(left=Signed(statement), right=Signed(statement))


Signatures = List(Pair(U16, Sig))
Dot = Struct(source=Actor, seq=U64)
Echo = Struct(generation=U64, dot=Dot, digest=Digest)
SignedEcho = Signed(Echo)
Proposal = Struct(value=Digest, valid_round=Maybe(U32))
VoteKind = OneOf(proposal=Proposal, prevote=Maybe(Digest), precommit=Maybe(Digest))
Vote = Struct(generation=U64, round=U32, kind=VoteKind)
Equivocation = OneOf(echo=Conflict(Echo), vote=Conflict(Vote))
Evidence = Struct(network=Digest, equivocation=Equivocation)

Commitment = Struct(snapshot=Digest, records=Digest)
Limits = Struct(message_bytes=U32, message_ops=U32, seats=U32, lanes=U32, packet_bytes=U32, segment_bytes=U32,
                segment_messages=U32, outbox_bytes=U32)
Rule = OneOf(c1=None)
Genesis = Struct(algorithm=String, configuration=Bytes, state=Commitment, members=Set(Actor), limits=Limits,
                 nonce=Raw(32), signatures=Rule)
Header = Struct(parent=Digest, generation=U64, members=Set(Actor), frontier=Digest, marks=Digest, state=Commitment,
                body=Digest)
Link = Struct(header=Header, round=U32, signatures=Signatures)
Root = OneOf(genesis=Genesis, header=Header)
Chain = Struct(root=Root, links=List(Link))

Path = Struct(siblings=List(Digest), beside=List(Pair(Digest, Digest)))

Message = Struct(source=Actor, seq=U64, parent=Digest, ops=Bytes)
ByCertificate = Struct(generation=U64, signatures=Signatures)
ByFrontier = Struct(generation=U64, path=Path)
ByCarried = Struct(generation=U64, signatures=Signatures, into=U64, lock=SignedEcho, path=Path)
End = OneOf(certificate=ByCertificate, frontier=ByFrontier, carried=ByCarried)
Receipt = Struct(network=Digest, chain=Chain, message=Message, later=List(Digest), end=End)
StateProof = Struct(network=Digest, chain=Chain, generation=U64, key=Bytes, value=Maybe(Bytes), path=Path)
Proof = OneOf(receipt=Receipt, state_proof=StateProof, evidence=Evidence)

# What is hashed or committed to, and is in no file by itself.
MessageId = Struct(source=Actor, seq=U64, parent=Digest, ops=Digest)
Last = Struct(seq=U64, digest=Digest)
Seal = Struct(first=SignedEcho, second=SignedEcho, others=List(Digest))
Mark = OneOf(carried=SignedEcho, sealed=Seal)


def decode(data: bytes):
    """The `Proof` of a file, or `Malformed`."""
    if len(data) > MAX_FILE:
        raise Malformed(f"more than {MAX_FILE} bytes")
    reader = Reader(bytes(data))
    if reader.take(len(MAGIC)) != MAGIC:
        raise Malformed("does not begin with " + MAGIC.decode())
    version = reader.number(4)
    if version != VERSION:
        raise Malformed(f"version {version} is unknown")
    proof = Proof.read(reader)
    if reader.left():
        raise Malformed(f"{reader.left()} bytes follow")
    return proof


def encode(proof) -> bytes:
    return MAGIC + U32.bytes(VERSION) + Proof.bytes(proof)


def to_json(proof) -> str:
    return json.dumps({"version": VERSION, "proof": Proof.show(proof)}, ensure_ascii=False)


def from_json(text: str | bytes):
    """The `Proof` that a text stands for, or `Malformed`."""
    if len(text) > MAX_TEXT:
        raise Malformed(f"more than {MAX_TEXT} bytes of text")
    try:
        text = text if type(text) is str else bytes(text).decode("utf-8")
        _modest(text)
        file = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_no, parse_constant=_no)
    except ValueError as error:
        raise Malformed(f"no JSON: {error}") from None
    if type(file) is not dict or set(file) != {"version", "proof"} or type(file["version"]) is not int:
        raise Malformed("an object must have the names version, proof")
    if file["version"] != VERSION:
        raise Malformed(f"version {file['version']} is unknown")
    proof = Proof.parse(file["proof"])
    if len(encode(proof)) > MAX_FILE:
        raise Malformed(f"more than {MAX_FILE} bytes")
    return proof


def _modest(text):
    # The parser of Python recurses with the text, and needs many times its length for one of brackets and commas alone.
    # Once nothing is escaped, every second piece between the quotes is outside of strings.
    text = text.replace("\\\\", "").replace('\\"', "")
    if text.count('"') > 4 * MAX_MARKS:
        raise Malformed("more strings than any file has")
    text = " ".join(text.split('"')[::2])
    if sum(map(text.count, "[]{},")) > MAX_MARKS:
        raise Malformed("more values than any file has")
    depth = 0
    for bracket in re.findall(r"[][{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"nested more than {MAX_DEPTH} deep")


def _object(pairs):
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a name occurs twice in an object")
    return fields


def _integer(digits):
    # Before it is converted, as the time of that is quadratic.
    if len(digits) > 10 or digits[0] == "-":
        raise Malformed("no integer below 2^32")
    return int(digits)


def _no(text):
    raise Malformed(f"no integer: {text[:20]}")


# -------------------------------------------------------------------------------------------------- signatures, rule c1
#
# Points of edwards25519 in extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def point_add(left, right):
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a, b, c, d = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P, 2 * t1 * t2 * D % P, 2 * z1 * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_double(point):
    x, y, z, _ = point
    a, b = x * x % P, y * y % P
    h, g = a + b, a - b
    e, f = h - (x + y) ** 2, 2 * z * z + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_negate(point):
    x, y, z, t = point
    return -x % P, y, z, -t % P


def point_mul(scalar, point):
    table = [IDENTITY, point]
    while len(table) < 16:
        table.append(point_add(table[-1], point))
    total = IDENTITY
    for shift in range((scalar.bit_length() + 3) // 4 * 4 - 4, -1, -4):
        for _ in range(4):
            total = point_double(total)
        total = point_add(total, table[scalar >> shift & 15])
    return total


def is_identity(point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0


def decompress(data: bytes):
    """The point, or None if these are no canonical encoding of one."""
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT % P
        if v * x * x % P != u:
            return None
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def compress(point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
# Of order 8; its multiples are all points whose order is small, and each has one canonical encoding.
TORSION = decompress(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
SMALL_ORDER = frozenset(compress(point_mul(times, TORSION)) for times in range(8))


@lru_cache(None)
def _base_table():
    rows, step = [], BASE
    for _ in range(64):
        rows.append([IDENTITY])
        for _ in range(15):
            rows[-1].append(point_add(rows[-1][-1], step))
        step = point_add(rows[-1][-1], step)
    return rows


def base_mul(scalar):
    total = IDENTITY
    for place, row in enumerate(_base_table()):
        total = point_add(total, row[scalar >> 4 * place & 15])
    return total


@lru_cache(1 << 16)
def key_point(key: bytes):
    """The point of a key that the rule takes, or None."""
    point = decompress(key)
    good = point and not is_identity(point) and is_identity(point_mul(L, point))
    return point if good else None


@lru_cache(1 << 14)
def signature_good(key: bytes, digest: bytes, sig: bytes) -> bool:
    encoded, scalar = sig[:32], int.from_bytes(sig[32:], "little")
    if scalar >= L or encoded in SMALL_ORDER:
        return False
    point = key_point(key)
    if point is None:
        return False
    if Ed25519PublicKey:
        # It compares R with the canonical encoding of S B - k A: its yes leaves nothing to be checked.
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(sig, digest)
            return True
        except (InvalidSignature, ValueError):
            pass
    start = decompress(encoded)
    if start is None:
        return False
    k = int.from_bytes(hashlib.sha512(encoded + key + digest).digest(), "little") % L
    difference = point_add(base_mul(scalar), point_negate(point_add(start, point_mul(k, point))))
    for _ in range(3):
        difference = point_double(difference)
    return is_identity(difference)


# ------------------------------------------------------------------------------------------------------------- digests


def T(tag: str, data: bytes) -> bytes:
    """Without a network: the digests of trees."""
    tag = b"bft-crdts/1 " + tag.encode()
    return hashlib.sha256(bytes([len(tag)]) + tag + data).digest()


def H(tag: str, network: bytes, data: bytes) -> bytes:
    return T(tag, network + data)


def network_of(genesis) -> bytes:
    return H("genesis", NONE, Genesis.bytes(genesis))


def header_digest(network, header) -> bytes:
    return H("header", network, Header.bytes(header))


def operations_digest(network, ops) -> bytes:
    return H("operations", network, Bytes.bytes(ops))


def message_digest(network, source, seq, parent, ops_digest) -> bytes:
    return H("message", network, MessageId.bytes((source, seq, parent, ops_digest)))


def echo_digest(network, echo) -> bytes:
    return H("echo", network, Echo.bytes(echo))


def vote_digest(network, vote) -> bytes:
    return H("ballot", network, Vote.bytes(vote))


def position_of(key: bytes) -> bytes:
    return T("key", key)


def record_digest(position: bytes, value: bytes) -> bytes:
    return T("record", position + value) if value else NONE


def leaf_digest(entries) -> bytes:
    """Of positions, each with the digest of its record."""
    return T("leaf", b"".join(sorted(position + record for position, record in entries))) if entries else NONE


def branch_digest(left, right) -> bytes:
    return T("branch", left + right)


def bit(position: bytes, depth: int) -> int:
    return position[depth // 8] >> 7 - depth % 8 & 1


# -------------------------------------------------------------------------------------------------------------- checks

# One generation of the chain; of a genesis, the trees of generation 0, and no link.
Place = namedtuple("Place", "generation digest members frontier marks records link")


def path_good(tree: bytes, key: bytes, value: bytes | None, path) -> bool:
    """Whether the tree has this record; without a value, whether it has none under the key."""
    position, depth = position_of(key), len(path.siblings)
    entries = path.beside if value is None else (*path.beside, (position, record_digest(position, value)))
    if depth > 256 or len(entries) > 8 or any(other == position for other, _ in path.beside):
        return False
    node = leaf_digest(entries)
    for at in range(depth - 1, -1, -1):
        sibling = path.siblings[at]
        node = branch_digest(sibling, node) if bit(position, at) else branch_digest(node, sibling)
    return node == tree


def quorum(members: int) -> int:
    return members - (members - 1) // 3


def check_certificate(members, signatures, digest: bytes, of: str):
    if len(signatures) != quorum(len(members)):
        raise Refused("certificate", f"{of}: {len(signatures)} signatures instead of {quorum(len(members))}")
    last = -1
    for seat, sig in signatures:
        if not last < seat < len(members):
            raise Refused("certificate", f"{of}: seat {seat} is out of order, or of no member")
        if not signature_good(members[seat], digest, sig):
            raise Refused("certificate", f"{of}: the signature of seat {seat} is bad")
        last = seat


def check_chain(network: bytes, chain) -> list[Place]:
    root = chain.root.value
    if chain.root.name == "genesis":
        if network_of(root) != network:
            raise Refused("chain", "the genesis is that of another network than the file's")
        places = [Place(0, network, root.members, NONE, NONE, root.state.records, None)]
    elif root.generation == 0:
        raise Refused("chain", "the root is a header of generation 0, which has a genesis only")
    else:
        places = [_place(network, root, None)]
    for link in chain.links:
        header, before = link.header, places[-1]
        if header.generation != before.generation + 1 or header.parent != before.digest:
            raise Refused("chain", f"generation {header.generation} does not follow generation {before.generation}")
        places.append(_place(network, header, link))
    for place in places:
        if not 1 <= len(place.members) <= MAX_MEMBERS:
            raise Refused("chain", f"generation {place.generation} has {len(place.members)} members")
    return places


def _place(network, header, link) -> Place:
    return Place(header.generation, header_digest(network, header), header.members, header.frontier, header.marks,
                 header.state.records, link)


def check_anchor(places: list[Place], by_genesis: bool, trusted) -> int:
    """The anchor's generation. By name, that is 0: `check_chain` has compared the genesis with the name."""
    if trusted is None:
        if not by_genesis:
            raise Refused("unproven", "the chain does not begin with the genesis, and only the network's name is held")
        return 0
    place = find(places, trusted[0])
    if place is None:
        raise Refused("unproven", f"the chain does not hold generation {trusted[0]}, whose header is trusted")
    if place.digest != trusted[1]:
        raise Refused("elsewhere", f"the header of generation {trusted[0]} is another than the trusted one")
    return trusted[0]


def find(places: list[Place], generation: int) -> Place | None:
    at = generation - places[0].generation
    return places[at] if 0 <= at < len(places) else None


def need(places: list[Place], generation: int) -> Place:
    place = find(places, generation)
    if place is None:
        raise Refused("generation", f"the chain does not hold generation {generation}")
    return place


def check_links(network: bytes, places: list[Place], anchor: int):
    for before, place in zip(places, places[1:]):
        if place.generation > anchor:
            vote = Vote(before.generation, place.link.round, Variant("precommit", place.digest))
            check_certificate(before.members, place.link.signatures, vote_digest(network, vote),
                              f"link to generation {place.generation}")


def check_receipt(receipt, places: list[Place], anchor: int, by_header: bool):
    network, message, (how, end) = receipt.network, receipt.message, receipt.end
    seq = message.seq + len(receipt.later)
    if message.seq == 0 or seq > MAX_U64:
        raise Refused("lane", "the message's number is 0, or overflows with the later ones")
    source, ops = message.source, operations_digest(network, message.ops)
    accepted = digest = message_digest(network, source, message.seq, message.parent, ops)
    for count, ops in enumerate(receipt.later, 1):
        digest = message_digest(network, source, message.seq + count, digest, ops)
    dot = Dot(source, seq)

    place = need(places, end.generation)
    after = need(places, end.into) if how == "carried" else None
    if after and end.into <= end.generation:
        raise Refused("generation", "it was carried on into no later generation")
    if how == "frontier":
        if not path_good(place.frontier, source, Last.bytes((seq, digest)), end.path):
            raise Refused("path", f"the frontier of generation {place.generation} does not have message {seq}")
        grade = grade_of_header(place.generation, anchor, by_header)
        signers = signers_of(places, place, grade)
    else:
        echo = echo_digest(network, Echo(end.generation, dot, digest))
        check_certificate(place.members, end.signatures, echo, f"echoes in generation {end.generation}")
        signers = [place.members[seat] for seat, _ in end.signatures]
        grade = "signed" if by_header and (after or place is places[-1]) else "unproven"
    if after:
        lock = end.lock.statement
        mark = Mark.bytes(Variant("carried", end.lock))
        if lock.dot != dot or lock.digest != digest or not path_good(after.marks, source, mark, end.path):
            raise Refused("path", f"the lock is on another message, or no mark of generation {after.generation}")
    through = f", through {len(receipt.later)} later messages" if receipt.later else ""
    proven = (f"message {message.seq} of lane {source.hex()}, digest {accepted.hex()}, was accepted: {how} of "
              f"generation {end.generation}{through}")
    return grade, proven, signers


def check_state(proof, places: list[Place], anchor: int, by_header: bool):
    place = need(places, proof.generation)
    if not path_good(place.records, proof.key, proof.value, proof.path):
        raise Refused("path", f"the state at the beginning of generation {place.generation} does not have this")
    grade = grade_of_header(place.generation, anchor, by_header)
    has = "no record" if proof.value is None else f"the record {proof.value.hex() or '(empty)'}"
    proven = f"the state of generation {place.generation} has {has} under the key {proof.key.hex() or '(empty)'}"
    return grade, proven, signers_of(places, place, grade)


def grade_of_header(generation: int, anchor: int, by_header: bool) -> str:
    return "anchored" if generation <= anchor else "signed" if by_header else "unproven"


def signers_of(places: list[Place], place: Place, grade: str) -> list[bytes]:
    if grade == "anchored":
        return []
    before = find(places, place.generation - 1)
    return [before.members[seat] for seat, _ in place.link.signatures]


def check_evidence(evidence) -> Verdict:
    what, (left, right) = evidence.equivocation
    one, two = left.statement, right.statement
    if left.signer != right.signer:
        raise Refused("conflict", "two signers")
    if what == "echo":
        conflict = one.generation == two.generation and one.dot == two.dot and one.digest != two.digest
        digest_of, said = echo_digest, f"echoed two messages as number {one.dot.seq} of lane {one.dot.source.hex()}"
    else:
        same = (one.generation, one.round, one.kind.name) == (two.generation, two.round, two.kind.name)
        conflict = same and one != two
        digest_of, said = vote_digest, f"cast two votes ({one.kind.name}) in round {one.round}"
    if not conflict:
        raise Refused("conflict", f"two statements ({what}) that do not contradict each other")
    for side, signed in (("left", left), ("right", right)):
        if not signature_good(signed.signer, digest_of(evidence.network, signed.statement), signed.sig):
            raise Refused("signature", f"the signature on the {side} is bad")
    return Verdict("convicts", (
        ("proven", f"the key {left.signer.hex()} {said} of generation {one.generation}"),
        ("signed by", left.signer.hex()),
        ("not proven", "that the key was a member's, and that none but its owner held it")))


NOT_PROVEN = {
    "anchored": "that nothing was accepted since, which this does not speak of",
    "signed": "that the keys of a quorum of each committee from the anchor on (of a message that was carried on, also of "
              "the one that signed for it) were still their owners' when they signed",
    "unproven": "that any of this happened: who holds the keys of a quorum of one old committee can make all of it",
}


def check(proof, network: bytes | None, trusted: tuple[int, bytes] | None) -> Verdict:
    kind, body = proof
    if network is not None and network != body.network:
        raise Refused("elsewhere", f"a file of the network {body.network.hex()}")
    if kind == "evidence":
        if network is None:
            raise Refused("unproven", "evidence is judged by the network's name, and only a header is held")
        return check_evidence(body)
    places = check_chain(body.network, body.chain)
    anchor = check_anchor(places, body.chain.root.name == "genesis", trusted)
    check_links(body.network, places, anchor)
    judge = check_receipt if kind == "receipt" else check_state
    word, proven, signers = judge(body, places, anchor, trusted is not None)
    held = f"the header {trusted[1].hex()} of generation {anchor}" if trusted else f"the network's name {network.hex()}"
    signed = ", ".join(key.hex() for key in signers) or "nobody needs to have: digests lead to it from the anchor"
    return Verdict(word, (
        ("anchor", held),
        ("consistent" if word == "unproven" else "proven", proven),
        ("signed by", signed),
        ("not proven", NOT_PROVEN[word])))


def verify(data: bytes, *, network: str | None = None, trusted: tuple[int, str] | None = None) -> Verdict:
    """Judges the bytes of a file, which is JSON if it begins with `{`. Raises nothing but ValueError, if not exactly
    one of `network` (64 hexadecimal digits) and `trusted` (a generation and the digest of its header) is given."""
    if (network is None) == (trusted is None):
        raise ValueError("either the network's name or one trusted header is needed")
    name = None if network is None else _digest(network)
    header = None if trusted is None else (int(trusted[0]), _digest(trusted[1]))
    try:
        return check(from_json(data) if data[:1] == b"{" else decode(data), name, header)
    except Refused as error:
        return Verdict(error.word, (("why", str(error)),))


def _digest(text: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError(f"no digest of 64 hexadecimal digits: {text}")
    return bytes.fromhex(text)


# -------------------------------------------------------------------------------------------------------- command line

EXITS = {"anchored": 0, "signed": 0, "convicts": 0, "elsewhere": 5, "unproven": 6}
USAGE = 2


def parse_trusted(text: str) -> tuple[int, str]:
    found = re.fullmatch("([0-9]{1,20}):([0-9a-fA-F]{64})", text)
    if not found or int(found[1]) > MAX_U64:
        raise ValueError(f"no GENERATION:DIGEST: {text}")
    return int(found[1]), found[2]


def read_file(path) -> bytes:
    # One byte too much is enough to be refused.
    with open(path, "rb") as file:
        data = file.read(MAX_FILE + 1)
        return data + file.read(MAX_TEXT + 1 - len(data)) if data[:1] == b"{" else data


def run_vectors(path) -> int:
    agree = wrong = 0
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            vector = json.loads(line)
            inline, trusted = vector.get("bytes"), vector.get("trusted")
            data = bytes.fromhex(inline) if inline is not None else read_file(FilePath(path).parent / vector["file"])
            trusted = None if trusted is None else parse_trusted(trusted)
            got = verify(data, network=vector.get("network"), trusted=trusted).word
            if got == vector["verdict"]:
                agree += 1
            else:
                wrong += 1
                print(f"line {number}: expected {vector['verdict']}, got {got}")
    print(f"{agree} of {agree + wrong} agree")
    return 1 if wrong else 0


def convert(data: bytes, out: str | None) -> int:
    if data[:1] != b"{":
        text = to_json(decode(data))
        if out is None:
            print(text)
        else:
            FilePath(out).write_text(text + "\n", encoding="utf-8")
        return 0
    proof = encode(from_json(data))
    if out is None:
        print("--out FILE is needed: the bytes are no text", file=sys.stderr)
        return USAGE
    FilePath(out).write_bytes(proof)
    return 0


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks a proof file of bft-crdts.", epilog=(
        "exit codes: 0 valid (anchored, signed, convicts), 1 invalid, 2 usage, 5 of another network, 6 not decidable"))
    parser.add_argument("file", nargs="?", metavar="FILE", help="a receipt, a state proof or evidence; or its JSON")
    parser.add_argument("--network", metavar="ID", help="the name of the network, 64 hexadecimal digits")
    parser.add_argument("--trusted", metavar="GENERATION:DIGEST", help="a trusted header")
    parser.add_argument("--json", action="store_true", help="convert bytes to JSON or JSON to bytes, and check nothing")
    parser.add_argument("--out", metavar="FILE", help="where to write what --json makes")
    parser.add_argument("--vectors", metavar="FILE.jsonl", help="check many files against the verdicts given there")
    options = parser.parse_args(args)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    if (options.file is None) == (options.vectors is None):
        parser.error("either FILE or --vectors is needed")
    try:
        if options.vectors:
            return run_vectors(options.vectors)
        data = read_file(options.file)
        if options.json:
            return convert(data, options.out)
        trusted = parse_trusted(options.trusted) if options.trusted else None
        verdict = verify(data, network=options.network, trusted=trusted)
    except Malformed as error:
        print(f"verdict: malformed\nwhy: {error}")
        return 1
    except (OSError, ValueError, KeyError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return USAGE
    print(f"verdict: {verdict.word}")
    for label, text in verdict.details:
        print(f"{label}: {text}")
    return EXITS.get(verdict.word, 1)


if __name__ == "__main__":
    sys.exit(main())
