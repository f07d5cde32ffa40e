// Draws what a file proves: the headers from above to below, with the seats that signed each, and then what hangs on the last.
import { hex } from "./verify.js";
import { mood, showBytes, statements } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes = {}, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const short = (digest) => `${hex(digest.subarray(0, 4))}…${hex(digest.subarray(30))}`;
const shortHex = (text) => `${text.slice(0, 8)}…${text.slice(-4)}`;

// Of many, the first and the last, and those that matter; a number stands for how many are left out.
function some(length, keep) {
  const first = [...Array(length > 12 ? 3 : length).keys()];
  const wanted = [...first, length - 2, length - 1, ...keep.flatMap((at) => [at - 1, at, at + 1])];
  const sorted = [...new Set(wanted)].filter((at) => at >= 0 && at < length).sort((a, b) => a - b);
  return sorted.flatMap((at, index) => {
    const gap = index === 0 ? 0 : at - sorted[index - 1] - 1;
    return gap > 0 ? [{ gap }, { at }] : [{ at }];
  });
}

class Picture {
  constructor(width, good) {
    this.width = Math.max(280, width);
    this.good = good;
    this.y = 2;
    this.parts = [];
  }
  put(name, attributes, text) {
    this.parts.push(shape(name, attributes, text));
  }
  text(x, y, text, kind = "") {
    this.put("text", { x, y, class: kind }, text);
  }
  box(x, y, width, height, kind) {
    this.put("rect", { x, y, width, height, rx: 8, class: `box ${kind}` });
  }
  // A box around what was put since, and so behind it.
  frame(place, x, top, width, kind) {
    this.parts.splice(place, 0, shape("rect", { x, y: top, width, height: this.y - top, rx: 8, class: `box ${kind}` }));
  }
  tie(x, from, to, kind) {
    this.put("path", { d: `M${x} ${from}V${to}`, class: `tie ${kind}` });
  }
  // Words that are too long for the width go on in the next line.
  words(x, text, kind = "", step = 18) {
    const most = Math.floor((this.width - x - 12) / 6.9);
    let line = "";
    for (const word of text.split(" ")) {
      if (line && line.length + word.length + 1 > most) {
        this.text(x, this.y += step, line, kind);
        line = "";
      }
      line += line ? ` ${word}` : word;
    }
    this.text(x, this.y += step, line, kind);
  }
  finish(label) {
    const svg = shape("svg", { viewBox: `0 0 ${this.width} ${this.y + 4}`, role: "img", "aria-label": label });
    svg.append(...this.parts);
    return svg;
  }
}

const EDGE = 2, SPINE = 18;

// A circle for each seat, full if it signed.
function seats(picture, x, members, signatures, kind) {
  const signed = new Set(signatures.map(([seat]) => seat));
  const fit = Math.max(4, Math.floor((picture.width - x - 70) / 17)), shown = Math.min(members, fit * 3);
  for (let seat = 0; seat < shown; seat++) {
    const cx = x + 6 + seat % fit * 17, cy = picture.y + 14 + Math.floor(seat / fit) * 17;
    const circle = shape("circle", { cx, cy, r: 6, class: `seat ${signed.has(seat) ? kind : ""}` });
    circle.append(shape("title", {}, `seat ${seat}: ${signed.has(seat) ? "signed" : "did not sign"}`));
    picture.parts.push(circle);
  }
  picture.y += Math.ceil(shown / fit) * 17 + 4;
  if (shown < members) picture.words(x, `and ${members - shown} more seats`, "soft");
}

// Which kind a header is of, as far as the check came.
function standing(what, header) {
  if (what.anchor === undefined) return "open";
  if (header.generation === what.anchor) return "anchor";
  if (header.generation < what.anchor) return "hashes";
  return mood(what) === "bad" && what.verdict === "certificate" ? "open" : "signatures";
}

const STANDING = {
  anchor: ["the anchor: what you trust", "accent bold"],
  hashes: ["proven by hashes: a later header names it", "accent"],
  signatures: ["signed by the generation before it", "green"],
  open: ["not proven", "soft"],
};

