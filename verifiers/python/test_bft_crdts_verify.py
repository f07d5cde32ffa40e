#!/usr/bin/env python3
"""Tests of bft_crdts_verify. `python test_bft_crdts_verify.py --write N FILE.jsonl [--seed SEED]` writes vectors."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import sys
import tempfile
import unittest
from pathlib import Path as FilePath

import bft_crdts_verify as v
from bft_crdts_verify import NONE, Dot, Echo, Variant, Vote

GOOD = {"anchored", "signed", "convicts"}
WORDS = GOOD | set("malformed elsewhere chain certificate lane generation path conflict signature unproven".split())
VECTORS = FilePath(__file__).parent / "../../tests/golden/proofs/vectors.jsonl"

# ---------------------------------------------------------------------------------------------------------------- maker


class Key:
    """With a torsion, the public key is A + T: no key by the rule, though the equation holds with it."""

    def __init__(self, rng, torsion=v.IDENTITY):
        self.secret = rng.randrange(1, v.L)
        self.public = v.compress(v.point_add(v.base_mul(self.secret), torsion))

    def sign(self, digest, torsion=v.IDENTITY, nonce=None) -> bytes:
        if nonce is None:
            seed = self.secret.to_bytes(32, "little") + digest
            nonce = int.from_bytes(hashlib.sha512(seed).digest(), "little") % v.L
        start = v.compress(v.point_add(v.base_mul(nonce), torsion))
        k = int.from_bytes(hashlib.sha512(start + self.public + digest).digest(), "little")
        return start + ((nonce + k * self.secret) % v.L).to_bytes(32, "little")


class Tree:
    def __init__(self, records: dict[bytes, bytes]):
        places = ((v.position_of(key), value) for key, value in records.items())
        self.entries = sorted((place, v.record_digest(place, value)) for place, value in places)
        self.root = self.node(self.entries, 0)

    def node(self, entries, depth):
        if len(entries) <= 8:
            return v.leaf_digest(entries)
        sides = self.split(entries, depth)
        return v.branch_digest(self.node(sides[0], depth + 1), self.node(sides[1], depth + 1))

    @staticmethod
    def split(entries, depth):
        return [[entry for entry in entries if v.bit(entry[0], depth) == side] for side in (0, 1)]

    def path(self, key):
        position, entries, siblings = v.position_of(key), self.entries, []
        while len(entries) > 8:
            sides = self.split(entries, len(siblings))
            side = v.bit(position, len(siblings))
            siblings.append(self.node(sides[1 - side], len(siblings) + 1))
            entries = sides[side]
        return v.Path(tuple(siblings), tuple(entry for entry in entries if entry[0] != position))


class World:
    """A network with its committees, lanes and states. The frontier of generation g ends each lane at message 2 g, and
    its marks carry each lane's message 2 g + 1 on. One key of generation `torsion_at` has torsion."""

    def __init__(self, seed, generations=3, sizes=(1, 4), torsion_at=None, member_counts=None):
        self.rng = rng = random.Random(seed)
        self.committees, self.headers, self.links, self.names = [], [], [], []
        self.lanes, self.records, self.frontiers, self.marks = {}, [], [], []
        for generation in range(generations):
            count = rng.randint(*sizes) if member_counts is None else member_counts[generation]
            keys = [Key(rng) for _ in range(count)]
            if generation == torsion_at:
                keys[0] = Key(rng, v.TORSION)
            self.committees.append(sorted(keys, key=lambda key: key.public))
            names = [b"", b"a", rng.randbytes(5)] + [rng.randbytes(3) for _ in range(rng.choice((0, 2, 60)))]
            names = names[: rng.choice((0, 1, 99, 99))]
            self.records.append({key: rng.randbytes(rng.choice((0, 1, 30))) for key in names})
        states = [v.Commitment(rng.randbytes(32), Tree(records).root) for records in self.records]
        self.genesis = v.Genesis(
            rng.choice(("bag", "", "Größe ☃ 😀")), rng.randbytes(rng.choice((0, 7))), states[0], self.members(0),
            v.Limits(*(rng.randrange(1 << 32) for _ in range(8))), rng.randbytes(32), Variant("c1", None))
        self.network = v.network_of(self.genesis)
        self.names.append(self.network)
        self.lane_keys = [Key(rng) for _ in range(rng.choice((1, 4, 12)))]
        for key in self.lane_keys:
            self.lanes[key.public] = self.lane(key.public, 2 * generations + 2)
        for generation in range(generations):
            self.frontiers.append({})
            self.marks.append({})
            if generation:
                for source, lane in self.lanes.items():
                    seq = 2 * generation
                    self.frontiers[-1][source] = v.Last.bytes((seq, lane[seq - 1][1]))
                    self.marks[-1][source] = v.Mark.bytes(Variant("carried", self.lock(source, generation)))
                self.add_header(generation, states[generation])

    def members(self, generation):
        return tuple(key.public for key in self.committees[generation])

    def lane(self, source, count):
        lane, parent = [], NONE
        for seq in range(1, count + 1):
            ops = self.rng.randbytes(self.rng.choice((0, 1, 40)))
            ops_digest = v.operations_digest(self.network, ops)
            digest = v.message_digest(self.network, source, seq, parent, ops_digest)
            lane.append((v.Message(source, seq, parent, ops), digest, ops_digest))
            parent = digest
        return lane

    def lock(self, source, generation):
        """Which the marks of this generation have; an echo of the one before."""
        message, digest, _ = self.lanes[source][2 * generation]
        key = self.committees[generation - 1][0]
        echo = Echo(generation - 1, Dot(source, message.seq), digest)
        return v.SignedEcho(echo, key.public, key.sign(v.echo_digest(self.network, echo)))

    def add_header(self, generation, state):
        header = v.Header(self.names[-1], generation, self.members(generation), Tree(self.frontiers[generation]).root,
                          Tree(self.marks[generation]).root, state, self.rng.randbytes(32))
        name, turn = v.header_digest(self.network, header), self.rng.choice((0, 3, 0xFFFFFFFF))
        vote = Vote(generation - 1, turn, Variant("precommit", name))
        self.headers.append(header)
        self.names.append(name)
        self.links.append(v.Link(header, turn, self.certify(generation - 1, v.vote_digest(self.network, vote))))

    def certify(self, generation, digest, torsion=v.IDENTITY):
        keys = self.committees[generation]
        if not keys:
            return ()
        seats = sorted(self.rng.sample(range(len(keys)), v.quorum(len(keys))))
        return tuple((seat, keys[seat].sign(digest, torsion)) for seat in seats)

    def chain(self, first, last):
        root = Variant("header", self.headers[first - 1]) if first else Variant("genesis", self.genesis)
        return v.Chain(root, tuple(self.links[first:last]))

    def receipt(self, how, generation, first=0, last=None, later=0, torsion=v.IDENTITY, source=None):
        """By certificate of, or by the frontier of, or carried out of this generation."""
        source = source or self.rng.choice(sorted(self.lanes))
        after = generation + 1
        last = (after if how == "carried" else generation) if last is None else last
        seq = {"certificate": 2 * generation + 2, "frontier": 2 * generation, "carried": 2 * after + 1}[how]
        lane = self.lanes[source]
        later = min(later, seq - 1)
        echo = v.echo_digest(self.network, Echo(generation, Dot(source, seq), lane[seq - 1][1]))
        if how == "frontier":
            end = v.ByFrontier(generation, Tree(self.frontiers[generation]).path(source))
        elif how == "certificate":
            end = v.ByCertificate(generation, self.certify(generation, echo, torsion))
        else:
            end = v.ByCarried(generation, self.certify(generation, echo, torsion), after, self.lock(source, after),
                              Tree(self.marks[after]).path(source))
        message, ops = lane[seq - 1 - later][0], tuple(entry[2] for entry in lane[seq - later : seq])
        return Variant("receipt", v.Receipt(self.network, self.chain(first, last), message, ops, Variant(how, end)))

    def state(self, generation, key, first=0, last=None):
        records = self.records[generation]
        return Variant("state_proof", v.StateProof(
            self.network, self.chain(first, generation if last is None else last), generation, key, records.get(key),
            Tree(records).path(key)))

    def evidence(self, what, left, right, torsion=v.IDENTITY, key=None):
        key = key or self.committees[0][0]
        kind, digest = (v.SignedEcho, v.echo_digest) if what == "echo" else (v.Signed(Vote), v.vote_digest)
        sides = [kind(said, key.public, key.sign(digest(self.network, said), torsion)) for said in (left, right)]
        return Variant("evidence", v.Evidence(self.network, Variant(what, v.Conflict(Vote)(*sides))))

    def echoes(self, **options):
        dot = Dot(self.lane_keys[0].public, 7)
        return self.evidence("echo", Echo(1, dot, bytes(32)), Echo(1, dot, bytes([1] * 32)), **options)

    def votes(self, left, right, **options):
        return self.evidence("vote", Vote(1, 2, Variant(*left)), Vote(1, 2, Variant(*right)), **options)

    def all_votes(self):
        one, two = bytes([1] * 32), bytes([2] * 32)
        yield self.votes(("proposal", v.Proposal(one, None)), ("proposal", v.Proposal(two, 0)))
        yield self.votes(("proposal", v.Proposal(one, None)), ("proposal", v.Proposal(one, 1)))
        yield self.votes(("prevote", None), ("prevote", one))
        yield self.votes(("precommit", one), ("precommit", two))

    def anchors(self):
        """All that somebody may rightly hold: what `verify` takes, and the generation (None: the name)."""
        yield {"network": self.network.hex()}, None
        for generation, name in enumerate(self.names):
            yield {"trusted": (generation, name.hex())}, generation

    def genuine(self):
        """Each kind of file, with what is held and the verdict by the definition of the grades."""
        count = len(self.names)
        for first in range(count):
            for last in range(first, count):
                for at in range(first, last + 1):
                    keys = sorted(self.records[at]) + [b"absent", b"gone"]
                    yield from self.judged(self.state(at, self.rng.choice(keys), first, last), first, last, True, at)
                    proof = self.receipt("certificate", at, first, last, self.rng.randrange(4))
                    yield from self.judged(proof, first, last, at == last)
                    if at:
                        proof = self.receipt("frontier", at, first, last, self.rng.randrange(3))
                        yield from self.judged(proof, first, last, True, at)
                    if at < last:
                        proof = self.receipt("carried", at, first, last, self.rng.randrange(2))
                        yield from self.judged(proof, first, last, True)
        for proof in (self.echoes(), *self.all_votes()):
            for anchor, held in self.anchors():
                yield proof, anchor, "convicts" if held is None else "unproven"

    def judged(self, proof, first, last, signed, by_header=None):
        for anchor, held in self.anchors():
            if not first <= (held or 0) <= last:
                word = "unproven"
            elif by_header is not None and by_header <= (held or 0):
                word = "anchored"
            else:
                word = "signed" if signed and held is not None else "unproven"
            yield proof, anchor, word


