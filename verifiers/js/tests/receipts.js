// Makes receipts with keys of its own, to measure with: a committee of four, a trusted header of generation 1, and in each
// receipt one more generation, whose members signed for the message. `node receipts.js FOLDER` writes a hundred and
// prints what to trust.
import { mkdirSync, writeFileSync } from "node:fs";
import * as ed from "@noble/ed25519";
import { digests, encode, hex, quorum } from "../verify.js";

export const bytes = (byte, length = 32) => new Uint8Array(length).fill(byte);
export const member = (number) => {
  const secret = bytes(number + 1);
  return { secret, key: ed.getPublicKey(secret) };
};
export const committee = (size) =>
  Array.from({ length: size }, (_, number) => member(number)).sort((a, b) => (hex(a.key) < hex(b.key) ? -1 : 1));
export const certify = (members, digest) =>
  members.slice(0, quorum(members.length)).map(({ secret }, seat) => [seat, ed.sign(digest, secret)]);

export const genesisOf = (members, records = bytes(0)) => ({
  algorithm: "orswot", configuration: bytes(1, 5), state: { snapshot: bytes(3), records }, members: members.map(({ key }) => key),
  limits: {
    message_bytes: 1, message_ops: 2, seats: 3, lanes: 4, packet_bytes: 5, segment_bytes: 6, segment_messages: 7, outbox_bytes: 8,
  },
  nonce: bytes(9), signatures: "c1",
});

export const headerOf = (parent, generation, members, more = {}) => ({
  parent, generation, members: members.map(({ key }) => key), frontier: bytes(0), marks: bytes(0),
  state: { snapshot: bytes(3), records: bytes(0) }, body: bytes(4), ...more,
});

export function linkOf(network, signers, header, round = 0) {
  const vote = { generation: header.generation - 1n, round, kind: { precommit: digests.header(network, header) } };
  return { header, round, signatures: certify(signers, digests.vote(network, vote)) };
}

export function certificateOf(network, signers, generation, source, seq, digest) {
  return { generation, signatures: certify(signers, digests.echo(network, { generation, dot: { source, seq }, digest })) };
}

export function receipts(amount) {
  const members = committee(4), network = digests.genesis(genesisOf(members));
  const first = headerOf(network, 1n, members), digest = digests.header(network, first);
  const second = linkOf(network, members, headerOf(digest, 2n, members));
  const source = members[0].key, files = [];
  for (let seq = 1n, parent = bytes(0); seq <= amount; seq++) {
    const message = { source, seq, parent, ops: new TextEncoder().encode(`operation ${seq}`) };
    parent = digests.message(network, source, seq, parent, digests.operations(network, message.ops));
    const end = { certificate: certificateOf(network, members, 2n, source, seq, parent) };
    files.push(encode({ receipt: { network, chain: { root: { header: first }, links: [second] }, message, later: [], end } }));
  }
  return { files, trusted: `1:${hex(digest)}` };
}

if (process.argv[1] === import.meta.filename) {
  const { files, trusted } = receipts(100);
  mkdirSync(process.argv[2], { recursive: true });
  files.forEach((file, index) => writeFileSync(`${process.argv[2]}/${index}.bin`, file));
  console.log(trusted);
}
