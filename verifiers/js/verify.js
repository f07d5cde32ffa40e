// Checks the proof files of bft-crdts, in a browser or in node. Written from docs/formats.md, "Proofs in a file", alone.
import * as ed from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";

ed.hashes.sha512 = sha512;

// Brackets, commas, colons and quotes of a text; a lane of 8 MiB has 800,000.
const MARKS = 1 << 22;
export const LIMIT = 8_388_608;
export class Malformed extends Error {}
const malformed = (why) => { throw new Malformed(why); };

// Bytes and hexadecimal digits.

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const DIGIT = Object.fromEntries([..."0123456789abcdef"].map((digit, value) => [digit.charCodeAt(0), value]));

export function hex(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]];
  return text;
}

// No regular expression: one that repeats a group runs out of stack on the longest strings that a file may hold.
export function unhex(text) {
  if (typeof text !== "string" || text.length % 2) malformed("bytes are an even number of hexadecimal digits");
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = DIGIT[text.charCodeAt(2 * i)], low = DIGIT[text.charCodeAt(2 * i + 1)];
    if (high === undefined || low === undefined) malformed("bytes are hexadecimal digits in lower case");
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

const same = (a, b) => compare(a, b) === 0;

function join(chunks) {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

// Types. Each says how few bytes a value has at least, how to read one and to write one, and how to turn one into JSON and back.
// A value looks like its JSON, but that its bytes are a Uint8Array and its u64 a BigInt.

function take(input, count) {
  if (count > input.bytes.length - input.at) malformed("the file ends too early");
  input.at += Number(count);
  return input.bytes.subarray(input.at - Number(count), input.at);
}

const fixed = (size) => ({
  min: size,
  read: (input) => take(input, size),
  write: (value, out) => out.push(value),
  json: hex,
  parse(json) {
    const bytes = unhex(json);
    return bytes.length === size ? bytes : malformed(`${size} bytes were expected`);
  },
});

const integer = (size) => ({
  min: size,
  read: (input) => take(input, size).reduceRight((sum, byte) => sum * 256 + byte, 0),
  write(value, out) {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++, value = Math.floor(value / 256)) bytes[i] = value % 256;
    out.push(bytes);
  },
  json: (value) => value,
  parse: (json) => Number.isInteger(json) && json >= 0 && json < 256 ** size && !Object.is(json, -0)
    ? json : malformed(`an integer of ${size} bytes was expected`),
});

const u8 = integer(1), u16 = integer(2), u32 = integer(4);
const END_OF_U64 = 1n << 64n;

const u64 = {
  min: 8,
  read: (input) => BigInt(u32.read(input)) + (BigInt(u32.read(input)) << 32n),
  write(value, out) {
    u32.write(Number(value & 0xffff_ffffn), out);
    u32.write(Number(value >> 32n), out);
  },
  json: String,
  parse(json) {
    const good = typeof json === "string" && /^(0|[1-9][0-9]{0,19})$/.test(json) && BigInt(json) < END_OF_U64;
    return good ? BigInt(json) : malformed("decimal digits of a u64, in a string, were expected");
  },
};

const Bytes = {
  min: 8,
  read: (input) => take(input, u64.read(input)),
  write(value, out) {
    u64.write(BigInt(value.length), out);
    out.push(value);
  },
  json: hex,
  parse: unhex,
};

// A decoder that keeps what others drop: U+FEFF at the beginning is a character like any other.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return malformed("a string is no UTF-8");
  }
}

const Text = {
  min: 8,
  read: (input) => text(Bytes.read(input)),
  write: (value, out) => Bytes.write(new TextEncoder().encode(value), out),
  json: (value) => value,
  // Half of a surrogate pair has no UTF-8: the encoder would put another character there.
  parse: (json) => typeof json === "string" && text(new TextEncoder().encode(json)) === json
    ? json : malformed("a string was expected"),
};

const list = (type) => ({
  min: 8,
  read(input) {
    const count = u64.read(input), items = [];
    if (count * BigInt(type.min) > input.bytes.length - input.at) malformed("the file ends too early");
    for (let i = 0; i < count; i++) items.push(type.read(input));
    return items;
  },
  write(value, out) {
    u64.write(BigInt(value.length), out);
    for (const item of value) type.write(item, out);
  },
  json: (value) => value.map(type.json),
  parse: (json) => Array.isArray(json) ? json.map(type.parse) : malformed("an array was expected"),
});