def edit(value, path: str, new):
    """The same with another value at a path such as `value.chain.links.0.round`; `new` may be made from the old one."""
    if not path:
        return new(value) if callable(new) else new
    name, _, rest = path.partition(".")
    if hasattr(value, "_replace"):
        return value._replace(**{name: edit(getattr(value, name), rest, new)})
    at = int(name) % len(value)
    return value[:at] + (edit(value[at], rest, new),) + value[at + 1 :]


def small_order_signature() -> bytes:
    return sorted(v.SMALL_ORDER)[3] + bytes(32)


def special(world: World):
    """Files of a world with at least three generations and four members each, made wrong (or odd) with care: everything
    before the flaw holds. Each with what is held and the verdict."""
    name, by_zero = {"network": world.network.hex()}, {"trusted": (0, world.network.hex())}
    cert, carried = world.receipt("certificate", 1), world.receipt("carried", 0)
    frontier, later = world.receipt("frontier", 2), world.receipt("certificate", 2, later=3)
    state, echoes = world.state(2, b"absent"), world.echoes()
    signatures, links = "value.end.value.signatures", "value.chain.links"
    other, top = {"network": bytes(32).hex()}, v.MAX_U64

    yield cert, by_zero, "signed"
    yield cert, other, "elsewhere"
    yield echoes, other, "elsewhere"
    yield echoes, by_zero, "unproven"
    yield cert, {"trusted": (0, bytes(32).hex())}, "elsewhere"
    yield cert, {"trusted": (1, bytes(32).hex())}, "elsewhere"
    yield cert, {"trusted": (2, bytes(32).hex())}, "unproven"
    yield cert, {"trusted": (top, bytes(32).hex())}, "unproven"
    yield edit(cert, "value.network", bytes(32)), by_zero, "chain"
    yield edit(cert, "value.network", bytes(32)), other, "chain"
    yield edit(cert, "value.network", bytes(32)), name, "elsewhere"

    rooted = world.receipt("certificate", 2, 1)
    yield rooted, name, "unproven"
    yield rooted, by_zero, "unproven"
    yield edit(rooted, "value.chain.root.value.generation", 0), by_zero, "chain"
    yield edit(rooted, "value.chain.root.value.generation", top), by_zero, "chain"
    lone = edit(rooted, "value.chain.links", ())
    yield edit(lone, "value.chain.root.value.generation", top), by_zero, "unproven"
    yield edit(lone, "value.chain.root.value.members", ()), name, "chain"
    yield edit(cert, links + ".0.header.members", ()), by_zero, "chain"
    yield edit(cert, links + ".0.header.parent", bytes(32)), by_zero, "chain"
    yield edit(cert, links + ".0.header.generation", 2), by_zero, "chain"
    yield edit(cert, links + ".0.header.body", bytes(32)), by_zero, "certificate"
    yield edit(cert, links, lambda all: all + all), by_zero, "chain"

    for path in (signatures, links + ".0.signatures"):
        yield edit(cert, path, lambda all: all[:-1]), by_zero, "certificate"
        yield edit(cert, path, lambda all: all + ((all[-1][0] + 1, all[-1][1]),)), by_zero, "certificate"
        yield edit(cert, path, lambda all: all[::-1]), by_zero, "certificate"
        yield edit(cert, path, lambda all: all[:1] * len(all)), by_zero, "certificate"
        yield edit(cert, path + ".-1.0", 0xFFFF), by_zero, "certificate"
        yield edit(cert, path + ".0.1", small_order_signature()), by_zero, "certificate"
        yield edit(cert, path + ".0.1", above_order), by_zero, "certificate"
    yield edit(cert, links + ".0.round", lambda turn: turn ^ 1), by_zero, "certificate"
    old = {"trusted": (1, world.names[1].hex())}
    yield edit(cert, links + ".0.signatures", ()), old, "signed"
    yield edit(frontier, links + ".0.signatures", ()), old, "signed"
    yield edit(edit(frontier, links + ".0.signatures", ()), links + ".1.signatures", ()), old, "certificate"

    yield edit(cert, "value.message.seq", 0), by_zero, "lane"
    yield edit(later, "value.message.seq", top - 2), by_zero, "lane"
    yield edit(later, "value.message.seq", top - 3), by_zero, "certificate"
    yield edit(edit(cert, "value.message.seq", 0), "value.end.value.generation", 9), by_zero, "lane"
    yield edit(later, "value.later.1", NONE), by_zero, "certificate"
    yield edit(later, "value.later", lambda all: all[1:]), by_zero, "certificate"
    yield edit(cert, "value.message.ops", lambda ops: ops + b"!"), by_zero, "certificate"
    for generation in (3, top):
        for proof in (cert, frontier, carried):
            yield edit(proof, "value.end.value.generation", generation), by_zero, "generation"
        yield edit(state, "value.generation", generation), by_zero, "generation"
    yield edit(carried, "value.end.value.generation", 1), by_zero, "generation"
    yield edit(carried, "value.end.value.into", 0), by_zero, "generation"
    yield edit(carried, "value.end.value.into", 9), by_zero, "generation"
    # The generation after it is there, but not its own members.
    yield edit(carried, "value.chain", world.chain(1, 1)), old, "generation"
    yield edit(rooted, "value.end.value.generation", 0), old, "generation"

    yield edit(frontier, "value.message.ops", lambda ops: ops + b"!"), by_zero, "path"
    yield edit(frontier, "value.end.value.generation", 0), by_zero, "path"
    yield edit(frontier, "value.end.value.path.beside", lambda all: all + ((NONE, NONE),)), by_zero, "path"
    yield edit(frontier, "value.end.value.path.siblings", lambda all: all + (NONE,)), by_zero, "path"
    yield edit(frontier, "value.end.value.path.siblings", (NONE,) * 257), by_zero, "path"
    yield edit(carried, "value.end.value.signatures.0.1", bytes(64)), by_zero, "certificate"
    yield edit(carried, "value.end.value.lock.statement.dot.seq", 1), by_zero, "path"
    yield edit(carried, "value.end.value.lock.statement.digest", NONE), by_zero, "path"
    yield edit(carried, "value.end.value.lock.statement.generation", 5), by_zero, "path"
    yield edit(carried, "value.end.value.lock.sig", bytes(64)), by_zero, "path"
    yield edit(carried, "value.end.value.path.siblings", (NONE,) * 256), by_zero, "path"

    for generation in range(3):
        for key in sorted(world.records[generation])[:3] + [b"absent"]:
            proof, grade = world.state(generation, key), "signed" if generation else "anchored"
            yield proof, by_zero, grade
            yield proof, name, "unproven" if generation else "anchored"
            swapped = (lambda old: b"") if proof.value.value is None else (lambda old: None)
            yield edit(proof, "value.value", swapped), by_zero, "path"
            yield edit(proof, "value.key", key + b"?"), by_zero, "path" if key in world.records[generation] else None
            place = v.position_of(key)
            own = place, v.record_digest(place, proof.value.value or b"")
            listed = edit(proof, "value.path.beside", lambda all: all + (own,))
            yield listed, by_zero, "path"
            yield edit(listed, "value.value", None), name, "path"
            yield edit(proof, "value.path.beside", lambda all: all[::-1]), by_zero, grade

    # Torsion in R, in all signatures of a certificate; in a key; and R itself of small order.
    for times in (1, 4, 7):
        torsion = v.point_mul(times, v.TORSION)
        yield world.receipt("certificate", 1, torsion=torsion), by_zero, "signed"
        yield world.receipt("carried", 0, torsion=torsion), by_zero, "signed"
        yield world.echoes(torsion=torsion), name, "convicts"
        yield world.echoes(key=Key(world.rng, torsion)), name, "signature"
    yield edit(echoes, "value.equivocation.value.right.sig", above_order), name, "signature"
    yield edit(echoes, "value.equivocation.value.left.sig", small_order_signature()), name, "signature"
    for encoding in bad_points():
        both = edit(echoes, "value.equivocation.value.left.signer", encoding)
        yield edit(both, "value.equivocation.value.right.signer", encoding), name, "signature"
        yield edit(echoes, "value.equivocation.value.right.sig", lambda sig: encoding + sig[32:]), name, "signature"
    # A key of small order would make any R = S B a good signature, were it a key.
    weak = edit(echoes, "value.equivocation.value.left.signer", v.compress(v.IDENTITY))
    weak = edit(weak, "value.equivocation.value.right.signer", v.compress(v.IDENTITY))
    for side in ("left", "right"):
        weak = edit(weak, f"value.equivocation.value.{side}.sig", v.compress(v.BASE) + (1).to_bytes(32, "little"))
    yield weak, name, "signature"

    yield edit(echoes, "value.equivocation.value.right.signer", bytes(32)), name, "conflict"
    yield edit(echoes, "value.equivocation.value.right.statement.generation", 2), name, "conflict"
    yield edit(echoes, "value.equivocation.value.right.statement.dot.seq", 8), name, "conflict"
    yield edit(echoes, "value.equivocation.value.right.statement.dot.source", NONE), name, "conflict"
    yield edit(echoes, "value.equivocation.value.right.statement.digest", NONE), name, "conflict"
    yield edit(echoes, "value.equivocation.value.right.statement.digest", bytes([3] * 32)), name, "signature"
    for votes in world.all_votes():
        yield votes, name, "convicts"
        yield edit(votes, "value.equivocation.value.right.statement.round", 0), name, "conflict"
        yield edit(votes, "value.equivocation.value.right.statement.generation", 0), name, "conflict"
        left = votes.value.equivocation.value.left
        yield edit(votes, "value.equivocation.value.right", left), name, "conflict"
        yield edit(votes, "value.equivocation.value.right.sig", left.sig), name, "signature"
        yield edit(votes, "value.network", NONE), other, "signature"
    yield world.votes(("prevote", NONE), ("precommit", None)), name, "conflict"


