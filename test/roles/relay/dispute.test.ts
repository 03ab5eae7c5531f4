import { verifyTypedData } from 'viem/utils'
import { expect, test } from 'vitest'
import type { Hex } from '../../../src/base/hex.js'
import { encryptionKeyFromSecret } from '../../../src/protocol/encryptionKey.js'
import { seal } from '../../../src/protocol/envelope.js'
import { uploadFaultTypedData } from '../../../src/protocol/receipt.js'
import type { VerifyResultFiles } from '../../../src/roles/relay/dispute.js'
import {
  CHAIN_ID,
  CONSENSUS,
  problemOf,
  RESULT_KEY,
  startTestRelay,
  TASK_ARGUMENTS,
  TASK_ID,
  taskOf,
} from './testRelay.js'

const KEY = RESULT_KEY
const OTHER_KEY = encryptionKeyFromSecret(new Uint8Array(32).fill(6))
const SCORE: Hex = `0x${'5c'.repeat(8)}`
const GOOD = new TextEncoder().encode('the right picture')

/** Says yes to the one right picture; the decoding of real ones is tested in core. */
const verifyResultFiles: VerifyResultFiles = async ({ kind, files, score }) =>
  kind === 'image' && score === SCORE && files.length === 1 && Buffer.compare(files[0] ?? new Uint8Array(), GOOD) === 0

type Answer = { faulty: boolean; resultDigest: Hex; signature?: Hex }

async function completedWith(upload: Uint8Array) {
  const relay = await startTestRelay({ verifyResultFiles })
  const { cast, chain } = relay
  const { slots } = taskOf(cast)
  chain.change(TASK_ID, {
    state: 'awaitingUpload',
    imageCount: 1,
    uploader: cast.node2.address,
    slots: slots.map((slot, index) => ({
      ...slot,
      committed: true,
      revealed: true,
      score: index === 1 ? SCORE : '0xff',
    })),
  })
  await relay.as(cast.node2, 'PUT', `/v1/tasks/${TASK_ID}/results/0`, upload)
  const receipt = (await (await relay.as(cast.node2, 'POST', `/v1/tasks/${TASK_ID}/results`)).json()) as Answer
  chain.change(TASK_ID, { state: 'completed', resultDigest: receipt.resultDigest })
  const dispute = (identity = KEY.identity, argumentsDigest: string = TASK_ARGUMENTS.argumentsDigest) =>
    relay.as(cast.creator, 'POST', `/v1/tasks/${TASK_ID}/dispute`, { identity, argumentsDigest })
  return { relay, dispute, resultDigest: receipt.resultDigest }
}

const changed = (bytes: Uint8Array, at: number) => {
  const copy = new Uint8Array(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

test('an upload that matches its score is not faulty', async () => {
  const { dispute, resultDigest } = await completedWith(await seal(GOOD, [KEY.publicKey]))
  const answer = (await (await dispute()).json()) as Answer
  expect(answer).toMatchObject({ faulty: false, resultDigest })
  expect(answer.signature).toBeUndefined()
})

test.each([
  ['another picture', async () => seal(new TextEncoder().encode('another picture'), [KEY.publicKey])],
  [
    'a flipped byte at its end',
    async () => {
      const sealed = await seal(GOOD, [KEY.publicKey])
      return changed(sealed, sealed.length - 1)
    },
  ],
  [
    'a flipped byte of its header',
    async () => {
      const sealed = await seal(GOOD, [KEY.publicKey])
      return changed(sealed, Buffer.from(sealed).indexOf('\n--- ') + 6)
    },
  ],
  ['noise in its place', async () => new Uint8Array(500).map((_, index) => (index * 37) & 255)],
  ['a file that is sealed to somebody else', async () => seal(GOOD, [OTHER_KEY.publicKey])],
  [
    'its second half missing',
    async () => {
      const sealed = await seal(GOOD, [KEY.publicKey])
      return sealed.subarray(0, sealed.length - 10)
    },
  ],
])('an upload with %s is faulty, and the relay signs that', async (_name, upload) => {
  const { relay, dispute, resultDigest } = await completedWith(await upload())
  const answer = (await (await dispute()).json()) as Answer
  expect(answer).toMatchObject({ faulty: true, resultDigest })
  const { cast } = relay
  expect(
    await verifyTypedData({
      ...uploadFaultTypedData(
        { chainId: CHAIN_ID, consensus: CONSENSUS },
        { taskId: TASK_ID, resultDigest, uploader: cast.node2.address },
      ),
      address: cast.relay.address,
      signature: answer.signature ?? '0x',
    }),
  ).toBe(true)
})

test('a creator that shows another key cannot frame an honest uploader', async () => {
  const { dispute } = await completedWith(await seal(GOOD, [KEY.publicKey]))
  expect(await problemOf(await dispute(OTHER_KEY.identity))).toEqual([422, 'not-the-tasks-key'])
  expect(await problemOf(await dispute(KEY.identity, `0x${'d2'.repeat(32)}`))).toEqual([422, 'not-the-tasks-key'])
  expect(await problemOf(await dispute(KEY.identity, '0x'))).toEqual([400, 'bad-request'])
  const checksum = KEY.identity.replace(/.$/, (last) => (last === 'Q' ? 'P' : 'Q'))
  expect(await problemOf(await dispute(checksum))).toEqual([422, 'not-the-tasks-key'])
  for (const odd of ['', 'age1x', KEY.identity.toLowerCase(), `${KEY.identity}\n`]) {
    expect(await problemOf(await dispute(odd))).toEqual([400, 'bad-request'])
  }
})

test('only a reported upload can be disputed, and only once', async () => {
  const { relay, dispute, resultDigest } = await completedWith(await seal(GOOD, [OTHER_KEY.publicKey]))
  const { chain, cast } = relay
  chain.change(TASK_ID, { resultDigest: null })
  expect(await problemOf(await dispute())).toEqual([409, 'wrong-state'])
  chain.change(TASK_ID, { resultDigest, redelivery: true })
  expect(await problemOf(await dispute())).toEqual([409, 'wrong-state'])
  chain.change(TASK_ID, { redelivery: false, uploader: cast.node3.address })
  expect(await problemOf(await dispute())).toEqual([404, 'not-ready'])
})

test('when the pictures cannot be judged, nobody is blamed', async () => {
  const broken = async () => {
    throw new Error('no decoder')
  }
  const { relay, dispute } = await completedWith(await seal(GOOD, [KEY.publicKey]))
  const { cast, chain, folder } = relay
  await relay.close()
  const restarted = await startTestRelay({ cast, chain, dataFolder: folder, verifyResultFiles: broken })
  const body = { identity: KEY.identity, argumentsDigest: TASK_ARGUMENTS.argumentsDigest }
  const response = await restarted.as(cast.creator, 'POST', `/v1/tasks/${TASK_ID}/dispute`, body)
  expect(await problemOf(response)).toEqual([500, 'internal'])
  await expect(dispute()).rejects.toThrow()
})
