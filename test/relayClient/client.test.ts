import { generatePrivateKey } from 'viem/accounts'
import { verifyTypedData } from 'viem/utils'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { encryptionKeyFromSecret } from '../../src/protocol/encryptionKey.js'
import { open, openArguments, seal, sealArguments } from '../../src/protocol/envelope.js'
import { deletionReceiptTypedData, uploadReceiptTypedData } from '../../src/protocol/receipt.js'
import { resultDigestOf } from '../../src/protocol/resultDigest.js'
import { createWallet, type Wallet } from '../../src/protocol/wallet.js'
import {
  createRelayClient,
  InvalidRelayUrlError,
  type RelayClient,
  type RelayEvent,
  RelayRefusedError,
  RelayUnreachableError,
} from '../../src/relayClient/client.js'
import { CHAIN_ID, CONSENSUS, startTestRelay, TASK_ID, type TestRelay } from '../roles/relay/testRelay.js'

/** A clock that does not wait between attempts. */
const impatient = { now: systemClock.now, sleep: async () => undefined }

const clientOf = (relay: { url: string }, wallet: Wallet, options: { fetch?: typeof fetch } = {}): RelayClient =>
  createRelayClient({ url: relay.url, wallet, chainId: CHAIN_ID, clock: impatient, ...options })

const nodeKey = (wallet: Wallet) => encryptionKeyFromSecret(wallet.deriveSecret({ use: 'node encryption key' }))
const resultKey = (wallet: Wallet) =>
  encryptionKeyFromSecret(wallet.deriveSecret({ use: 'result key', taskId: TASK_ID }))

async function uploadResults(relay: TestRelay, files: Uint8Array[]) {
  relay.chain.change(TASK_ID, { state: 'awaitingUpload', uploader: relay.cast.node1.address })
  const uploader = clientOf(relay, relay.cast.node1)
  for (const [index, file] of files.entries()) await uploader.putResult(TASK_ID, index, file)
  return uploader.sealResults(TASK_ID)
}

describe('a task through the relay', () => {
  test('arguments reach the nodes, results the creator, receipts verify, deletion ends it', async () => {
    const relay = await startTestRelay()
    const { creator, node1, node2, node3 } = relay.cast
    const app = clientOf(relay, creator)
    const node = clientOf(relay, node1)
    expect(await node.getArguments(TASK_ID)).toBeNull()

    const content = {
      salt: new Uint8Array(32).fill(7),
      canonicalArguments: new TextEncoder().encode('{"prompt":"a big red circle"}'),
      resultRecipient: resultKey(creator).publicKey,
    }
    const sealed = await sealArguments(
      content,
      [node1, node2, node3].map((wallet) => nodeKey(wallet).publicKey),
    )
    await app.putArguments(TASK_ID, sealed)
    const received = await node.getArguments(TASK_ID)
    expect(received && (await openArguments(received, nodeKey(node1).identity))).toEqual(content)

    const plain = [new Uint8Array(3_000_000).fill(1), new Uint8Array([1, 2, 3])]
    const files = await Promise.all(plain.map((file) => seal(file, [content.resultRecipient])))
    const receipt = await uploadResults(relay, files)
    const sizeBytes = BigInt(files.reduce((sum, file) => sum + file.length, 0))
    expect(receipt).toMatchObject({ resultDigest: resultDigestOf(files), sizeBytes })
    const domain = { chainId: CHAIN_ID, consensus: CONSENSUS }
    expect(
      await verifyTypedData({
        ...uploadReceiptTypedData(domain, {
          taskId: TASK_ID,
          resultDigest: receipt.resultDigest,
          sizeBytes,
          uploader: node1.address,
        }),
        address: relay.cast.relay.address,
        signature: receipt.signature,
      }),
    ).toBe(true)

    const listed = await app.listResults(TASK_ID)
    expect(listed.map(({ index, sizeBytes }) => [index, sizeBytes])).toEqual(files.map((file, i) => [i, file.length]))
    for (const { index } of listed) {
      const opened = await open(await app.getResult(TASK_ID, index), resultKey(creator).identity)
      expect(Buffer.compare(opened, plain[index] ?? new Uint8Array())).toBe(0)
    }

    const deletion = await app.deleteTask(TASK_ID)
    expect(
      await verifyTypedData({
        ...deletionReceiptTypedData(domain, { taskId: TASK_ID, deletedAt: deletion.deletedAt }),
        address: deletion.relay,
        signature: deletion.signature,
      }),
    ).toBe(true)
    expect(deletion.relay).toBe(relay.cast.relay.address)
    await expect(app.listResults(TASK_ID)).rejects.toMatchObject({ problem: 'not-ready' })
  })

  test('putting again after a crash is no error: the first arguments and the sealed set stay', async () => {
    const relay = await startTestRelay()
    const app = clientOf(relay, relay.cast.creator)
    await app.putArguments(TASK_ID, new Uint8Array([1]))
    await app.putArguments(TASK_ID, new Uint8Array([2]))
    expect(await clientOf(relay, relay.cast.node2).getArguments(TASK_ID)).toEqual(new Uint8Array([1]))
    const first = await uploadResults(relay, [new Uint8Array([3]), new Uint8Array([4])])
    const second = await uploadResults(relay, [new Uint8Array([5]), new Uint8Array([6])])
    expect(second).toEqual(first)
  })
})