def above_order(sig: bytes) -> bytes:
    return sig[:32] + (int.from_bytes(sig[32:], "little") + v.L).to_bytes(32, "little")


def bad_points():
    """Encodings that are no canonical ones, or of small order."""
    yield from sorted(v.SMALL_ORDER)
    yield (1 | 1 << 255).to_bytes(32, "little")
    yield (v.P - 1 | 1 << 255).to_bytes(32, "little")
    for y in (v.P, v.P + 1, v.P + 3, v.P + 18):
        yield y.to_bytes(32, "little")
        yield (y | 1 << 255).to_bytes(32, "little")
    yield (2).to_bytes(32, "little")
    yield b"\xff" * 32


# ------------------------------------------------------------------------------------------------------------- mutation


def places_in(kind, value, path=""):
    """Every value within a value, with its type and path."""
    yield path, kind, value
    inner = []
    if isinstance(kind, v.Struct):
        inner = [(name, part, getattr(value, name)) for name, part in zip(kind.make._fields, kind.items)]
    elif isinstance(kind, v.Pair):
        inner = [(at, part, value[at]) for at, part in enumerate(kind.items)]
    elif isinstance(kind, v.List):
        inner = [(at, kind.item, item) for at, item in enumerate(value)]
    elif isinstance(kind, v.OneOf) and kind.types[value.name]:
        inner = [("value", kind.types[value.name], value.value)]
    elif isinstance(kind, v.Maybe) and value is not None:
        yield from places_in(kind.item, value, path)
    for name, part, item in inner:
        yield from places_in(part, item, f"{path}.{name}" if path else str(name))


