// The page: takes files, asks verify.js, and says what came of it. All of a file's words are set as text, never as markup.
import { LIMIT, Malformed, normalize, toJSON, trustOf, verify } from "./verify.js";
import { anchorOf, claim, GRADES, headline, limits, mood, signers } from "./words.js";
import { draw } from "./picture.js";

const el = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

async function check(bytes, trust) {
  try {
    return await verify(normalize(bytes), trust);
  } catch (error) {
    if (error instanceof Malformed) return { verdict: "malformed", why: error.message, trust };
    throw error;
  }
}

// Digits are set apart, so that a sentence with 64 of them can still be read.
function sentence(text) {
  const parts = text.split(/([0-9a-f]{32,})/);
  return parts.map((part, index) => index % 2 ? make("code", { textContent: part }) : part);
}

function section(title, lines) {
  if (lines.length === 0) return [];
  return [make("h2", { textContent: title }), make("ul", {}, ...lines.map((line) => make("li", {}, ...sentence(line))))];
}

const MARKS = { good: "✓", bad: "✕", open: "?" };
const capital = (text) => text[0].toUpperCase() + text.slice(1);

function show({ name, what }) {
  const tone = mood(what), result = el("result");
  const reason = what.why ? [`${capital(what.why)}.`] : GRADES[what.verdict] ? [GRADES[what.verdict]] : [];
  const mark = make("span", { className: "mark", ariaHidden: "true", textContent: MARKS[tone] });
  const paragraphs = reason.map((textContent) => make("p", { textContent }));
  const verdict = make("div", {}, make("h2", { textContent: headline(what) }), ...paragraphs);
  const picture = make("div"), parts = [];
  if (what.proof) {
    parts.push(...section(tone === "good" ? "What it proves" : "What it says", claim(what)));
    parts.push(...section("Who signed", signers(what)));
  }
  parts.push(...section("What you trust", [anchorOf(what)]));
  parts.push(...section("What it does not prove", limits(what)));
  if (what.proof) {
    const figure = make("figure", {}, picture, make("figcaption", { textContent: legend(what) }));
    parts.push(make("h2", { textContent: "As a picture" }), figure, everything(what));
  }
  result.replaceChildren(
    make("p", { className: "name", textContent: name }),
    make("div", { className: `verdict ${tone}` }, mark, verdict),
    ...parts,
  );
  result.hidden = false;
  result.dataset.verdict = what.verdict ?? "unchecked";
  if (what.proof) repaint = () => picture.replaceChildren(draw(what, picture.clientWidth));
  else repaint = () => {};
  repaint();
}

const legend = ({ kind }) => kind === "evidence" ? "Whoever is honest signs only one of such two statements."
  : "Blue lines are digests: each names exactly what it is the digest of, whoever may lie. Green lines are signatures: a " +
    "circle is a member's seat, full if it signed, and more than two thirds of them are needed.";

// All that is in the file, and not written out before somebody wants to see it.
function everything({ proof }) {
  const details = make("details", {}, make("summary", { textContent: "Everything in the file, as JSON" }));
  details.addEventListener("toggle", () => {
    const text = JSON.stringify(toJSON(proof), null, 2), most = 200_000, more = text.length - most;
    const rest = more > 0 ? `\n... (${more.toLocaleString("en")} characters more)` : "";
    details.append(make("pre", { textContent: text.slice(0, most) + rest, tabIndex: 0 }));
  }, { once: true });
  return details;
}

let files = [], repaint = () => {}, run = 0;

function choose(index) {
  [...el("files").querySelectorAll("button")].forEach((button, place) => { button.ariaCurrent = String(place === index); });
  show(files[index]);
}

async function checkAll() {
  const typed = el("trust").value.trim(), trust = typed ? trustOf(typed) : undefined, mine = ++run;
  el("trust").ariaInvalid = String(trust === null);
  el("trust-wrong").hidden = trust !== null;
  if (trust === null || files.length === 0) return;
  el("status").textContent = "Checking...";
  delete document.body.dataset.milliseconds;
  const began = performance.now();
  for (const file of files) file.what = await check(file.bytes, trust);
  const milliseconds = performance.now() - began;
  // Something else was dropped or typed meanwhile.
  if (mine !== run) return;
  const seconds = milliseconds < 10 ? "0.01" : (milliseconds / 1000).toFixed(2);
  const good = files.filter(({ what }) => mood(what) === "good").length;
  const done = `${trust ? "checked" : "read"} in ${seconds} s`;
  el("status").textContent = files.length === 1 ? `${capital(done)}.` : `${files.length} files ${done}; good: ${good}.`;
  el("files").hidden = files.length === 1;
  el("files").replaceChildren(...files.map(({ name, what }, index) => {
    const word = make("span", { className: mood(what), textContent: what.verdict ?? "not checked" });
    const button = make("button", { type: "button", onclick: () => choose(index) }, make("span", { textContent: name }), word);
    return make("li", {}, button);
  }));
  choose(0);
  document.body.dataset.milliseconds = milliseconds.toFixed(1);
}

async function take(chosen) {
  const some = [...chosen].slice(0, 1000);
  if (some.length === 0) return;
  // Of a file that is too long, so much is read that this can be seen.
  files = await Promise.all(some.map(async (file) =>
    ({ name: file.name, bytes: new Uint8Array(await file.slice(0, 8 * LIMIT + 1).arrayBuffer()) })));
  await checkAll();
  el("result").focus({ preventScroll: true });
}

el("file").addEventListener("change", (event) => take(event.target.files));
let typing;
el("trust").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(checkAll, 250);
});
el("form").addEventListener("submit", (event) => {
  event.preventDefault();
  checkAll();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  window.addEventListener(kind, (event) => {
    event.preventDefault();
    el("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
new ResizeObserver(() => repaint()).observe(el("result"));

// ?file=URL&network=ID or &trusted=GENERATION:DIGEST: of this site only.
async function linked() {
  const asked = new URLSearchParams(location.search), named = asked.getAll("file").slice(0, 1000);
  el("trust").value = asked.get("network") ?? asked.get("trusted") ?? "";
  const found = await Promise.all(named.map(async (name) => {
    const url = new URL(name, location.href);
    if (url.origin !== location.origin) throw new Error(`${name} is not of this site`);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${name} is not there`);
    return { name, bytes: new Uint8Array(await answer.arrayBuffer()) };
  }));
  if (found.length === 0) return;
  files = found;
  await checkAll();
}

linked().catch((error) => { el("status").textContent = `The file could not be read: ${error.message}.`; });
