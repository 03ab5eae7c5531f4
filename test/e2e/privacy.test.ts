import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { encryptionKeyFromSecret } from '../../src/protocol/encryptionKey.js'
import type { SubmitResult } from '../../src/roles/app/taskReport.js'
import { openKeystore } from '../../src/store/keystore.js'
import { dataOf, withDevnet } from '../helpers/devnet.js'

const hasAge = spawnSync('age', ['--version'], { stdio: 'ignore' }).status === 0

/** Words that occur in the prompt and nowhere else. */
const MARKER = 'zanzibarquokka'
const PROMPT = `a big red circle on a blue background ${MARKER}`
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')

/** Every version of every file below a folder that was ever seen, by content. */
function createSightings(folder: string) {
  const seen = new Map<string, { path: string; bytes: Buffer }>()
  return {
    seen,
    look: () => {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue
        const path = join(entry.parentPath, entry.name)
        try {
          const bytes = readFileSync(path)
          seen.set(`${path}\n${createHash('sha256').update(bytes).digest('hex')}`, { path, bytes })
        } catch {
          // Deleted between listing and reading: what it held was seen before or is read in another file.
        }
      }
    },
  }
}

/** Pieces of the picture's compressed pixels; any of them anywhere would be a copy of a part of the picture. */
function piecesOf(picture: Buffer): Buffer[] {
  const start = picture.indexOf('IDAT') + 4
  const pieces: Buffer[] = []
  for (let at = start; at + 16 <= picture.length - 16; at += 512) pieces.push(picture.subarray(at, at + 16))
  return pieces
}

afterAll(() => {
  if (!hasAge) process.stderr.write('\nNOTICE: the age program is not installed, so its test was skipped\n')
})

it(
  'the relay never holds the prompt or the picture, and nothing at all after the acknowledgement',
  () =>
    withDevnet(['--bytecode'], async (devnet) => {
      const { relay } = devnet.description()
      const sightings = createSightings(relay.folder)
      const submitted = devnet.start([
        ...['task', 'submit', '--prompt', PROMPT, '--out', 'picture.png', '--key', 'private', '--json'],
      ])
      let ended = false
      void submitted.finished.finally(() => {
        ended = true
      })
      while (!ended) {
        sightings.look()
        await delay(20)
      }
      const task = dataOf<SubmitResult>(await submitted.finished)
      sightings.look()
      const picture = readFileSync(join(devnet.scratch, 'picture.png'))
      expect(task.deletion).not.toBeNull()

      // There was something to be found: the sealed arguments and the sealed picture went through the relay's folder.
      const blobs = [...sightings.seen.values()].filter(({ bytes }) => bytes.includes('age-encryption.org/v1'))
      expect(new Set(blobs.map(({ path }) => path)).size).toBeGreaterThanOrEqual(2)
      const forbidden = [Buffer.from(MARKER), Buffer.from(MARKER).toString('base64').slice(0, 16), PNG_SIGNATURE]
      const pieces = piecesOf(picture)
      expect(pieces.length).toBeGreaterThan(4)
      for (const { path, bytes } of sightings.seen.values()) {
        for (const each of [...forbidden, ...pieces]) {
          expect(bytes.includes(each), `${path} holds ${each.toString('hex')}`).toBe(false)
        }
      }

      // Now: no blob, and no row of the task in any table, nor a trace of it in the database's pages.
      const after = createSightings(relay.folder)
      after.look()
      const now = [...after.seen.values()]
      expect(now.filter(({ path }) => path.startsWith(join(relay.folder, 'blobs')))).toEqual([])
      const databases = now.filter(({ path }) => /\.sqlite/.test(path))
      expect(databases.length).toBeGreaterThan(0)
      const id = Buffer.from(task.taskId.slice(2), 'hex')
      for (const { path, bytes } of databases) {
        expect(bytes.includes(id), path).toBe(false)
        expect(bytes.includes(task.taskId.slice(2)), path).toBe(false)
      }

      // Nodes and the chain do not know the words either: no log, no file, no transaction.
      for (const folder of [...devnet.nodes.map((node) => node.folder), join(devnet.folder, 'chain')]) {
        const files = createSightings(folder)
        files.look()
        for (const { path, bytes } of files.seen.values()) expect(bytes.includes(MARKER), path).toBe(false)
      }
    }),
  120_000,
)

it.skipIf(!hasAge)(
  'the standard age program opens the sealed files, each with its own key',
  () =>
    withDevnet(['--bytecode'], async (devnet) => {
      const { relay } = devnet.description()
      const sightings = createSightings(join(relay.folder, 'blobs'))
      const submitted = devnet.start([
        ...['task', 'submit', '--prompt', PROMPT, '--out', 'picture.png', '--key', 'interop', '--json'],
      ])
      let ended = false
      void submitted.finished.finally(() => {
        ended = true
      })
      while (!ended) {
        sightings.look()
        await delay(20)
      }
      const task = dataOf<SubmitResult>(await submitted.finished)

      const walletOf = async (environment: Record<string, string>) =>
        openKeystore({
          path: environment.CRYNUX_KEYSTORE ?? '',
          password: readFileSync(environment.CRYNUX_PASSWORD_FILE ?? '', 'utf8').trimEnd(),
        })
      const open = (sealed: Buffer, identity: string): Buffer | null => {
        const key = join(devnet.scratch, 'key.txt')
        writeFileSync(key, `${identity}\n`, { mode: 0o600 })
        try {
          return execFileSync('age', ['--decrypt', '-i', key], { input: sealed, stdio: ['pipe', 'pipe', 'ignore'] })
        } catch {
          return null
        }
      }
      const sealed = [...sightings.seen.values()].map(({ bytes }) => bytes)
      const opened = (identity: string) => sealed.flatMap((bytes) => open(bytes, identity) ?? [])

      // Each drawn node's key opens the arguments.
      for (const node of devnet.nodes) {
        const secret = (await walletOf(node.environment)).deriveSecret({ use: 'node encryption key' })
        const texts = opened(encryptionKeyFromSecret(secret).identity).map((bytes) => bytes.toString('utf8'))
        expect(texts.some((text) => text.includes(MARKER) && text.includes('resultRecipient'))).toBe(true)
      }
      // The application's one-task key opens the picture.
      const app = await walletOf(devnet.environment)
      const secret = app.deriveSecret({ use: 'result key', taskId: task.taskId })
      const pictures = opened(encryptionKeyFromSecret(secret).identity)
      expect(pictures.some((bytes) => bytes.equals(readFileSync(join(devnet.scratch, 'picture.png'))))).toBe(true)
    }),
  120_000,
)