function chain(picture, what) {
  const { headers, generation, ending } = what;
  const first = headers[0].generation, at = (number) => Number(number - first);
  const keep = [generation, what.anchor ?? first].map(at).filter((place) => place >= 0 && place < headers.length);
  const x = EDGE, width = picture.width - 2 * EDGE;
  for (const { at: index, gap } of some(headers.length, keep)) {
    if (gap) {
      picture.words(SPINE + 20, `… ${gap.toLocaleString("en")} more …`, "soft");
      picture.y += 8;
      continue;
    }
    const header = headers[index], kind = standing(what, header);
    if (header.link && picture.parts.length) {
      const { signatures } = header.link, members = headers[index - 1].members.length, from = picture.y;
      const how = { signatures: "signed", open: "said to be signed" }[kind];
      picture.y += 4;
      const words = how ? `${how} by ${signatures.length} of ${members}:` : "it names the digest of the one above";
      picture.words(SPINE + 20, words, "soft");
      if (how) seats(picture, SPINE + 20, members, signatures, how === "signed" ? how : "claimed");
      picture.y += 10;
      picture.tie(SPINE, from, picture.y, { signatures: "signatures", open: "" }[kind] ?? "hashes");
    }
    const top = picture.y, place = picture.parts.length, [stands, colour] = STANDING[kind];
    const name = header.link || !what.genesis ? `Header of generation ${header.generation}` : "The beginning (generation 0)";
    picture.text(x + 14, picture.y += 24, name, "bold");
    const members = header.members.length;
    picture.words(x + 14, `${short(header.digest)}, ${members} ${members === 1 ? "member" : "members"}`, "mono soft");
    picture.words(x + 14, stands, colour);
    if (header.generation === generation) picture.words(x + 14, ABOUT[ending], "soft");
    if (ending === "carried" && header.generation === what.proof.receipt.end.carried.into) picture.words(x + 14, "it carries the message on", "soft");
    picture.y += 12;
    picture.frame(place, x, top, width, kind);
  }
}

const ABOUT = {
  state: "the record below is of its state",
  frontier: "the messages below are in it",
  certificate: "its members signed for the messages below",
  carried: "its members signed for the messages below",
};

function lane(picture, what) {
  const { lane, proof, ending, headers, generation } = what, { end } = proof.receipt, value = end[ending];
  const source = hex(proof.receipt.message.source);
  picture.y += 22;
  picture.words(EDGE, `Messages of the member ${shortHex(source)}`, "bold");
  picture.y += 10;
  if (!lane) return picture.words(EDGE, "their numbers are not possible", "red");
  const wide = 150, fit = Math.max(1, Math.floor((picture.width - 2 * EDGE + 26) / (wide + 26)));
  const items = some(lane.length, []), tie = picture.good ? "hashes" : "";
  items.forEach(({ at, gap }, index) => {
    const column = index % fit, x = EDGE + column * (wide + 26), y = picture.y + Math.floor(index / fit) * 88;
    if (index > 0 && column > 0) picture.put("path", { d: `M${x - 26} ${y + 30}h26`, class: `tie ${tie}` });
    else if (index > 0) picture.put("path", { d: `M${EDGE + wide / 2} ${y - 14}v14`, class: `tie ${tie}` });
    if (gap) return picture.text(x + 8, y + 34, `… ${gap.toLocaleString("en")} more …`, "soft");
    const isEnd = at === lane.length - 1;
    picture.box(x, y, wide, 74, at === 0 ? "this" : "");
    picture.text(x + 12, y + 23, `message ${lane[at].seq}`, "bold");
    picture.text(x + 12, y + 42, short(lane[at].digest), "mono soft");
    picture.text(x + 12, y + 61, at === 0 ? "the message" : isEnd ? "the end" : "after it", at === 0 ? "bold" : "soft");
  });
  picture.y += Math.ceil(items.length / fit) * 88 - 6;
  const checked = mood(what) === "good" || what.verdict === "unproven" && what.anchor !== undefined;
  if (value.signatures) {
    const members = headers[Number(generation - headers[0].generation)]?.members.length ?? 0;
    const how = checked ? "signed" : "said to be signed", who = `${value.signatures.length} of ${members}`;
    picture.words(EDGE, `${lane.length > 1 ? "The end is" : "It is"} ${how} by ${who} of generation ${generation}:`, "soft");
    seats(picture, EDGE, members, value.signatures, checked ? "signed" : "claimed");
  }
  if (value.path) {
    const began = `on which generation ${generation} began`, carries = `that generation ${value.into} carries on`;
    const where = ending === "frontier" ? began : carries;
    const { seq, digest } = lane.at(-1);
    path(picture, value.path, `The path to ${lane.length > 1 ? "the end" : "it"}, in the tree of the messages ${where}`,
      `message ${seq}: ${short(digest)}`);
  }
}

