// Opens the page in real headless Chromium, as a reader does, and looks at what it says: node page.js SITE VECTORS PICTURES,
// where SITE is a folder that is served at ADDRESS, with this verifier in it as `js`.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toJSON, decode, trustOf, unhex } from "../verify.js";
import { GOOD, headline } from "../words.js";
import { browse } from "./browser.js";
import { receipts } from "./receipts.js";

const [site, vectors, pictures] = process.argv.slice(2), address = process.env.ADDRESS;
const page = `${address}/js/index.html`;

function expect(good, what) {
  if (!good) throw new Error(what);
}

const listed = readFileSync(vectors, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));

// Of each verdict the first vector of each kind of proof, as a file of the site.
const chosen = new Map();
for (const vector of listed) {
  if (vector.file?.endsWith(".json")) continue;
  const whole = vector.file ? readFileSync(join(dirname(vectors), vector.file)) : unhex(vector.bytes);
  const key = `${vector.verdict}-${whole[12]}`;
  if (chosen.has(key)) continue;
  chosen.set(key, { ...vector, name: `${key}.bin` });
  if (vector.file) copyFileSync(join(dirname(vectors), vector.file), join(site, `${key}.bin`));
  else writeFileSync(join(site, `${key}.bin`), whole);
}

// What the pictures of some vectors say of the end of a path.
const DRAWN = {
  "state-absent.bin": ["no record of this key", "other records in the same leaf: it would be among them"],
  "state-present.bin": ["the record", "other records in the same leaf"],
  "tree-with-nothing-below-a-branch.bin": ["nothing: no record is here"],
  "receipt-carried.bin": ["that generation 1 carries on"],
};
const SECTIONS = ["What it proves", "Who signed", "What you trust", "What it does not prove"];
const trust = (network, trusted) => network ? `network=${network}` : `trusted=${trusted}`;
const words = "document.body.innerText", finished = "document.body.dataset.milliseconds";

await browse(async (open) => {
  let seen = 0;
  for (const { name, verdict, network, trusted } of chosen.values()) {
    if (++seen > 30) break;
    const tab = await open(`${page}?file=../${name}&${trust(network, trusted)}`, { width: seen % 2 ? 1000 : 390, dark: seen % 3 === 0 });
    await tab.until(finished);
    const said = await tab.say(words);
    const got = await tab.say("document.getElementById('result').dataset.verdict");
    expect(got === verdict, `${name} is ${verdict}, and not ${got}; the page:\n${said}`);
    expect(said.includes(headline({ verdict })), `${name}: no headline in\n${said}`);
    if (GOOD.includes(verdict)) {
      for (const section of SECTIONS) expect(said.includes(section), `${name}: no "${section}" in\n${said}`);
      expect(await tab.say("document.querySelectorAll('#result svg rect').length > 0"), `${name}: no picture`);
    }
    expect(await tab.say("document.documentElement.scrollWidth <= innerWidth"), `${name}: the page is wider than the screen`);
    if (GOOD.includes(verdict)) await tab.picture(join(pictures, `${name}.png`));
    await tab.close();
  }
  console.log(`the page gives the verdicts of ${Math.min(seen, 30)} vectors in words`);

  for (const [file, drawn] of Object.entries(DRAWN)) {
    const { network, trusted } = listed.find((vector) => vector.file === file && GOOD.includes(vector.verdict));
    copyFileSync(join(dirname(vectors), file), join(site, file));
    const tab = await open(`${page}?file=../${file}&${trust(network, trusted)}`, { width: 1000 });
    await tab.until(finished);
    const said = await tab.say("document.querySelector('#result svg').textContent");
    for (const words of drawn) expect(said.includes(words), `${file}: no "${words}" in the picture, but ${said}`);
    await tab.close();
  }
  console.log("pictures of paths say what is at their end");

  const good = [...chosen.values()].find(({ verdict }) => verdict === "anchored");
  const text = join(site, "anchored.json");
  writeFileSync(text, JSON.stringify(toJSON(decode(readFileSync(join(site, good.name))))));
  const tab = await open(page, { width: 390 });
  await tab.until("document.readyState === 'complete'");
  await tab.press("Tab");
  expect(await tab.say("document.activeElement.id") === "file", "the first key does not lead to the file");
  await tab.choose("#file", [text]);
  await tab.until(finished);
  expect((await tab.say(words)).includes(headline({})), "it does not say that nothing is proven");
  await tab.say(`document.getElementById("trust").focus()`);
  await tab.ask("Input.insertText", { text: "what?" });
  await tab.until("!document.getElementById('trust-wrong').hidden");
  await tab.say(`document.getElementById("trust").select()`);
  await tab.ask("Input.insertText", { text: good.network ?? good.trusted });
  await tab.press("Enter");
  await tab.until(`document.getElementById("result").dataset.verdict === "anchored"`);
  await tab.picture(join(pictures, "chosen.png"));
  await tab.close();
  console.log("it takes a chosen file, JSON, and a typed id, by keyboard");

  const foreign = await open(`${page}?file=${encodeURIComponent("https://example.invalid/x")}`);
  await foreign.until(`${words}.includes("is not of this site")`);
  await foreign.close();

  const { files, trusted } = receipts(100);
  expect(trustOf(trusted), trusted);
  files.forEach((file, index) => writeFileSync(join(site, `receipt-${index}.bin`), file));
  const query = files.map((_, index) => `file=../receipt-${index}.bin`).join("&");
  const spent = [];
  for (let run = 0; run < 3; run++) {
    const many = await open(`${page}?${query}&trusted=${trusted}`);
    await many.until(finished);
    expect((await many.say(words)).includes("good: 100"), "not all receipts are good");
    spent.push(Number(await many.say(finished)));
    if (run === 0) await many.picture(join(pictures, "hundred.png"));
    await many.close();
  }
  console.log(`100 receipts of 4 members, each with 3 signatures of its own, in milliseconds: ${spent.join(", ")}`);
  expect(Math.min(...spent) < 1000, "100 receipts take a second or more");
});
