// What a verdict means, in words: for the page and for the program.
import { hex } from "./verify.js";

export const GOOD = ["anchored", "signed", "convicts"];

// A file is hostile: only plain characters are shown as such, and never many.
export function showBytes(bytes) {
  const some = bytes.subarray(0, 48), printable = some.length > 0 && some.every((byte) => byte >= 0x20 && byte < 0x7f);
  const shown = printable ? `"${String.fromCharCode(...some)}"` : hex(some);
  if (bytes.length === 0) return "nothing (0 bytes)";
  return bytes.length > some.length ? `${shown}... (${bytes.length.toLocaleString("en")} bytes)` : shown;
}

const HEADLINES = {
  anchored: "Proven for good",
  signed: "Proven by signatures",
  convicts: "Convicted: this key contradicted itself",
  unproven: "Not proven to you",
  elsewhere: "This is about something else than what you trust",
  malformed: "This is no proof file",
  chain: "Bad: its headers are no chain",
  certificate: "Bad: a certificate in it is not good",
  lane: "Bad: its messages are not in a row",
  generation: "Bad: a header that it speaks of is missing",
  path: "Bad: what it says is not in the header that it names",
  conflict: "Bad: the two statements do not contradict each other",
  signature: "Bad: a signature in it is not good",
};

export const headline = ({ verdict }) => HEADLINES[verdict] ?? "Nothing is checked yet: you have not said what you trust";

// Good, bad or neither: for colours, and for the program's exit code.
export function mood({ verdict }) {
  if (GOOD.includes(verdict)) return "good";
  return [undefined, "unproven", "elsewhere"].includes(verdict) ? "open" : "bad";
}

const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function statement(about, { generation, dot, digest, round, kind }) {
  if (about === "echo") {
    return `In generation ${generation}: message ${dot.seq} of ${hex(dot.source)} is the one with the digest ${hex(digest)}.`;
  }
  const [name, value] = Object.entries(kind)[0], choice = name === "proposal" ? value.value : value;
  const what = choice ? `the header with the digest ${hex(choice)}` : "none";
  const since = name === "proposal" && value.valid_round;
  const again = name !== "proposal" ? "" : since === null ? ", for the first time" : `, valid since round ${since}`;
  return `In generation ${generation}, round ${round}, ${name}: ${what}${again}.`;
}

export function statements({ proof }) {
  const [about, { left, right }] = Object.entries(proof.evidence.equivocation)[0];
  return [left, right].map((side) => ({ text: statement(about, side.statement), signer: hex(side.signer), sig: hex(side.sig) }));
}

// What the file says, whether it is so or not.
export function claim(what) {
  const { kind, proof, network, generation, lane, ending } = what;
  const value = proof[kind];
  if (kind === "receipt") {
    const { source, seq, ops } = value.message, { later } = value;
    const begin = `Message ${seq} of the member ${hex(source)} was accepted by the network ${network}.`;
    const after = later.length === 0 ? [] : [`That follows from message ${lane ? lane.at(-1).seq : "?"} of the same member: ` +
      `each message names the one before, and ${count(later.length, "more message")} came up to there.`];
    const how = {
      certificate: `The committee of generation ${generation} signed for it.`,
      frontier: `It is among the messages on which generation ${generation} began.`,
      carried: `The committee of generation ${generation} signed for it, and generation ${value.end.carried?.into} carried it on.`,
    }[ending];
    return [begin, `What it does, as the network's own bytes: ${showBytes(ops)}.`, ...after, how];
  }
  if (kind === "state_proof") {
    const found = value.value === null ? "had no record" : `had the record ${showBytes(value.value)}`;
    return [`When generation ${generation} of the network ${network} began, its state ${found} under the key ` +
      `${showBytes(value.key)}.`];
  }
  const [left] = statements(what), about = Object.keys(value.equivocation)[0];
  const two = about === "echo" ? "different messages as one" : "different votes in one round";
  return [`The key ${left.signer} signed two ${two} in the network ${network}.`];
}

const seats = (members, signatures) => {
  const numbers = signatures.slice(0, 20).map(([seat]) => seat).join(", ");
  const more = signatures.length > 20 ? ` and ${signatures.length - 20} more` : "";
  return `${signatures.length} of ${count(members.length, "member")} (seats ${numbers}${more})`;
};