def invent(rng, kind):
    if isinstance(kind, v.Int):
        return rng.choice((0, 1, 2, (1 << 8 * kind.size) - 1))
    if isinstance(kind, v.Raw):
        return rng.choice((bytes(kind.size), rng.randbytes(kind.size)))
    if isinstance(kind, v.Blob):
        return rng.randbytes(rng.randrange(3))
    if isinstance(kind, v.Text):
        return rng.choice(("", "é\0", "x"))
    if isinstance(kind, v.Maybe):
        return rng.choice((None, invent(rng, kind.item)))
    if isinstance(kind, v.List):
        made = [invent(rng, kind.item) for _ in range(rng.randrange(3))]
        return tuple(sorted(set(made)) if isinstance(kind, v.Set) else made)
    if isinstance(kind, v.OneOf):
        name = rng.choice(kind.names)
        return Variant(name, kind.types[name] and invent(rng, kind.types[name]))
    parts = [invent(rng, part) for part in kind.items]
    return kind.make(*parts) if isinstance(kind, v.Struct) else tuple(parts)


def change(rng, kind, value):
    if isinstance(kind, v.Int):
        return rng.choice((value ^ 1, max(value - 1, 0), min(value + 1, (1 << 8 * kind.size) - 1), invent(rng, kind)))
    if isinstance(kind, v.Raw) and rng.random() < 0.7:
        at = rng.randrange(kind.size)
        return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]
    if isinstance(kind, v.List) and value:
        one, two = rng.randrange(len(value)), rng.randrange(len(value))
        items = list(value)
        how = rng.randrange(5)
        if how == 0:
            del items[one]
        elif how == 1:
            items.insert(two, value[one])
        elif how == 2:
            items[one], items[two] = items[two], items[one]
        elif how == 3:
            items.append(invent(rng, kind.item))
        else:
            items = []
        return tuple(items)
    return invent(rng, kind)