// Of bytes only, so that the values themselves can be compared.
const set = (type) => ({
  ...list(type),
  read(input) {
    const items = list(type).read(input);
    for (let i = 1; i < items.length; i++) if (compare(items[i - 1], items[i]) >= 0) malformed("a set is out of order");
    return items;
  },
});

const option = (type) => ({
  min: 1,
  read(input) {
    const which = u8.read(input);
    return which === 0 ? null : which === 1 ? type.read(input) : malformed("an option begins with 0 or 1");
  },
  write(value, out) {
    u8.write(value === null ? 0 : 1, out);
    if (value !== null) type.write(value, out);
  },
  json: (value) => value === null ? null : type.json(value),
  parse: (json) => json === null ? null : type.parse(json),
});

const pair = (first, second) => ({
  min: first.min + second.min,
  read: (input) => [first.read(input), second.read(input)],
  write(value, out) {
    first.write(value[0], out);
    second.write(value[1], out);
  },
  json: (value) => [first.json(value[0]), second.json(value[1])],
  parse: (json) => Array.isArray(json) && json.length === 2
    ? [first.parse(json[0]), second.parse(json[1])] : malformed("an array of two was expected"),
});

const isObject = (json) => typeof json === "object" && json !== null && !Array.isArray(json);

function struct(fields) {
  const entries = Object.entries(fields);
  const each = (act) => Object.fromEntries(entries.map(([name, type]) => [name, act(type, name)]));
  return {
    min: entries.reduce((sum, [, type]) => sum + type.min, 0),
    read: (input) => each((type) => type.read(input)),
    write: (value, out) => entries.forEach(([name, type]) => type.write(value[name], out)),
    json: (value) => each((type, name) => type.json(value[name])),
    parse(json) {
      const whole = isObject(json) && Object.keys(json).length === entries.length;
      if (!whole || !entries.every(([name]) => Object.hasOwn(json, name))) {
        malformed(`an object with ${entries.map(([name]) => name).join(", ")}, and nothing else, was expected`);
      }
      return each((type, name) => type.parse(json[name]));
    },
  };
}

// One of several: { name: value }, or the name alone where there are no fields (null below).
function either(choices) {
  const names = Object.keys(choices);
  const named = (name) => names.includes(name) ? choices[name] : malformed(`one of ${names.join(", ")} was expected`);
  const only = (value) => Object.keys(value).length === 1 ? Object.keys(value)[0] : malformed("one name was expected");
  return {
    min: 4,
    read(input) {
      const name = names[u32.read(input)], type = named(name);
      return type ? { [name]: type.read(input) } : name;
    },
    write(value, out) {
      const name = typeof value === "string" ? value : only(value);
      u32.write(names.indexOf(name), out);
      if (choices[name]) choices[name].write(value[name], out);
    },
    json(value) {
      if (typeof value === "string") return value;
      const name = only(value);
      return { [name]: choices[name].json(value[name]) };
    },
    parse(json) {
      if (typeof json === "string") return named(json) === null ? json : malformed(`${json} has fields`);
      const name = isObject(json) ? only(json) : malformed("one of several was expected");
      return named(name) ? { [name]: choices[name].parse(json[name]) } : malformed(`${name} has no fields`);
    },
  };
}

// The table of the types, as in the specification.

const Digest = fixed(32), Actor = fixed(32), Sig = fixed(64);
const Signatures = list(pair(u16, Sig));
const Signed = (statement) => struct({ statement, signer: Actor, sig: Sig });
const Conflict = (statement) => struct({ left: Signed(statement), right: Signed(statement) });

const Dot = struct({ source: Actor, seq: u64 });
const Echo = struct({ generation: u64, dot: Dot, digest: Digest });
const Proposal = struct({ value: Digest, valid_round: option(u32) });
const VoteKind = either({ proposal: Proposal, prevote: option(Digest), precommit: option(Digest) });
const Vote = struct({ generation: u64, round: u32, kind: VoteKind });

const Commitment = struct({ snapshot: Digest, records: Digest });
const Header = struct({
  parent: Digest, generation: u64, members: set(Actor), frontier: Digest, marks: Digest, state: Commitment, body: Digest,
});
const Limits = struct({
  message_bytes: u32, message_ops: u32, seats: u32, lanes: u32, packet_bytes: u32, segment_bytes: u32,
  segment_messages: u32, outbox_bytes: u32,
});
const Genesis = struct({
  algorithm: Text, configuration: Bytes, state: Commitment, members: set(Actor), limits: Limits, nonce: fixed(32),
  signatures: either({ c1: null }),
});
const Chain = struct({
  root: either({ genesis: Genesis, header: Header }),
  links: list(struct({ header: Header, round: u32, signatures: Signatures })),
});

