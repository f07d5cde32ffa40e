#!/usr/bin/env bash
# Package: cojson 0.20.19 (npm), the core of Jazz. Seen on 2026-11-28 with Node.js 20.
#
# Behaviour: Alice's clock is a minute ahead of Bob's. She makes a group and a map, and lets Bob in as a writer; his node knows the role. What
# he writes in the minute that follows is lost for good: `set` returns as always, and his own copy does not show it, now or later.
# From then on he can write, but not over what Alice wrote: he reads her value, replaces it, and it is still hers, in both copies.
# What was ignored is in the history of both, so that they find each other level, and nothing is told.
#
# Why one guesses wrong: one expects that the history's hashes and signatures, or what a node has seen, tell what came before what, and
# that a writer who knows of its role has it. But each writer stamps what it writes with its own clock; the role is looked up as it
# was at that time, and of two writes the one with the later time wins, though the other was made by who had read it. Nothing
# compares a stamp with what its writer had read; that stamps follow a server's clock is an option, which is off and called experimental.
#
# What users of this crate do about it: nothing; replicas have no clock, and `LwwRegister` ranks a write above all that its writer had applied.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts cojson@0.20.19

cat >run.mjs <<'JS'
import { cojsonInternals, LocalNode } from 'cojson'
import { WasmCrypto } from 'cojson/crypto/WasmCrypto'
import { setTimeout as sleep } from 'node:timers/promises'

const crypto = await WasmCrypto.create()
const minute = 60_000

// Both nodes are in this process; so whoever acts sets the clock, and it goes on as clocks do.
const now = Date.now
const clock = (ahead) => { Date.now = () => now() + ahead }
const [bobsClock, alicesClock, bobsClockLater, alicesClockLater, bobsClockLast] = [0, 1, 2, 3, 4].map((it) => it * minute)

async function node(name, ahead) {
  clock(ahead)
  return LocalNode.withNewlyCreatedAccount({ peers: [], crypto, creationProps: { name } })
}
const bob = await node('Bob', bobsClock)
const alice = await node('Alice', alicesClock)
const [toAlice, toBob] = cojsonInternals.connectedPeers('alice', 'bob', { peer1role: 'server', peer2role: 'client' })
alice.node.syncManager.addPeer(toBob)
bob.node.syncManager.addPeer(toAlice)

let mine, copy
const writes = (map) => Object.values(map.core.knownState().sessions).reduce((sum, count) => sum + count, 0)
async function show(when) {
  await sleep(500) // for what takes milliseconds
  const [hers, his] = [mine, copy].map((map) => `${JSON.stringify(map.toJSON())} (writes: ${writes(map)})`)
  console.log(`${when}: Alice has ${hers}, Bob has ${his}`)
}

clock(alicesClock)
const group = alice.node.createGroup()
mine = group.createMap()
mine.set('hers', 'a1')
group.addMember(await alice.node.load(bob.accountID), 'writer')
await sleep(500)

clock(bobsClock)
copy = await bob.node.load(mine.id)
await show(`Bob as ${copy.group.myRole()}`)
copy.set('his', 'b1')
copy.set('hers', 'b1')
await show('Bob wrote both')

clock(bobsClockLater)
await show('two minutes later')
copy.set('his', 'b2')
await show('Bob wrote his')

clock(alicesClockLater)
mine.set('hers', 'a2')
await show('Alice wrote hers')

clock(bobsClockLater)
copy.set('hers', 'b2')
await show('Bob wrote hers')

clock(bobsClockLast)
copy.set('hers', 'b3')
await show('Bob wrote hers two minutes later')
process.exit()
JS

cat >expected <<'TEXT'
Bob as writer: Alice has {"hers":"a1"} (writes: 1), Bob has {"hers":"a1"} (writes: 1)
Bob wrote both: Alice has {"hers":"a1"} (writes: 3), Bob has {"hers":"a1"} (writes: 3)
two minutes later: Alice has {"hers":"a1"} (writes: 3), Bob has {"hers":"a1"} (writes: 3)
Bob wrote his: Alice has {"hers":"a1","his":"b2"} (writes: 4), Bob has {"hers":"a1","his":"b2"} (writes: 4)
Alice wrote hers: Alice has {"hers":"a2","his":"b2"} (writes: 5), Bob has {"hers":"a2","his":"b2"} (writes: 5)
Bob wrote hers: Alice has {"hers":"a2","his":"b2"} (writes: 6), Bob has {"hers":"a2","his":"b2"} (writes: 6)
Bob wrote hers two minutes later: Alice has {"hers":"b3","his":"b2"} (writes: 7), Bob has {"hers":"b3","his":"b2"} (writes: 7)
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