def mutate(rng, proof) -> bytes:
    how = rng.randrange(10)
    if how < 6:
        for _ in range(rng.choice((1, 1, 1, 2))):
            path, kind, value = rng.choice([place for place in places_in(v.Proof, proof) if place[0]])
            proof = edit(proof, path, change(rng, kind, value))
        return v.encode(proof)
    data = bytearray(v.encode(proof))
    at = rng.randrange(len(data))
    if how < 8:
        data[at] ^= rng.randrange(1, 256)
    elif how == 8:
        width = rng.choice((1, 4, 8, 32))
        data[at : at + rng.choice((0, width))] = rng.choice((bytes(width), b"\xff" * width, rng.randbytes(width)))
    else:
        data = rng.choice((data[:at], data + rng.randbytes(rng.randint(1, 9)), data[:at] + data[at + 1 :]))
    return bytes(data)


def odd_anchor(rng, world):
    generation, name = rng.randrange(len(world.names) + 1), rng.choice(world.names + [rng.randbytes(32)])
    return rng.choice(({"network": name.hex()}, {"trusted": (generation, name.hex())}))


def write(count: int, path, seed: int = 1):
    """Vectors with the verdicts of this module; those of genuine and of special files are asserted as well."""
    rng, written, epoch = random.Random(seed), 0, 0
    with open(path, "w", encoding="utf-8") as out:

        def put(data, anchor, word=None):
            nonlocal written
            if written == count:
                return
            got = v.verify(data, **anchor).word
            if word and got != word:
                raise AssertionError(f"line {written + 1}: made to be {word}, is {got}")
            if "trusted" in anchor:
                anchor = {"trusted": "{}:{}".format(*anchor["trusted"])}
            out.write(json.dumps({"bytes": data.hex(), **anchor, "verdict": got}) + "\n")
            written += 1

        while written < count:
            epoch += 1
            odd = epoch % 4 == 0
            world = World(rng.random(), rng.randint(1, 4), (1, 7), torsion_at=rng.choice((0, 1)) if odd else None)
            genuine = list(world.genuine())
            rng.shuffle(genuine)
            for proof, anchor, word in genuine[:40]:
                put(v.encode(proof), anchor, None if odd else word)
                put(v.encode(proof), odd_anchor(rng, world))
                for _ in range(4):
                    put(mutate(rng, proof), rng.choice((anchor, anchor, anchor, odd_anchor(rng, world))))
            for proof, anchor, word in special(World(rng.random(), 3, (4, 7))) if epoch % 3 == 1 else ():
                put(v.encode(proof), anchor, word)


