#!/usr/bin/env bash
# Packages: @automerge/automerge 3.5.0, loro-crdt 1.17.1, yjs 13.6.33 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: a document is copied, as a backup that is put back copies it, and both copies go on under one identity: one appends
# "left", the other "right". Then each sends the other what that lacks by its version vector. With Yjs and with Loro the first
# holds a text that nobody wrote, "leftt": its own word, and behind it what the other word is longer by. The second keeps "right".
# Nothing is raised, and the vectors are equal, so that the two find each other level for ever. Yjs prints a line, and takes another
# identity for what comes next; what was taken in stays. Automerge raises "duplicate seq", and both keep what they wrote. The
# identities are set by hand here; a program that keeps them beside the document does the same.
#
# Why one guesses wrong: one expects that of two such edits one wins or both are kept, and that a vector of versions tells whether
# two replicas are level. It counts operations, and says nothing of which ones.
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

const BASE = 'It is '
const WORDS = ['left', 'right']

// In each: what the two copies hold after they have sent each other what is lacking, and whether their versions are equal.
const engines = {
  automerge() {
    const actor = '07'.repeat(16)
    const base = Automerge.save(Automerge.from({ text: BASE }, { actor }))
    const write = (word) => Automerge.change(Automerge.load(base, { actor }), (doc) => {
      Automerge.splice(doc, ['text'], BASE.length, 0, word)
    })
    const [one, two] = WORDS.map(write)
    const merge = (to, from) => {
      try {
        return Automerge.merge(Automerge.clone(to), from).text
      } catch (error) {
        return String(error.message ?? error).match(/duplicate seq \d+/)[0]
      }
    }
    return [merge(one, two), merge(two, one), false]
  },
  loro() {
    const base = new LoroDoc()
    base.setPeerId(7n)
    base.getText('text').insert(0, BASE)
    const saved = base.export({ mode: 'snapshot' })
    const [one, two] = WORDS.map((word) => {
      const copy = new LoroDoc()
      copy.import(saved)
      copy.setPeerId(7n)
      copy.getText('text').insert(BASE.length, word)
      copy.commit()
      return copy
    })
    two.import(one.export({ mode: 'update', from: two.version() }))
    one.import(two.export({ mode: 'update', from: one.version() }))
    const text = (copy) => copy.getText('text').toString()
    return [text(one), text(two), one.version().compare(two.version()) === 0]
  },
  yjs() {
    const [one, two] = WORDS.map((word) => {
      const copy = new Y.Doc()
      copy.clientID = 7
      copy.getText('text').insert(0, BASE)
      copy.getText('text').insert(BASE.length, word)
      return copy
    })
    Y.applyUpdate(two, Y.encodeStateAsUpdate(one, Y.encodeStateVector(two)))
    Y.applyUpdate(one, Y.encodeStateAsUpdate(two, Y.encodeStateVector(one)))
    const text = (copy) => copy.getText('text').toString()
    const vectors = [one, two].map((copy) => String(Y.encodeStateVector(copy)))
    return [text(one), text(two), vectors[0] === vectors[1]]
  },
}
for (const [name, run] of Object.entries(engines)) {
  const [one, two, level] = run()
  console.log(`${name}: ${one} | ${two} | ${level ? 'level' : 'not level'}`)
}
JS

cat >expected <<'TEXT'
automerge: duplicate seq 2 | duplicate seq 2 | not level
loro: It is leftt | It is right | level
[yjs] Changed the client-id because another client seems to be using it.
yjs: It is leftt | It is right | level
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