describe('watchTask', () => {
  test('tells each change and resolves when the creator has acknowledged', async () => {
    const relay = await startTestRelay()
    const { chain } = relay
    const app = clientOf(relay, relay.cast.creator)
    const events: RelayEvent[] = []
    const steps: (() => unknown)[] = [
      () => app.putArguments(TASK_ID, new Uint8Array([1])),
      () => {
        chain.change(TASK_ID, { state: 'awaitingUpload', uploader: relay.cast.node1.address })
        chain.mine()
      },
      () => uploadResults(relay, [new Uint8Array([1]), new Uint8Array([2])]),
      () => {
        chain.change(TASK_ID, { state: 'completed' })
        chain.mine()
      },
      () => app.deleteTask(TASK_ID),
    ]
    await app.watchTask(TASK_ID, {
      signal: new AbortController().signal,
      onEvent: (event) => {
        events.push(event)
        void steps.shift()?.()
      },
    })
    expect(events.map(({ type, state }) => (type === 'status' ? state : type))).toEqual([
      'started',
      'arguments',
      'awaitingUpload',
      'results',
      'completed',
      'end',
    ])
  })

  test('rejects with the reason of its signal', async () => {
    const relay = await startTestRelay()
    const stop = new AbortController()
    const watching = clientOf(relay, relay.cast.creator).watchTask(TASK_ID, {
      signal: stop.signal,
      onEvent: () => stop.abort(new Error('enough')),
    })
    await expect(watching).rejects.toThrow('enough')
  })

  test('reconnects when the connection breaks, and signs in again', async () => {
    const relay = await startTestRelay()
    let streams = 0
    const breaking: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!String(input).endsWith('/events') || ++streams > 1) return response
      await response.body?.cancel()
      return new Response('event: status\ndata: {}\n\n')
    }
    const seen: string[] = []
    await clientOf(relay, relay.cast.creator, { fetch: breaking }).watchTask(TASK_ID, {
      signal: new AbortController().signal,
      onEvent: ({ type, state }) => {
        seen.push(`${type} ${state}`)
        if (state !== 'started') return
        relay.chain.change(TASK_ID, { state: 'aborted' })
        relay.chain.mine()
      },
    })
    expect(seen).toEqual(['status undefined', 'status started', 'status aborted', 'end undefined'])
  })
})