# ---------------------------------------------------------------------------------------------------------------- tests


class Genuine(unittest.TestCase):
    def test_every_kind_and_anchor(self):
        words = set()
        for seed in range(3):
            for proof, anchor, word in World(seed, 3).genuine():
                verdict = v.verify(v.encode(proof), **anchor)
                self.assertEqual(verdict.word, word, (seed, proof, anchor, verdict))
                words.add(word)
        self.assertEqual(words, GOOD | {"unproven"})

    def test_flaws_made_with_care(self):
        words = {"malformed"}
        for seed in (10, 11):
            for at, (proof, anchor, word) in enumerate(special(World(seed, 3, (4, 7)))):
                verdict = v.verify(v.encode(proof), **anchor)
                self.assertIn(verdict.word, {word} if word else {"signed", "anchored", "path"}, (seed, at, verdict))
                words.add(verdict.word)
        self.assertEqual(words, WORDS)

    def test_committee_sizes(self):
        self.assertEqual([v.quorum(n) for n in range(1, 11)], [1, 2, 3, 3, 4, 5, 5, 6, 7, 7])
        for size in (1, 2, 10):
            world = World(size, 2, member_counts=[size, size])
            self.assertEqual(v.verify(v.encode(world.receipt("certificate", 1)), trusted=(0, world.network.hex())).word,
                             "signed")

    def test_too_many_members(self):
        world = World(5, 1)
        for count, word in ((v.MAX_MEMBERS, "certificate"), (v.MAX_MEMBERS + 1, "chain")):
            genesis = world.genesis._replace(members=tuple(at.to_bytes(32, "big") for at in range(count)))
            network = v.network_of(genesis)
            proof = edit(world.receipt("certificate", 0), "value.chain.root.value", genesis)
            proof = edit(proof, "value.network", network)
            self.assertEqual(v.verify(v.encode(proof), network=network.hex()).word, word)

    def test_anchor_is_one(self):
        name = "00" * 32
        for held in ({}, {"network": name, "trusted": (0, name)}, {"network": "00"}, {"trusted": (0, "x" * 64)}):
            with self.assertRaises(ValueError):
                v.verify(b"", **held)


class Signatures(unittest.TestCase):
    """With and without the library; the caches are emptied between."""

    def both(self, key, digest, sig, good):
        library = v.Ed25519PublicKey
        try:
            for v.Ed25519PublicKey in {library, None}:
                v.signature_good.cache_clear()
                v.key_point.cache_clear()
                self.assertEqual(v.signature_good(key, digest, sig), good)
        finally:
            v.Ed25519PublicKey = library

    def test_points(self):
        self.assertTrue(v.is_identity(v.point_mul(8, v.TORSION)))
        self.assertFalse(v.is_identity(v.point_mul(4, v.TORSION)))
        self.assertEqual(len(v.SMALL_ORDER), 8)
        self.assertTrue(v.is_identity(v.point_mul(v.L, v.BASE)))
        self.assertEqual(v.compress(v.base_mul(v.L - 2)), v.compress(v.point_mul(v.L - 2, v.BASE)))

    def test_rfc_8032(self):
        key = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
        sig = bytes.fromhex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")
        self.both(key, bytes.fromhex("af82"), sig, True)
        self.both(key, bytes.fromhex("af83"), sig, False)

    def test_torsion(self):
        key, digest = Key(random.Random(1)), bytes(range(32))
        for times in range(8):
            torsion = v.point_mul(times, v.TORSION)
            self.both(key.public, digest, key.sign(digest, torsion), True)
            self.both(key.public, digest, key.sign(digest, torsion, nonce=0), False)
            bad = Key(random.Random(times), torsion)
            # The equation holds; the key alone decides.
            self.both(bad.public, digest, bad.sign(digest), times == 0)

    def test_ranges(self):
        key, digest = Key(random.Random(1)), bytes(32)
        sig = key.sign(digest)
        self.both(key.public, digest, sig, True)
        self.both(key.public, digest, above_order(sig), False)
        for point in bad_points():
            self.both(point, digest, sig, False)
            self.both(key.public, digest, point + sig[32:], False)