const Path = struct({ siblings: list(Digest), beside: list(pair(Digest, Digest)) });

const Message = struct({ source: Actor, seq: u64, parent: Digest, ops: Bytes });
const End = either({
  certificate: struct({ generation: u64, signatures: Signatures }),
  frontier: struct({ generation: u64, path: Path }),
  carried: struct({ generation: u64, signatures: Signatures, into: u64, lock: Signed(Echo), path: Path }),
});
const Receipt = struct({ network: Digest, chain: Chain, message: Message, later: list(Digest), end: End });
const StateProof = struct({ network: Digest, chain: Chain, generation: u64, key: Bytes, value: option(Bytes), path: Path });
const Evidence = struct({ network: Digest, equivocation: either({ echo: Conflict(Echo), vote: Conflict(Vote) }) });
const Proof = either({ receipt: Receipt, state_proof: StateProof, evidence: Evidence });

// What is hashed, but in no file.
const MessageName = struct({ source: Actor, seq: u64, parent: Digest, ops: Digest });
const FrontierRecord = struct({ seq: u64, digest: Digest });
const Mark = either({ lock: Signed(Echo), sealed: list(Signed(Echo)) });

const bytesOf = (type, value) => {
  const chunks = [];
  type.write(value, chunks);
  return join(chunks);
};

// Files.

const MAGIC = new TextEncoder().encode("BFTPROOF");

export function decode(bytes) {
  if (bytes.length > LIMIT) malformed("the file is longer than 8 MiB");
  // A Buffer of node's is a Uint8Array whose slice() shares its bytes: not for us.
  const input = { bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
  if (!same(take(input, 8), MAGIC)) malformed("the file does not begin with BFTPROOF");
  if (u32.read(input) !== 1) malformed("the file is of another version than 1");
  const proof = Proof.read(input);
  return input.at === bytes.length ? proof : malformed("the file goes on behind its end");
}

export const encode = (proof) => join([MAGIC, bytesOf(u32, 1), bytesOf(Proof, proof)]);
export const toJSON = (proof) => ({ version: 1, proof: Proof.json(proof) });

const File = struct({ version: u32, proof: Proof });

export function fromJSON(json) {
  const { version, proof } = File.parse(json);
  return version === 1 ? proof : malformed("the file is of another version than 1");
}

// The bytes that a file stands for, be it these bytes or JSON.
// What JSON.parse makes of brackets and commas alone is many times as long as the text.
function modest(said) {
  let marks = 0;
  for (let index = 0; index < said.length; index++) {
    const code = said.charCodeAt(index);
    if ((code === 0x5b || code === 0x7b || code === 0x2c || code === 0x3a || code === 0x22) && ++marks > MARKS) {
      malformed("more values than any file has");
    }
  }
}

export function normalize(file) {
  const begin = file.subarray(0, 1024).findIndex((byte) => byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13);
  if (file[begin] !== 0x7b) return file;
  if (file.length > 8 * LIMIT) malformed("the text is too long");
  let json;
  try {
    const said = text(file);
    modest(said);
    json = JSON.parse(said);
  } catch {
    malformed("the text is no JSON");
  }
  return encode(fromJSON(json));
}

// Digests.

const NONE = new Uint8Array(32);
const EMPTY = NONE;
const TAGS = new Map();

// Without a network: the digests of trees.
function T(tag, ...chunks) {
  if (!TAGS.has(tag)) {
    const name = new TextEncoder().encode(`bft-crdts/1 ${tag}`);
    TAGS.set(tag, join([[name.length], name]));
  }
  return sha256(join([TAGS.get(tag), ...chunks]));
}

const H = (tag, network, type, value) => T(tag, network, bytesOf(type, value));

export const digests = {
  genesis: (genesis) => H("genesis", NONE, Genesis, genesis),
  header: (network, header) => H("header", network, Header, header),
  operations: (network, ops) => H("operations", network, Bytes, ops),
  message: (network, source, seq, parent, ops) => H("message", network, MessageName, { source, seq, parent, ops }),
  echo: (network, echo) => H("echo", network, Echo, echo),
  vote: (network, vote) => H("ballot", network, Vote, vote),
  position: (key) => T("key", key),
  record: (position, value) => value.length === 0 ? NONE : T("record", position, value),
  leaf: (entries) => entries.length === 0 ? EMPTY : T("leaf", ...entries.map(join).sort(compare)),
  branch: (left, right) => T("branch", left, right),
  frontierRecord: (seq, digest) => bytesOf(FrontierRecord, { seq, digest }),
  mark: (lock) => bytesOf(Mark, { lock }),
};

const bit = (position, at) => position[at >> 3] >> (7 - (at & 7)) & 1;

// Whether a path proves that the tree has this value under the key, or, if it is null, that it has none.
function leads(tree, key, value, { siblings, beside }) {
  const position = digests.position(key);
  const entries = value === null ? beside : [...beside, [position, digests.record(position, value)]];
  if (siblings.length > 256 || entries.length > 8) return false;
  if (beside.some(([other]) => same(other, position))) return false;
  let digest = digests.leaf(entries);
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth];
    digest = bit(position, depth) ? digests.branch(sibling, digest) : digests.branch(digest, sibling);
  }
  return same(digest, tree);
}

