import { execFileSync, spawnSync } from 'node:child_process'
import { createDecipheriv, createHash, scryptSync } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { encryptionKeyFromSecret } from '../../src/protocol/encryptionKey.js'
import type { SubmitResult } from '../../src/roles/app/taskReport.js'
import { openKeystore } from '../../src/store/keystore.js'
import { dataOf, type TestDevnet, withDevnet } from '../helpers/devnet.js'
import { processesUsing } from '../helpers/processesUsing.js'

const hasAge = spawnSync('age', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasAge) process.stderr.write('\nNOTICE: the age program is not installed; its test is skipped\n')

/** A word that occurs in the prompt and nowhere else. */
const MARKER = 'zanzibarquokka'
const PROMPT = `a big red circle on a blue background ${MARKER}`
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')

type Sighting = { path: string; bytes: Buffer }

/** What one task left in one network. */
type Evidence = {
  task: SubmitResult
  picture: Buffer
  /** Every version of every file of the relay that was seen while the task ran. */
  duringAtRelay: Sighting[]
  afterAtRelay: Sighting[]
  /** Files of the nodes, of the chain (its log holds no calldata) and every block with its transactions. */
  elsewhere: Sighting[]
  nodeIdentities: string[]
  resultIdentity: string
  privateKeys: Buffer[]
  /** Every file of the network, and what each of its processes was started with. */
  everything: Sighting[]
}

let evidence: Evidence

beforeAll(
  () =>
    withDevnet(['--bytecode'], async (devnet) => {
      const relayFolder = devnet.description().relay.folder
      const during = createSightings(relayFolder)
      const submitted = devnet.start(['task', 'submit', '--prompt', PROMPT, '--out', 'picture.png', '--json'])
      let ended = false
      void submitted.finished.finally(() => {
        ended = true
      })
      while (!ended) {
        during.look()
        await delay(20)
      }
      const task = dataOf<SubmitResult>(await submitted.finished)
      const look = (folder: string) => createSightings(folder).look()
      evidence = {
        task,
        picture: readFileSync(join(devnet.scratch, 'picture.png')),
        duringAtRelay: during.look(),
        afterAtRelay: look(relayFolder),
        elsewhere: [
          ...devnet.nodes.flatMap(({ folder }) => look(folder)),
          ...look(join(devnet.folder, 'chain')),
          ...look(join(devnet.folder, 'tmp')),
          ...(await readBlocks(devnet)),
        ],
        nodeIdentities: await Promise.all(
          devnet.nodes.map(async ({ environment }) => {
            const secret = (await walletOf(environment)).deriveSecret({ use: 'node encryption key' })
            return encryptionKeyFromSecret(secret).identity
          }),
        ),
        resultIdentity: encryptionKeyFromSecret(
          (await walletOf(devnet.environment)).deriveSecret({ use: 'result key', taskId: task.taskId }),
        ).identity,
        privateKeys: [devnet.environment, ...devnet.nodes.map(({ environment }) => environment)].map(privateKeyOf),
        everything: [...look(devnet.folder), ...processesUsing(devnet.folder).flatMap(startOf)],
      }
    }),
  180_000,
)

it('the relay never holds the prompt or the picture', () => {
  const { duringAtRelay, picture } = evidence
  // There was something to be found: the sealed arguments and the sealed picture went through the relay's folder.
  const sealed = duringAtRelay.filter(isSealed).map(({ path }) => path)
  expect(new Set(sealed).size).toBeGreaterThanOrEqual(2)
  const pieces = piecesOf(picture)
  expect(pieces.length).toBeGreaterThan(4)
  const forbidden = [MARKER, Buffer.from(MARKER).toString('base64').slice(0, 16), PNG_SIGNATURE, ...pieces]
  for (const { path, bytes } of duringAtRelay) {
    for (const each of forbidden) expect(bytes.includes(each), `${path} holds ${each.toString('hex')}`).toBe(false)
  }
})

it('after the acknowledgement the relay has no blob and no row of the task, and has signed that', () => {
  const { afterAtRelay, task } = evidence
  expect(task.deletion?.signature).toMatch(/^0x[0-9a-f]{130}$/)
  expect(afterAtRelay.filter(isSealed)).toEqual([])
  expect(afterAtRelay.filter(({ path }) => path.includes('/blobs/'))).toEqual([])
  const databases = afterAtRelay.filter(({ path }) => path.includes('.sqlite'))
  expect(databases.length).toBeGreaterThan(0)
  // Not even in the free pages of the database and its write-ahead log.
  const id = task.taskId.slice(2)
  for (const { path, bytes } of databases) {
    expect(bytes.includes(id) || bytes.includes(Buffer.from(id, 'hex')), path).toBe(false)
  }
})