class Bytes(unittest.TestCase):
    def small(self):
        world = World(3, 2, member_counts=[1, 1])
        by_zero, name = {"trusted": (0, world.network.hex())}, {"network": world.network.hex()}
        for how, generation in (("certificate", 0), ("frontier", 1), ("carried", 0)):
            yield world.receipt(how, generation, later=1), by_zero
        yield world.state(1, b"absent"), by_zero
        if world.records[0]:
            yield world.state(0, sorted(world.records[0])[0]), by_zero
        yield world.echoes(), name
        for votes in world.all_votes():
            yield votes, name

    def test_flips_and_truncations(self):
        rng = random.Random(4)
        for proof, anchor in self.small():
            data = v.encode(proof)
            self.assertIn(v.verify(data, **anchor).word, GOOD)
            for at in range(len(data)):
                self.assertEqual(v.verify(data[:at], **anchor).word, "malformed")
                flipped = data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]
                word = v.verify(flipped, **anchor).word
                if word in GOOD:
                    # Nothing in these files is free to be otherwise, but that many other keys are absent as well.
                    self.assertEqual(proof, edit(v.decode(flipped), "value.key", b"absent"))
                self.assertIn(word, WORDS)
            self.assertEqual(v.verify(data + b"\0", **anchor).word, "malformed")

    def test_one_encoding(self):
        world = World(8, 2, member_counts=[4, 4])
        proof, name = world.receipt("certificate", 1), world.network.hex()
        swapped = edit(proof, "value.chain.root.value.members", lambda all: all[::-1])
        doubled = edit(proof, "value.chain.root.value.members", lambda all: all[:1] * 2)
        vote = v.encode(world.votes(("prevote", None), ("prevote", NONE)))
        # The first option of the vote: after the file's head, the network, which kinds twice, generation, round, kind.
        at = 8 + 4 + 4 + 32 + 4 + 8 + 4 + 4
        self.assertEqual(vote[at], 0)
        text = v.encode(edit(proof, "value.chain.root.value.algorithm", "abc"))
        cases = [v.encode(swapped), v.encode(doubled), vote[:at] + b"\2" + vote[at + 1 :], b"", b"BFTPROOF",
                 text.replace(b"abc", b"\xed\xa0\x80"), text.replace(b"abc", b"ab\xff"), b"BFTPROOF\2" + text[9:],
                 bytes(v.MAX_FILE + 1)]
        for data in cases:
            self.assertEqual(v.verify(data, network=name).word, "malformed")

    def test_sizes(self):
        world = World(9, 1)
        proof = world.receipt("certificate", 0)
        room = v.MAX_FILE - len(v.encode(edit(proof, "value.message.ops", b"")))
        for size, word in ((room, "certificate"), (room + 1, "malformed")):
            data = v.encode(edit(proof, "value.message.ops", bytes(size)))
            self.assertEqual(v.verify(data, network=world.network.hex()).word, word)
        # Counts that no file has room for are refused before they are believed.
        data = v.encode(edit(proof, "value.later", ()))
        for count in (1 << 18, 1 << 40, v.MAX_U64):
            for at in range(12, len(data) - 8, 3):
                v.verify(data[:at] + count.to_bytes(8, "little") + data[at + 8 :], network=world.network.hex())

    def test_noise(self):
        rng = random.Random(6)
        proofs = list(World(7, 2).genuine())
        for _ in range(1500):
            proof, anchor, _ = rng.choice(proofs)
            self.assertIn(v.verify(mutate(rng, proof), **anchor).word, WORDS)