// Signatures, by the rule c1.

const GROUP_ORDER = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn;
const ORDER_BYTES = unhex(GROUP_ORDER.toString(16).padStart(64, "0"));

// The y of all points of small order. Each of the eight has one of them, and a point with one of them is one of the eight, so
// that no arithmetic is needed; also, only with two of these is x zero, which must not be written as negative.
const SMALL = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

// Whether these bytes may be the one encoding of a point of more than small order, as far as bytes show.
function plausible(point) {
  const y = point.slice();
  y[31] &= 0x7f;
  const belowP = y[0] < 0xed || y[31] !== 0x7f || y.subarray(1, 31).some((byte) => byte !== 0xff);
  return belowP && !SMALL.has(hex(y));
}

// A cache that forgets everything when it is full is still bounded, and needs no bookkeeping.
function cached(cache, limit, name, make) {
  let found = cache.get(name);
  if (found === undefined) {
    if (cache.size >= limit) cache.clear();
    cache.set(name, found = make());
  }
  return found;
}

function goodPoint(key) {
  if (!plausible(key)) return false;
  try {
    return ed.Point.fromBytes(key).isTorsionFree();
  } catch {
    return false;
  }
}

const subtle = globalThis.crypto?.subtle;
const keys = new Map();

// Null of a bad key; else the platform's handle for it, if the platform knows these signatures.
const handleOf = (key) => cached(keys, 16_384, hex(key), () => {
  if (!goodPoint(key)) return null;
  try {
    return Promise.resolve(subtle?.importKey("raw", key, "Ed25519", false, ["verify"])).catch(() => undefined);
  } catch {
    return Promise.resolve(undefined);
  }
});

async function check(key, digest, sig) {
  const belowOrder = compare(sig.slice(32).reverse(), ORDER_BYTES) < 0;
  if (!belowOrder || !plausible(sig.subarray(0, 32))) return false;
  const handle = handleOf(key);
  if (handle === null) return false;
  const known = await handle;
  // The platform's yes can be taken, for whoever checks the equation without the 8 accepts less. Its no cannot.
  if (known && await subtle.verify("Ed25519", known, sig, digest).catch(() => false)) return true;
  return ed.verify(sig, digest, key, { zip215: true });
}

const checked = new Map();

export const verifySignature = (key, digest, sig) =>
  cached(checked, 16_384, hex(key) + hex(digest) + hex(sig), () => check(key, digest, sig));

export const quorum = (members) => members - Math.floor((members - 1) / 3);

// What is wrong with a certificate, or nothing.
async function uncertified(members, signatures, digest) {
  const wanted = quorum(members.length);
  if (signatures.length !== wanted) return `it has ${signatures.length} signatures, and ${wanted} are needed`;
  let last = -1;
  for (const [seat] of signatures) {
    if (seat <= last || seat >= members.length) return "its seats are not in order, or there are no such seats";
    last = seat;
  }
  // Some at a time: the platform works on them at once, and after a bad one nothing more is done.
  for (let begin = 0; begin < signatures.length; begin += 32) {
    const some = signatures.slice(begin, begin + 32);
    const good = await Promise.all(some.map(([seat, sig]) => verifySignature(members[seat], digest, sig)));
    const bad = good.indexOf(false);
    if (bad >= 0) return `the signature of seat ${some[bad][0]} is bad`;
  }
}