it('no log, file, temporary folder or transaction of the others holds the prompt or the picture', () => {
  const pieces = piecesOf(evidence.picture)
  for (const { path, bytes } of evidence.elsewhere) {
    const hits = [MARKER, Buffer.from(MARKER).toString('hex'), ...pieces].filter((each) => bytes.includes(each))
    expect(hits, path).toEqual([])
  }
})

it('no file, log, command line or environment holds a private key', () => {
  if (process.platform === 'linux') expect(evidence.everything.some(({ path }) => path.endsWith('/cmdline'))).toBe(true)
  for (const { path, bytes } of evidence.everything) {
    for (const key of evidence.privateKeys) {
      const hits = [key, key.toString('hex'), key.toString('hex').toUpperCase()].filter((each) => bytes.includes(each))
      expect(hits.length, path).toBe(0)
    }
  }
})

it.skipIf(!hasAge)('the standard age program opens the sealed files, each with its own key', () => {
  const folder = mkdtempSync(join(tmpdir(), 'crynux-e2e-age-'))
  try {
    const sealed = evidence.duringAtRelay.filter(isSealed)
    const open = (identity: string): Buffer[] => {
      const key = join(folder, 'key.txt')
      writeFileSync(key, `${identity}\n`, { mode: 0o600 })
      return sealed.flatMap(({ bytes }) => {
        try {
          return [execFileSync('age', ['--decrypt', '-i', key], { input: bytes, stdio: ['pipe', 'pipe', 'ignore'] })]
        } catch {
          return []
        }
      })
    }
    for (const identity of evidence.nodeIdentities) {
      const texts = open(identity).map((bytes) => bytes.toString('utf8'))
      expect(texts.length).toBeGreaterThan(0)
      expect(texts.every((text) => text.includes(MARKER) && text.includes('resultRecipient'))).toBe(true)
    }
    const pictures = open(evidence.resultIdentity)
    expect(pictures.length).toBeGreaterThan(0)
    expect(pictures.every((bytes) => bytes.equals(evidence.picture))).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

const isSealed = ({ path, bytes }: Sighting): boolean =>
  path.includes('/blobs/') && bytes.subarray(0, 21).equals(Buffer.from('age-encryption.org/v1'))

/** Remembers every version of every file below a folder, by content. */
function createSightings(folder: string): { look(): Sighting[] } {
  const seen = new Map<string, Sighting>()
  return {
    look: () => {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const path = join(entry.parentPath, entry.name)
        try {
          const bytes = readFileSync(path)
          seen.set(`${path}\n${createHash('sha256').update(bytes).digest('hex')}`, { path, bytes })
        } catch {
          // Deleted or renamed between listing and reading: the next look sees where its content went.
        }
      }
      return [...seen.values()]
    },
  }
}

/** Pieces of the picture's compressed pixels; any of them anywhere would be a copy of a part of the picture. */
function piecesOf(picture: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = picture.indexOf('IDAT') + 4; at + 32 <= picture.length; at += 512) {
    pieces.push(picture.subarray(at, at + 16))
  }
  return pieces
}

async function readBlocks({ rpc }: TestDevnet): Promise<Sighting[]> {
  const last = Number(await rpc('eth_blockNumber'))
  const numbers = Array.from({ length: last + 1 }, (_, number) => `0x${number.toString(16)}`)
  return Promise.all(
    numbers.map(async (number) => ({
      path: `block ${number}`,
      bytes: Buffer.from(JSON.stringify(await rpc('eth_getBlockByNumber', number, true))),
    })),
  )
}

const walletOf = (environment: Record<string, string>) =>
  openKeystore({
    path: environment.CRYNUX_KEYSTORE ?? '',
    password: readFileSync(environment.CRYNUX_PASSWORD_FILE ?? '', 'utf8').trimEnd(),
  })

/** The key inside a keystore (Web3 Secret Storage), opened without our own code. */
function privateKeyOf({ CRYNUX_KEYSTORE = '', CRYNUX_PASSWORD_FILE = '' }: Record<string, string>): Buffer {
  const { crypto } = JSON.parse(readFileSync(CRYNUX_KEYSTORE, 'utf8')) as {
    crypto: {
      ciphertext: string
      cipherparams: { iv: string }
      kdfparams: { salt: string; n: number; r: number; p: number }
    }
  }
  const { salt, n, r, p } = crypto.kdfparams
  const password = readFileSync(CRYNUX_PASSWORD_FILE, 'utf8').trimEnd()
  const key = scryptSync(password, Buffer.from(salt, 'hex'), 32, { N: n, r, p })
  const cipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), Buffer.from(crypto.cipherparams.iv, 'hex'))
  return Buffer.concat([cipher.update(Buffer.from(crypto.ciphertext, 'hex')), cipher.final()])
}

/** Command line and environment of a process; nothing where the system does not show them. */
const startOf = (pid: number): Sighting[] =>
  ['cmdline', 'environ'].flatMap((file) => {
    const path = `/proc/${pid}/${file}`
    return existsSync(path) ? [{ path, bytes: readFileSync(path) }] : []
  })
