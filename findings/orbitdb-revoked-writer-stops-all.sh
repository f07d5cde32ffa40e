#!/usr/bin/env bash
# Package: @orbitdb/core 3.0.2 (npm), on libp2p 2.9.0 and @helia/utils 1.4.0. Seen on 2026-11-28 with Node.js 20;
# and the same with 4.0.0, the newest, on Node.js 22.
#
# Behaviour: a database has OrbitDBAccessController, whose rights can be granted and revoked. Bob wrote while he had the right, and all
# that are connected have his entry. When his right is revoked, a replica that opens the database afterwards gets nothing, neither
# Bob's entry nor Alice's, who always had the right. Those that had everything do not take what she writes next either, as long as
# it refers to an entry of Bob's, which it does if that is among the last few. So four replicas hold three different logs, and
# agree on who may write. All that is told is a line that an entry is not allowed, though Bob wrote nothing more. When he gets
# the right again, Alice's next entry makes all four the same.
#
# Why one guesses wrong: who revokes a right to write thinks of what is written from then on, and the log is a graph of hashes, in which
# what others have built on seems there to stay. But a receiver asks the list as it is at that moment, and asks it of the entries
# too that a new one refers to, whether it has them already or not.
#
# What users of this crate do about it: nothing; of who has left or was expelled all counts that its generations contain, for newcomers too.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @orbitdb/core@3.0.2 @helia/utils@1.4.0 @helia/block-brokers@4.2.4 \
    blockstore-core@5.0.4 datastore-core@10.0.4 libp2p@2.9.0 @libp2p/tcp@10.1.19 @libp2p/identify@3.0.39 \
    @chainsafe/libp2p-gossipsub@14.1.2 @chainsafe/libp2p-noise@16.1.4 @chainsafe/libp2p-yamux@7.0.4

cat >run.mjs <<'JS'
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { Helia } from '@helia/utils'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { createOrbitDB, OrbitDBAccessController } from '@orbitdb/core'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'
import { setTimeout as sleep } from 'node:timers/promises'

// libp2p asks for it, and Node.js has it from 22 on.
Promise.withResolvers ??= () => {
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const refusals = new Set()
console.error = (error) => refusals.add(String(error?.message ?? error).replace(/\s+/g, ' ').replace(/"\w+"/, '...'))

const peers = []
async function peer(id) {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) }
  })
  const stores = { blockstore: new MemoryBlockstore(), datastore: new MemoryDatastore() }
  const ipfs = new Helia({ libp2p, ...stores, blockBrokers: [bitswap()] })
  await ipfs.start()
  for (const other of peers) await libp2p.dial(other.ipfs.libp2p.getMultiaddrs())
  peers.push({ id, ipfs })
  return createOrbitDB({ ipfs, id, directory: `data/${id}` })
}

const entries = async (database) => (await database.all()).map(({ value }) => value).join(' ')
const opened = {}
async function show(when) {
  const seen = Object.entries(opened).map(async ([id, database]) => `${id} ${JSON.stringify(await entries(database))}`)
  const writes = Object.values(opened).map((database) => mayWrite(database, true))
  console.log(`${when}: ${(await Promise.all(seen)).join(', ')}; may Bob write: ${(await Promise.all(writes)).join(' ')}`)
}

// What should come is waited for up to 30 seconds, and takes less than two; what does not come is given ten.
async function until(holds) {
  for (let i = 0; i < 300 && !(await holds()); i++) await sleep(100)
}
const mayWrite = async (database, yes) => (await database.access.get('write')).has(bob.identity.id) === yes
const everywhere = (holds) => until(async () => (await Promise.all(Object.values(opened).map(holds))).every(Boolean))

const [alice, bob, dave] = [await peer('alice'), await peer('bob'), await peer('dave')]
opened.alice = await alice.open('notes', { AccessController: OrbitDBAccessController({ write: [alice.identity.id] }) })
await opened.alice.access.grant('write', bob.identity.id)
for (const [id, node] of Object.entries({ bob, dave })) opened[id] = await node.open(opened.alice.address)
await everywhere((database) => mayWrite(database, true))
await opened.bob.add('b1')
await everywhere(async (database) => await entries(database) === 'b1')
await opened.alice.add('a1')
await everywhere(async (database) => await entries(database) === 'b1 a1')
await show('while Bob may write')

await opened.alice.access.revoke('write', bob.identity.id)
await everywhere((database) => mayWrite(database, false))
opened.carol = await (await peer('carol')).open(opened.alice.address)
await everywhere((database) => mayWrite(database, false))
await opened.alice.add('a2')
await sleep(10_000)
await show('after the revocation')
for (const refusal of refusals) console.log(refusal)

await opened.alice.access.grant('write', bob.identity.id)
await everywhere((database) => mayWrite(database, true))
await opened.alice.add('a3')
await everywhere(async (database) => await entries(database) === 'b1 a1 a2 a3')
await show('when Bob may write again')
process.exit()
JS

cat >expected <<'TEXT'
while Bob may write: alice "b1 a1", bob "b1 a1", dave "b1 a1"; may Bob write: true true true
after the revocation: alice "b1 a1 a2", bob "b1 a1", dave "b1 a1", carol ""; may Bob write: false false false false
Could not append entry: Key ... is not allowed to write to the log
when Bob may write again: alice "b1 a1 a2 a3", bob "b1 a1 a2 a3", dave "b1 a1 a2 a3", carol "b1 a1 a2 a3"; may Bob write: true true true true
TEXT
node run.mjs | tee seen
diff expected seen && echo "as described above"
