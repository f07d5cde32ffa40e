#!/usr/bin/env node
// Checks proof files, or vectors, in node.
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { LIMIT, Malformed, normalize, trustOf, unhex, verify } from "./verify.js";
import { anchorOf, claim, GRADES, headline, limits, mood, signers } from "./words.js";

const USAGE = `usage: node cli.js FILE --network ID
       node cli.js FILE --trusted GENERATION:DIGEST
       node cli.js --vectors FILE.jsonl`;

function usage(why) {
  console.error(why ? `${why}\n${USAGE}` : USAGE);
  process.exit(2);
}

// Node 20 warns that its Ed25519 is experimental; its no is asked for again elsewhere, and its yes has long been sound.
process.removeAllListeners("warning");

async function read(path) {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    // The text of a file may be longer than the file, but not without end.
    return size > 8 * LIMIT ? new Uint8Array(8 * LIMIT + 1) : new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}

async function verdictOf(file, trust) {
  try {
    return await verify(normalize(file), trust);
  } catch (error) {
    if (error instanceof Malformed) return { verdict: "malformed", why: error.message };
    throw error;
  }
}

function tell(what) {
  const section = (title, lines) => lines.length && console.log(`\n${title}\n${lines.map((line) => `  ${line}`).join("\n")}`);
  console.log(`${what.verdict}: ${headline(what)}`);
  if (what.why) console.log(`  ${what.why}`);
  if (GRADES[what.verdict]) console.log(`  ${GRADES[what.verdict]}`);
  section("The anchor", [anchorOf(what)]);
  if (what.proof) section(mood(what) === "good" ? "Proven" : "The file says", claim(what));
  section("Signed by", signers(what));
  section("Not proven", limits(what));
}

// How many vectors there are and how many agree; prints a line on each that does not.
async function vectors(path) {
  let line = 0, counted = 0, agree = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    line += 1;
    if (!text.trim()) continue;
    const { file, bytes, network, trusted, verdict } = JSON.parse(text);
    const trust = trustOf(network ?? trusted ?? "");
    if (!trust || (file === undefined) === (bytes === undefined)) throw new Error(`line ${line} is no vector`);
    const whole = file === undefined ? unhex(bytes) : new Uint8Array(await readFile(join(dirname(path), file)));
    const got = await verdictOf(whole, trust);
    counted += 1;
    if (got.verdict === verdict) agree += 1;
    else console.log(`line ${line}: expected ${verdict}, got ${got.verdict}${got.why ? ` (${got.why})` : ""}`);
  }
  return { counted, agree };
}

const args = process.argv.slice(2);
try {
  if (args.length === 2 && args[0] === "--vectors") {
    const { counted, agree } = await vectors(args[1]);
    console.log(`${agree} of ${counted} vectors agree`);
    process.exit(agree === counted && counted > 0 ? 0 : 1);
  }
  const [option] = args.filter((word) => word.startsWith("--")), place = args.indexOf(option);
  if (args.length !== 3 || !["--network", "--trusted"].includes(option) || place === 2) usage();
  const [path] = args.filter((_, index) => index !== place && index !== place + 1);
  const trust = trustOf(args[place + 1]);
  if (!trust || Object.keys(trust)[0] !== option.slice(2)) usage(`${args[place + 1]} is nothing that ${option} takes`);
  const what = await verdictOf(await read(path), trust);
  tell(what);
  process.exit(mood(what) === "good" ? 0 : { elsewhere: 5, unproven: 6 }[what.verdict] ?? 1);
} catch (error) {
  usage(error.message);
}
