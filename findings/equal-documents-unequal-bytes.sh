#!/usr/bin/env bash
# Packages: @automerge/automerge 3.5.0, loro-crdt 1.17.1, yjs 13.6.33 (npm). Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: two Automerge documents with the same changes, the same heads and the same contents save as different bytes when
# the changes arrived in another order. To load and save again does not make the bytes equal: the order is kept. Loro and Yjs
# give the same bytes for the same updates in either order.
#
# Why one guesses wrong: a change is named by the hash of its bytes and the history is a graph of hashes, so it seems safe to
# compare or to sign the hash of a saved document. It is not: only the heads tell whether two documents are the same.
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

const same = (one, other) => (Buffer.from(one).equals(Buffer.from(other)) ? 'the same' : 'different')

function automerge() {
  const base = Automerge.from({ gate: 1 }, { actor: 'aa' })
  const [ann, bob] = ['bb', 'cc'].map((actor) => Automerge.clone(base, { actor }))
  const byAnn = Automerge.getLastLocalChange(Automerge.change(ann, (doc) => { doc.ann = 1 }))
  const byBob = Automerge.getLastLocalChange(Automerge.change(bob, (doc) => { doc.bob = 1 }))
  const [one, other] = [[byAnn, byBob], [byBob, byAnn]].map((order) => {
    let doc = Automerge.clone(base)
    for (const change of order) [doc] = Automerge.applyChanges(doc, [change])
    return doc
  })
  const heads = (doc) => Automerge.getHeads(doc).sort().join()
  console.log(`automerge: heads ${heads(one) === heads(other) ? 'the same' : 'different'}`)
  const [saved, alsoSaved] = [one, other].map((doc) => Automerge.save(doc))
  console.log(`automerge: bytes ${same(saved, alsoSaved)}`)
  const again = (bytes) => Automerge.save(Automerge.load(bytes))
  console.log(`automerge: bytes, loaded and saved again ${same(again(saved), again(alsoSaved))}`)
}

function loro() {
  const edit = (peer, key, from) => {
    const doc = new LoroDoc()
    doc.setPeerId(peer)
    if (from) doc.import(from)
    const before = doc.version()
    doc.getMap('map').set(key, 1)
    doc.commit()
    return doc.export({ mode: 'update', from: before })
  }
  const base = edit(1n, 'gate')
  const [byAnn, byBob] = [edit(2n, 'ann', base), edit(3n, 'bob', base)]
  const [one, other] = [[base, byAnn, byBob], [base, byBob, byAnn]].map((order) => {
    const doc = new LoroDoc()
    for (const update of order) doc.import(update)
    return doc.export({ mode: 'snapshot' })
  })
  console.log(`loro: bytes ${same(one, other)}`)
}

function yjs() {
  const edit = (clientID, key, from) => {
    const doc = new Y.Doc()
    doc.clientID = clientID
    if (from) Y.applyUpdate(doc, from)
    const before = Y.encodeStateVector(doc)
    doc.getMap('map').set(key, 1)
    return Y.encodeStateAsUpdate(doc, before)
  }
  const base = edit(1, 'gate')
  const [byAnn, byBob] = [edit(2, 'ann', base), edit(3, 'bob', base)]
  const [one, other] = [[base, byAnn, byBob], [base, byBob, byAnn]].map((order) => {
    const doc = new Y.Doc()
    for (const update of order) Y.applyUpdate(doc, update)
    return Y.encodeStateAsUpdate(doc)
  })
  console.log(`yjs: bytes ${same(one, other)}`)
}

automerge()
loro()
yjs()
JS

cat >expected <<'TEXT'
automerge: heads the same
automerge: bytes different
automerge: bytes, loaded and saved again different
loro: bytes the same
yjs: bytes the same
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
