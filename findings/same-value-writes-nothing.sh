#!/usr/bin/env bash
# Packages: @automerge/automerge 3.5.0, loro-crdt 1.17.1, yjs 13.6.33 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: to write into a map the number that it already holds is no operation at all in Automerge and in Loro; in Yjs it is
# one. So of two concurrent writers, one who confirms 1 and one who writes 2, the first loses in Automerge and in Loro, although
# its identity is the larger one, which decides between concurrent writes. With texts Loro does the same, and Automerge does not:
# its strings are objects, and each assignment makes another.
#
# Why one guesses wrong: the assignment returns as always, and "the last writer wins" suggests that whoever wrote last has
# written. A register that is written again to keep it, a lease or a vote, is not kept; and what a test finds with one engine, or
# with one kind of value, is not so with another.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @automerge/automerge@3.5.0 loro-crdt@1.17.1 yjs@13.6.33

cat >run.mjs <<'JS'
import * as Automerge from '@automerge/automerge'
import { LoroDoc } from 'loro-crdt'
import * as Y from 'yjs'

// In each: the larger identity has written `first`, and the smaller has it. Then, concurrently, the larger writes `again`, and
// the smaller writes `other`. What both have in the end.
const engines = {
  automerge(first, again, other) {
    const one = Automerge.from({ gate: first }, { actor: 'ff' })
    const two = Automerge.change(Automerge.clone(one, { actor: '00' }), (doc) => { doc.gate = other })
    return Automerge.merge(Automerge.change(one, (doc) => { doc.gate = again }), two).gate
  },
  loro(first, again, other) {
    const [one, two] = [new LoroDoc(), new LoroDoc()]
    one.setPeerId(9n)
    two.setPeerId(1n)
    one.getMap('map').set('gate', first)
    two.import(one.export({ mode: 'snapshot' }))
    one.getMap('map').set('gate', again)
    two.getMap('map').set('gate', other)
    one.import(two.export({ mode: 'update' }))
    return one.getMap('map').get('gate')
  },
  yjs(first, again, other) {
    const [one, two] = [new Y.Doc(), new Y.Doc()]
    one.clientID = 9
    two.clientID = 1
    one.getMap('map').set('gate', first)
    Y.applyUpdate(two, Y.encodeStateAsUpdate(one))
    one.getMap('map').set('gate', again)
    two.getMap('map').set('gate', other)
    Y.applyUpdate(one, Y.encodeStateAsUpdate(two))
    return one.getMap('map').get('gate')
  },
}
for (const [name, winner] of Object.entries(engines)) {
  console.log(`${name}, another value: ${winner(1, 3, 2)} of 3 and 2`)
  console.log(`${name}, the same number: ${winner(1, 1, 2)} of 1 and 2`)
  console.log(`${name}, the same text: ${winner('open', 'open', 'closed')} of open and closed`)
}
JS

cat >expected <<'TEXT'
automerge, another value: 3 of 3 and 2
automerge, the same number: 2 of 1 and 2
automerge, the same text: open of open and closed
loro, another value: 3 of 3 and 2
loro, the same number: 2 of 1 and 2
loro, the same text: closed of open and closed
yjs, another value: 3 of 3 and 2
yjs, the same number: 1 of 1 and 2
yjs, the same text: open of open and closed
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