describe('when things go wrong', () => {
  test('a session that the relay no longer knows is renewed once', async () => {
    const relay = await startTestRelay()
    const app = clientOf(relay, relay.cast.creator)
    await app.putArguments(TASK_ID, new Uint8Array([1]))
    relay.clock.advance(11 * 60_000)
    const later = { now: relay.clock.now, sleep: impatient.sleep }
    const node = createRelayClient({ url: relay.url, wallet: relay.cast.node1, chainId: CHAIN_ID, clock: later })
    expect(await node.getArguments(TASK_ID)).toEqual(new Uint8Array([1]))
    relay.clock.advance(11 * 60_000)
    expect(await node.getArguments(TASK_ID)).toEqual(new Uint8Array([1]))
  })

  test('calls that come together share one sign-in', async () => {
    const relay = await startTestRelay()
    let signIns = 0
    const counting: typeof fetch = (input, init) => {
      if (String(input).endsWith('/v1/auth/session')) signIns++
      return fetch(input, init)
    }
    const node = clientOf(relay, relay.cast.node1, { fetch: counting })
    await Promise.all([node.getArguments(TASK_ID), node.getArguments(TASK_ID), node.getArguments(TASK_ID)])
    expect(signIns).toBe(1)
  })

  test('a connection that fails twice is tried again', async () => {
    const relay = await startTestRelay()
    let failures = 2
    const flaky: typeof fetch = (input, init) =>
      String(input).endsWith('/arguments') && failures-- > 0
        ? Promise.reject(new TypeError('fetch failed'))
        : fetch(input, init)
    await clientOf(relay, relay.cast.creator, { fetch: flaky }).putArguments(TASK_ID, new Uint8Array([9]))
    expect(await clientOf(relay, relay.cast.node3).getArguments(TASK_ID)).toEqual(new Uint8Array([9]))
  })

  test('a relay that is down: exit 6 and its address', async () => {
    const relay = await startTestRelay()
    await relay.close()
    const failing = clientOf(relay, relay.cast.creator).putArguments(TASK_ID, new Uint8Array([1]))
    await expect(failing).rejects.toBeInstanceOf(RelayUnreachableError)
    await expect(failing).rejects.toMatchObject({ exitCode: 6, message: expect.stringContaining(relay.url) })
  })

  test('a refusal carries the code of the problem', async () => {
    const relay = await startTestRelay()
    const failing = clientOf(relay, relay.cast.stranger).putArguments(TASK_ID, new Uint8Array([1]))
    await expect(failing).rejects.toBeInstanceOf(RelayRefusedError)
    await expect(failing).rejects.toMatchObject({ exitCode: 6, problem: 'not-found', status: 404 })
  })

  test.each([
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'http://127.0.0.1:1/' } })],
    ['a body that is no JSON', () => new Response('<html>', { status: 200 })],
    ['a nonce that is none', () => Response.json({ nonce: 'a b\nURI: x' })],
    ['an endless body', () => new Response(new Uint8Array(70_000))],
  ])('%s is refused and not followed', async (_name, answer) => {
    const wallet = createWallet({ privateKey: generatePrivateKey() })
    let calls = 0
    const odd: typeof fetch = async () => {
      calls++
      return answer()
    }
    const client = createRelayClient({ url: 'http://relay.test', wallet, chainId: 1, clock: impatient, fetch: odd })
    await expect(client.getArguments(TASK_ID)).rejects.toMatchObject({ problem: 'bad-answer', exitCode: 6 })
    expect(calls).toBe(1)
  })

  test('a file that changed on the way is not used', async () => {
    const relay = await startTestRelay()
    await clientOf(relay, relay.cast.creator).putArguments(TASK_ID, new Uint8Array([1, 2, 3]))
    const tampering: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      return String(input).endsWith('/arguments')
        ? new Response(new Uint8Array([1, 2, 4]), { headers: response.headers })
        : response
    }
    const node = clientOf(relay, relay.cast.node1, { fetch: tampering })
    await expect(node.getArguments(TASK_ID)).rejects.toMatchObject({ problem: 'bad-answer' })
  })

  test('an address that is none', () => {
    const wallet = createWallet({ privateKey: generatePrivateKey() })
    for (const url of ['ftp://relay.test', 'relay', 'http://user:secret@relay.test']) {
      expect(() => createRelayClient({ url, wallet, chainId: 1 })).toThrow(InvalidRelayUrlError)
    }
  })
})