// What a file says, without a look at whether it is so.

function headersOf(network, { root, links }) {
  const of = (header, link) => ({
    generation: header.generation, digest: digests.header(network, header), parent: header.parent, members: header.members,
    frontier: header.frontier, marks: header.marks, records: header.state.records, link,
  });
  const genesis = root.genesis && {
    generation: 0n, digest: digests.genesis(root.genesis), members: root.genesis.members,
    frontier: EMPTY, marks: EMPTY, records: root.genesis.state.records,
  };
  return [genesis ?? of(root.header), ...links.map((link) => of(link.header, link))];
}

// The messages from the receipt's to the end; nothing if their numbers are not possible.
function laneOf(network, { message, later }) {
  if (message.seq === 0n || message.seq + BigInt(later.length) >= END_OF_U64) return null;
  const { source, seq, parent, ops } = message;
  const lane = [{ seq, digest: digests.message(network, source, seq, parent, digests.operations(network, ops)) }];
  for (const operations of later) {
    const before = lane.at(-1);
    const next = before.seq + 1n;
    lane.push({ seq: next, digest: digests.message(network, source, next, before.digest, operations) });
  }
  return lane;
}

export function describe(proof) {
  const kind = Object.keys(proof)[0], value = proof[kind], { network } = value;
  const what = { kind, network: hex(network), proof };
  if (kind === "evidence") return what;
  what.headers = headersOf(network, value.chain);
  what.genesis = Boolean(value.chain.root.genesis);
  what.lane = kind === "receipt" ? laneOf(network, value) : undefined;
  what.ending = kind === "receipt" ? Object.keys(value.end)[0] : "state";
  what.generation = kind === "receipt" ? value.end[what.ending].generation : value.generation;
  return what;
}

// The checks, in the order of the specification. Each returns the verdict and why.

function unchained(what) {
  const [root] = what.headers;
  if (what.genesis && hex(root.digest) !== what.network) return "its genesis is of another network than the file";
  if (!what.genesis && root.generation === 0n) return "it begins with a header of generation 0, which is none";
  for (const [index, { generation, members, parent }] of what.headers.entries()) {
    const size = members.length;
    if (size === 0 || size > 65_535) return `the committee of generation ${generation} has ${size} members`;
    if (index === 0) continue;
    const before = what.headers[index - 1];
    if (generation !== before.generation + 1n) return `generation ${generation} follows ${before.generation}`;
    if (!same(parent, before.digest)) return `the header of generation ${generation} names another one before it`;
  }
}

const at = (what, generation) => what.headers[Number(generation - what.headers[0].generation)];

async function judge(what, trust) {
  const { network, trusted } = trust;
  if (network !== undefined && network !== what.network) return ["elsewhere", "the file is of another network"];
  if (what.kind === "evidence") {
    return trusted ? ["unproven", "evidence is checked by the name of its network"] : convict(what.proof.evidence);
  }
  const broken = unchained(what);
  if (broken) return ["chain", broken];

  if (trusted) {
    const header = at(what, trusted.generation);
    if (!header) return ["unproven", `the file does not hold the header of generation ${trusted.generation}`];
    if (hex(header.digest) !== trusted.digest) return ["elsewhere", `its header of generation ${trusted.generation} is another`];
    what.anchor = header.generation;
  } else {
    if (!what.genesis) return ["unproven", "the file does not begin with generation 0, which alone has the network's name"];
    what.anchor = 0n;
  }

  const { proof, kind, headers, ending, generation, anchor } = what;
  const value = proof[kind], bytes = value.network;
  for (let index = Number(anchor - headers[0].generation) + 1; index < headers.length; index++) {
    const { members, generation } = headers[index - 1], { digest, link } = headers[index];
    const ballot = digests.vote(bytes, { generation, round: link.round, kind: { precommit: digest } });
    const wrong = await uncertified(members, link.signatures, ballot);
    if (wrong) return ["certificate", `of the certificate for the header of generation ${generation + 1n}: ${wrong}`];
  }

  if (kind === "receipt" && !what.lane) return ["lane", "the numbers of its messages are not possible"];
  const into = ending === "carried" ? value.end.carried.into : undefined;
  const missing = [generation, into].find((one) => one !== undefined && !at(what, one));
  if (missing !== undefined) return ["generation", `it is about generation ${missing}, whose header it does not hold`];
  if (into <= generation) return ["generation", "it was carried on into no later generation"];

  const wrong = kind === "receipt" ? await unaccepted(what, value) : misled(at(what, generation).records, value);
  if (wrong) return wrong;

  // Who holds the keys of a quorum of an old committee can make certificates and headers, but no hashes.
  const isHeader = ending === "state" || ending === "frontier";
  if (isHeader && generation <= anchor) return ["anchored"];
  if (!trusted) return ["unproven", "only signatures prove it, and by the network's name alone they may be of stolen old keys"];
  if (ending === "certificate" && generation !== headers.at(-1).generation) {
    return ["unproven", "older keys signed for it than those of the file's last generation; they may be in wrong hands"];
  }
  return ["signed"];
}