// By whose signatures it is so; only what was looked at.
export function signers(what) {
  const { kind, verdict, headers, anchor, ending, generation, proof } = what;
  if (verdict === "convicts") return [`The key ${statements(what)[0].signer} signed both statements.`];
  if (kind === "evidence" || anchor === undefined || mood(what) === "bad" || verdict === "elsewhere") return [];
  if (verdict === "anchored") return ["Nobody's signature was needed: digests lead from what you trust to what is proven."];
  const said = [];
  const linked = headers.filter(({ generation, link }) => generation > anchor && link);
  for (const { generation, link } of linked.slice(0, 10)) {
    const before = headers[Number(generation - headers[0].generation) - 1];
    const who = seats(before.members, link.signatures);
    said.push(`The header of generation ${generation}: ${who} of generation ${generation - 1n}.`);
  }
  const more = linked.length - 10;
  if (more > 0) said.push(`${count(more, "more header")}, each by enough members of the generation before.`);
  if (kind === "receipt" && ending !== "frontier") {
    const { members } = headers[Number(generation - headers[0].generation)];
    said.push(`The message: ${seats(members, proof.receipt.end[ending].signatures)} of generation ${generation}.`);
  }
  return said;
}

export function anchorOf({ trust, anchor, headers }) {
  if (!trust) return "You have named nothing that you trust.";
  if (trust.network) {
    return anchor === undefined ? `You trust the network with the name ${trust.network}.`
      : `You trust the network with the name ${trust.network}; that is its generation 0, with which the file begins.`;
  }
  const { generation, digest } = trust.trusted;
  const number = anchor === undefined ? 0 : Number(anchor - headers[0].generation) + 1;
  const place = number ? `, header ${number} of ${headers.length} in the file` : "";
  return `You trust the header of generation ${generation} with the digest ${digest}${place}.`;
}

// What nobody should read into it.
export function limits(what) {
  const { kind, verdict, anchor, ending, trust } = what;
  if (mood(what) === "bad") {
    return ["Anything. A file with a fault in it proves nothing, and says nothing about whoever is named in it."];
  }
  if (verdict === undefined) {
    return ["Anything: anybody can write a file that says this. Name the network, or a header, that you know from elsewhere."];
  }
  if (verdict === "elsewhere") return ["Anything about what you trust. For somebody who trusts something else, it may be good."];
  if (verdict === "unproven" && kind === "evidence") {
    return ["That the key contradicted itself in a network that you know: a header alone does not tell the network's name. " +
      "Give the name."];
  }
  if (verdict === "unproven" && anchor === undefined) {
    return ["Anything: what you trust is not among the headers in this file. Ask for one that begins no later than that."];
  }
  if (verdict === "unproven") {
    const instead = trust.network ? "Name a header that you trust instead of the network: the newer, the better."
      : "Ask for a file that a newer committee signed, or whose last header has it.";
    return ["That it is so. Every check was passed, but with the keys of more than two thirds of an old committee, stolen or " +
      `sold, anybody can make such a file. ${instead}`];
  }
  if (verdict === "convicts") {
    return ["Whose key it is, whether it was stolen, and what the network did about it.", "When it signed."];
  }
  const said = [];
  if (verdict === "signed") {
    said.push(`That the committees from generation ${anchor} on were honest and kept their keys: whoever holds the keys of ` +
      "more than two thirds of one of them can make such a file.");
  }
  if (kind === "receipt") {
    said.push("When it was accepted, and what it led to: messages that came before or after may have changed that.");
  }
  if (kind === "receipt" && ending !== "frontier") said.push("That it is in the state of any generation yet.");
  if (kind === "state_proof") {
    said.push("That it is still so: it is proven of the moment when that generation began, and of no later one.");
  }
  said.push("Who the members are: they are keys, and whose keys they are the file cannot tell.");
  return said;
}

export const GRADES = {
  anchored: "By hashes alone, from what you trust. No signature was needed, so it stays proven whatever keys are stolen later.",
  signed: "By signatures of committees that follow from what you trust.",
  convicts: "By two signatures of one key on statements of which it may sign only one.",
};