// From the digest in the header down to the leaf. On which side a sibling is, the key's bits say, and nobody needs to see.
function path(picture, { siblings, beside }, title, record) {
  picture.y += 22;
  picture.words(EDGE, title, "bold");
  picture.y += 16;
  const x = SPINE, good = picture.good ? "hashes" : "", node = picture.good ? "node" : "node open";
  picture.put("circle", { cx: x, cy: picture.y, r: 6, class: node });
  picture.text(x + 20, picture.y + 4, "the digest in the header", "soft");
  for (const { at, gap } of some(siblings.length, [])) {
    const y = picture.y + 28;
    picture.tie(x, picture.y + 6, y - 5, good);
    picture.y = y;
    if (gap) {
      picture.text(x + 20, y + 4, `… ${gap} more …`, "soft");
      continue;
    }
    picture.put("circle", { cx: x, cy: y, r: 5, class: node });
    picture.put("path", { d: `M${x + 5} ${y - 20}L${x + 40} ${y}`, class: "tie" });
    picture.box(x + 40, y - 10, 132, 20, "");
    picture.text(x + 48, y + 4, short(siblings[at]), "mono soft");
    if (at === 0) picture.text(x + 180, y + 4, "the other side", "soft");
  }
  const y = picture.y;
  picture.tie(x, y + 5, y + 26, good);
  picture.y += 26;
  const top = picture.y, place = picture.parts.length;
  const none = beside.length === 0 ? "nothing: no record is here" : "no record of this key";
  picture.y += 4;
  picture.words(EDGE + 14, record === null ? none : "the record", "bold");
  if (record) picture.words(EDGE + 14, record, "mono soft");
  const others = beside.length === 1 ? "another record" : `${beside.length.toLocaleString("en")} other records`;
  const among = `${others} ${picture.good ? "in the same leaf" : "said to be in the same leaf"}`;
  if (beside.length > 0) picture.words(EDGE + 14, record === null ? `${among}: it would be among them` : among, "soft");
  picture.y += 12;
  picture.frame(place, EDGE, top, picture.width - 2 * EDGE, good || "open");
}

function evidence(picture, what) {
  const sides = statements(what), good = what.verdict === "convicts", beside = picture.width >= 560;
  const wide = beside ? (picture.width - 2 * EDGE - 20) / 2 : picture.width - 2 * EDGE, top = picture.y;
  let bottom = top;
  sides.forEach(({ text, signer, sig }, index) => {
    const x = beside ? EDGE + index * (wide + 20) : EDGE, begin = beside || index === 0 ? top : bottom + 16;
    const inner = new Picture(x + wide);
    inner.y = begin + 8;
    inner.words(x + 14, index === 0 ? "One statement" : "The other", "bold");
    inner.words(x + 14, text.replace(/[0-9a-f]{64}/g, shortHex));
    inner.y += 8;
    inner.words(x + 14, `${good ? "signed" : "said to be signed"} by ${shortHex(signer)}`, good ? "green" : "soft");
    inner.words(x + 14, `signature ${shortHex(sig)}`, "mono soft");
    bottom = inner.y + 14;
    inner.y = bottom;
    inner.frame(0, x, begin, wide, good ? "bad" : "open");
    picture.parts.push(...inner.parts);
    picture.y = Math.max(picture.y, bottom);
  });
}

export function draw(what, width) {
  const picture = new Picture(width, mood(what) === "good"), { kind, proof } = what;
  if (kind === "evidence") {
    evidence(picture, what);
    return picture.finish("The two statements of one key");
  }
  chain(picture, what);
  if (kind === "receipt") lane(picture, what);
  else {
    const { key, value, path: way } = proof.state_proof;
    path(picture, way, `The path to the key ${showBytes(key)}, in the tree of the state`, value && showBytes(value));
  }
  return picture.finish("The headers in the file, and what hangs on them");
}