class Json(unittest.TestCase):
    def test_both_ways(self):
        for proof, anchor, _ in list(World(2, 3).genuine()) + list(special(World(12, 3, (4, 7)))):
            text = v.to_json(proof)
            self.assertEqual(v.from_json(text), proof)
            self.assertEqual(v.encode(v.from_json(text.encode())), v.encode(proof))
            self.assertEqual(v.decode(v.encode(proof)), proof)
        self.assertEqual(v.verify(text.encode(), **anchor), v.verify(v.encode(proof), **anchor))

    def test_form(self):
        world = World(3, 2, member_counts=[1, 1])
        receipt = json.loads(v.to_json(world.receipt("certificate", 1)))["proof"]["receipt"]
        self.assertEqual(receipt["network"], world.network.hex())
        self.assertEqual(receipt["end"]["certificate"]["generation"], "1")
        self.assertEqual(receipt["end"]["certificate"]["signatures"][0][0], 0)
        self.assertEqual(receipt["chain"]["root"]["genesis"]["signatures"], "c1")
        votes = json.loads(v.to_json(world.votes(("prevote", None), ("prevote", NONE))))["proof"]["evidence"]
        self.assertEqual(votes["equivocation"]["vote"]["left"]["statement"]["kind"], {"prevote": None})

    def test_one_text(self):
        world = World(3, 2, member_counts=[2, 2])
        text = v.to_json(edit(world.receipt("certificate", 1), "value.chain.root.value.algorithm", "abc"))
        name = world.network.hex()
        cases = [("{", "{" * 5000), ('"1"', "1"), ('"1"', '"01"'), ('"1"', '"+1"'), ('"1"', '"1 "'), ('"1"', '"٣"'),
                 ('"1"', '"18446744073709551616"'), ('"version": 1', '"version": true'),
                 ('"version": 1', '"version": 1.0'), ('"version": 1', '"version": 2'),
                 ('"version": 1', '"version": 1, "version": 1'), (name, name.upper()), (name, name[1:]),
                 (name, name + " "), (name, name[:-1] + "\\ud800"), ('"abc"', '"\\ud800"'), ('"abc"', "null"),
                 ('"abc"', "NaN"), ('"abc"', "9" * 100_000), ('"c1"', '{"c1": null}'), ('"c1"', '"c2"'),
                 ('"round": ', '"round": -'), ('"proof"', '"extra": 1, "proof"'), ("}", ""), ("}}", "}}}"),
                 ('"abc"', '"\\"' + "[" * 9)]
        v.from_json(text)
        for old, new in cases:
            self.assertIn(old, text)
            word = v.verify(text.replace(old, new, 1).encode("utf-8"), network=name).word
            self.assertEqual(word, "malformed", (old, new))
        v.from_json(text.replace('"abc"', '"\\"' + "[{" * 99 + '\\\\"', 1))
        for junk in (b"{\xff", b"{", b"{\0}", b'{"version": 1, "proof": "receipt"}', b"{" * v.MAX_FILE):
            self.assertEqual(v.verify(junk, network=name).word, "malformed")
        rng = random.Random(1)
        for _ in range(500):
            data, at = bytearray(text.encode()), rng.randrange(1, len(text))
            data[at] = rng.choice(b'{}[]",:\\019aex \x80')
            self.assertIn(v.verify(bytes(data), network=name).word, WORDS)


class Program(unittest.TestCase):
    def run_main(self, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = v.main([str(arg) for arg in args])
            except SystemExit as stop:
                code = stop.code
        return code, out.getvalue()

    def test_program(self):
        world = World(3, 2, member_counts=[4, 4])
        name, zero = world.network.hex(), f"0:{world.network.hex()}"
        with tempfile.TemporaryDirectory() as folder:
            file, text, back = (FilePath(folder) / name for name in ("a.proof", "a.json", "b.proof"))
            file.write_bytes(v.encode(world.receipt("certificate", 1)))
            for args, code, word in (((file, "--trusted", zero), 0, "signed"),
                                     ((file, "--network", name), 6, "unproven"),
                                     ((file, "--network", "00" * 32), 5, "elsewhere"), ((file,), 2, ""),
                                     ((), 2, ""), ((file, "--network", "x"), 2, ""), ((file, "--trusted", "0"), 2, ""),
                                     ((FilePath(folder) / "none", "--network", name), 2, "")):
                got = self.run_main(*args)
                self.assertEqual(got[0], code, got)
                self.assertIn(word, got[1])
            code, made = self.run_main(file, "--json")
            text.write_text(made, encoding="utf-8")
            self.assertEqual((code, self.run_main(text, "--json", "--out", back)[0]), (0, 0))
            self.assertEqual(back.read_bytes(), file.read_bytes())
            self.assertEqual(self.run_main(text, "--trusted", zero)[0], 0)
            text.write_text("{}")
            self.assertEqual(self.run_main(text, "--trusted", zero)[0], 1)

            vectors = FilePath(folder) / "vectors.jsonl"
            write(60, vectors)
            self.assertEqual(self.run_main("--vectors", vectors), (0, "60 of 60 agree\n"))
            line = json.dumps({"file": "a.proof", "trusted": zero, "verdict": "chain"})
            vectors.write_text(line + "\n" + line.replace("chain", "signed") + "\n")
            self.assertEqual(self.run_main("--vectors", vectors),
                             (1, "line 1: expected chain, got signed\n1 of 2 agree\n"))

    @unittest.skipUnless(VECTORS.exists(), "no vectors beside the repository's tests")
    def test_vectors_of_the_repository(self):
        code, out = self.run_main("--vectors", VECTORS)
        self.assertEqual(code, 0, out)


if __name__ == "__main__":
    if "--write" in sys.argv:
        at = sys.argv.index("--write")
        seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 1
        write(int(sys.argv[at + 1]), sys.argv[at + 2], seed)
    else:
        unittest.main()
