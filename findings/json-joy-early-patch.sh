#!/usr/bin/env bash
# Package: json-joy 18.28.0 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: a model that is given patches of one session in another order than they were made keeps nothing of a patch that
# names a node it does not have yet, reports nothing, and does not remember it: when the missing patch arrives, the earlier
# ones stay without effect. Two models that applied the same three patches hold different documents. Nothing is lost for good:
# given the same patches a second time, the model takes them.
#
# Why one guesses wrong: operations have logical timestamps, patches may be applied twice, and other engines (Yjs, Automerge,
# Loro) keep what comes early until what it rests on is there, or say what is missing. Here the order is the transport's to
# keep, and applyPatch, which returns nothing, does not say when it was not kept.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund json-joy@18.28.0

cat >run.cjs <<'JS'
const { Model } = require('json-joy/lib/json-crdt')

const author = Model.create(undefined, 100_001)
author.api.root({ gate: {}, note: 1 })
const first = author.api.flush()
author.api.obj(['gate']).set({ open: true })
const second = author.api.flush()
author.api.obj([]).set({ note: 2 })
const third = author.api.flush()
console.log(`the author: ${JSON.stringify(author.view())}`)

const inOrder = Model.create(undefined, 100_002)
for (const patch of [first, second, third]) inOrder.applyPatch(patch)
console.log(`1, 2, 3: ${JSON.stringify(inOrder.view())}`)

const late = Model.create(undefined, 100_003)
for (const patch of [second, third]) late.applyPatch(patch)
console.log(`2, 3: ${JSON.stringify(late.view())}`)
late.applyPatch(first)
console.log(`2, 3, 1: ${JSON.stringify(late.view())}`)
for (const patch of [second, third]) late.applyPatch(patch)
console.log(`2, 3, 1, 2, 3: ${JSON.stringify(late.view())}`)
JS

cat >expected <<'TEXT'
the author: {"gate":{"open":true},"note":2}
1, 2, 3: {"gate":{"open":true},"note":2}
2, 3: undefined
2, 3, 1: {"gate":{},"note":1}
2, 3, 1, 2, 3: {"gate":{"open":true},"note":2}
TEXT
node run.cjs | tee seen
diff expected seen && echo "as described above"