const misled = (tree, { key, value, path }) => leads(tree, key, value, path)
  ? undefined : ["path", "its path does not lead to the digest of the header's state"];

async function unaccepted(what, { network, message: { source }, end }) {
  const { generation, ending } = what, { seq, digest } = what.lane.at(-1);
  const { signatures, into, lock, path } = end[ending];
  if (ending === "frontier") {
    const there = leads(at(what, generation).frontier, source, digests.frontierRecord(seq, digest), path);
    return there ? undefined : ["path", "its path does not lead to the digest of the header's frontier"];
  }
  const echo = digests.echo(network, { generation, dot: { source, seq }, digest });
  const wrong = await uncertified(at(what, generation).members, signatures, echo);
  if (wrong) return ["certificate", `of the certificate for message ${seq}: ${wrong}`];
  if (ending === "certificate") return undefined;
  const { dot, digest: locked } = lock.statement;
  const onEnd = same(dot.source, source) && dot.seq === seq && same(locked, digest);
  if (!onEnd) return ["path", "what is carried on is another message"];
  const there = leads(at(what, into).marks, source, digests.mark(lock), path);
  return there ? undefined : ["path", "its path does not lead to the digest of what the header carries on"];
}

async function convict({ network, equivocation }) {
  const about = Object.keys(equivocation)[0], { left, right } = equivocation[about];
  const [a, b] = [left.statement, right.statement];
  if (!same(left.signer, right.signer)) return ["conflict", "two keys signed"];
  if (a.generation !== b.generation) return ["conflict", "the statements are of two generations"];
  if (about === "echo") {
    const together = a.dot.seq === b.dot.seq && same(a.dot.source, b.dot.source);
    if (!together) return ["conflict", "the statements are about two messages"];
    if (same(a.digest, b.digest)) return ["conflict", "the statements are the same"];
  } else {
    if (a.round !== b.round) return ["conflict", "the votes are of two rounds"];
    if (Object.keys(a.kind)[0] !== Object.keys(b.kind)[0]) return ["conflict", "the votes are of two kinds"];
    if (same(bytesOf(Vote, a), bytesOf(Vote, b))) return ["conflict", "the votes are the same"];
  }
  for (const [side, { statement, signer, sig }] of [["first", left], ["second", right]]) {
    const good = await verifySignature(signer, digests[about](network, statement), sig);
    if (!good) return ["signature", `the ${side} signature is bad`];
  }
  return ["convicts"];
}

// "GENERATION:DIGEST" or the name of a network, as people hand it on; nothing if it is neither.
export function trustOf(text) {
  const [, generation, digest] = /^(?:([0-9]{1,20}):)?([0-9a-fA-F]{64})$/.exec(text.trim()) ?? [];
  if (!digest || BigInt(generation ?? 0) >= END_OF_U64) return null;
  const name = digest.toLowerCase();
  return generation === undefined ? { network: name } : { trusted: { generation: BigInt(generation), digest: name } };
}

const usable = ({ network, trusted }) => network === undefined
  ? typeof trusted?.generation === "bigint" && /^[0-9a-f]{64}$/.test(trusted.digest)
  : trusted === undefined && /^[0-9a-f]{64}$/.test(network);

// The verdict on a file, and what the file says. Without trust there is no verdict on anything but the file's form.
export async function verify(bytes, trust) {
  if (trust && !usable(trust)) throw new TypeError("trust is { network } or { trusted: { generation, digest } }");
  let what;
  try {
    what = describe(decode(bytes));
  } catch (error) {
    if (error instanceof Malformed) return { verdict: "malformed", why: error.message };
    throw error;
  }
  const [verdict, why] = trust ? await judge(what, trust) : [];
  return { verdict, why, trust, ...what };
}
