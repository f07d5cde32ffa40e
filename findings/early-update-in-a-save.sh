#!/usr/bin/env bash
# Packages: @automerge/automerge 3.5.0, loro-crdt 1.17.1, yjs 13.6.33 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: of two updates the second arrives first, is taken in without an error, and waits. Then the document is saved, loaded,
# and the first arrives. With Yjs both are there; with Automerge too, but not if the waiting document was merged into another
# instead of saved; with Loro the second is lost, whether the document was saved as a snapshot or as updates, though `import`
# had returned and named it as pending.
#
# Why one guesses wrong: what `import` has taken in looks like a part of the document, and saving looks like saving all that the
# replica knows. Whoever acknowledges an update once it is saved, so that its sender need not keep it, loses it with one engine
# and not with another; a relay that merges what it received and passes that on drops it, too.
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

// In each: what a document holds in the end whose second update was taken in first, and went through `save` while it waited.
function automerge(save) {
  const first = Automerge.from({ text: 'a' })
  const second = Automerge.change(first, (doc) => Automerge.splice(doc, ['text'], 1, 0, 'b'))
  const [one, two] = Automerge.getAllChanges(second)
  const [waiting] = Automerge.applyChanges(Automerge.init(), [two])
  const [done] = Automerge.applyChanges(save(waiting), [one])
  return done.text
}

function loro(mode) {
  const writer = new LoroDoc()
  writer.getText('text').insert(0, 'a')
  writer.commit()
  const [one, version] = [writer.export({ mode: 'update' }), writer.version()]
  writer.getText('text').insert(1, 'b')
  writer.commit()
  const [waiting, saved] = [new LoroDoc(), new LoroDoc()]
  const { pending } = waiting.import(writer.export({ mode: 'update', from: version }))
  console.log(`loro, pending after import: ${pending !== null}`)
  saved.import(waiting.export({ mode }))
  saved.import(one)
  return saved.getText('text').toString()
}

function yjs() {
  const [writer, waiting, saved, updates] = [new Y.Doc(), new Y.Doc(), new Y.Doc(), []]
  writer.on('update', (update) => updates.push(update))
  writer.getText('text').insert(0, 'a')
  writer.getText('text').insert(1, 'b')
  Y.applyUpdate(waiting, updates[1])
  Y.applyUpdate(saved, Y.encodeStateAsUpdate(waiting))
  Y.applyUpdate(saved, updates[0])
  return saved.getText('text').toString()
}

console.log('automerge, saved and loaded:', automerge((doc) => Automerge.load(Automerge.save(doc))))
console.log('automerge, merged into another:', automerge((doc) => Automerge.merge(Automerge.init(), doc)))
console.log('loro, saved as a snapshot:', loro('snapshot'))
console.log('loro, saved as updates:', loro('update'))
console.log('yjs, saved as an update:', yjs())
JS

cat >expected <<'TEXT'
automerge, saved and loaded: ab
automerge, merged into another: a
loro, pending after import: true
loro, saved as a snapshot: a
loro, pending after import: true
loro, saved as updates: a
yjs, saved as an update: ab
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
