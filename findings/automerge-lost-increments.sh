#!/usr/bin/env bash
# Package: @automerge/automerge 3.5.0 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: while one replica increments a counter, another deletes its key, or puts a new counter there: after the merge the increment is
# gone, and no conflict tells of it. Any other value that is written while its key is deleted survives. An increment by a
# fraction is cut to a whole number: half a unit, ten times, is nothing, without an error.
#
# Why one guesses wrong: in Automerge what is written at the same time as a deletion stays, and of two values written at the same time
# both are kept as conflicts. One expects the same of an increment, which is a write to users; but it only amends the value that it
# was made on, and goes with it. And a counter takes any JavaScript number, of which half is one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @automerge/automerge@3.5.0

cat >run.mjs <<'JS'
import * as Automerge from '@automerge/automerge'

/** What is left when `one` and `other` happen at the same time, and what is told of a conflict. */
function meet(value, one, other) {
  const start = Automerge.from({ item: value })
  const [left, right] = [Automerge.clone(start), Automerge.clone(start)]
  const merged = Automerge.merge(Automerge.change(left, one), Automerge.change(right, other))
  return `${JSON.stringify(merged)}, conflicts: ${Object.keys(Automerge.getConflicts(merged, 'item') ?? {}).length}`
}

const counter = (value) => new Automerge.Counter(value)
const remove = (doc) => { delete doc.item }
const increment = (doc) => { doc.item.increment(10) }
console.log('a write, and a deletion:', meet(1, (doc) => { doc.item = 2 }, remove))
console.log('an increment, and a deletion:', meet(counter(1), increment, remove))
const [two, three] = [2, 3].map((value) => (doc) => { doc.item = value })
console.log('a write, and a write:', meet(1, two, three).replace(/[23]/, 'one of them'))
console.log('an increment, and a write:', meet(counter(1), increment, (doc) => { doc.item = counter(100) }))
console.log('two increments:', meet(counter(1), increment, increment))
let halves = Automerge.from({ item: counter(0) })
for (let times = 0; times < 10; times++) halves = Automerge.change(halves, (doc) => { doc.item.increment(0.5) })
console.log('ten increments by 0.5:', JSON.stringify(halves))
JS

cat >expected <<'TEXT'
a write, and a deletion: {"item":2}, conflicts: 0
an increment, and a deletion: {}, conflicts: 0
a write, and a write: {"item":one of them}, conflicts: 2
an increment, and a write: {"item":100}, conflicts: 0
two increments: {"item":21}, conflicts: 0
ten increments by 0.5: {"item":0}
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
