import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { InvalidInputError } from '../../base/errors.js'
import { makeFolder } from '../../base/makeFolder.js'
import { packageRoot } from '../../base/packageRoot.js'

/** Where everything of one devnet is. */
export type DevnetFolder = {
  path: string
  /** The user wants it after the end. */
  kept: boolean
  /** anvil's log and home, the owner's keystore, the network profile. */
  chain: string
  relay: string
  app: string
  /** Temporary files of our processes. */
  temporary: string
  /** Holds `crynux`, the very program that runs now; comes first in the PATH of commands that run in the devnet. */
  programs: string
  profile: string
  /** What runs where, for scripts: see DevnetDescription. */
  description: string
  /** A node's folder; the first node is 1. */
  node(number: number): string
  /** Deletes everything, unless it is to be kept. */
  remove(): Promise<void>
}

/**
 * Makes the folders of a devnet, readable by this user only.
 *
 * @throws InvalidInputError when `keep` names a folder that has something in it.
 */
export async function createDevnetFolder({ keep }: { keep?: string | undefined }): Promise<DevnetFolder> {
  const path = keep === undefined ? await mkdtemp(join(tmpdir(), 'crynux-devnet-')) : await createKept(resolve(keep))
  const folder: DevnetFolder = {
    path,
    kept: keep !== undefined,
    chain: join(path, 'chain'),
    relay: join(path, 'relay'),
    app: join(path, 'app'),
    temporary: join(path, 'tmp'),
    programs: join(path, 'bin'),
    profile: join(path, 'chain', 'network.json'),
    description: join(path, 'devnet.json'),
    node: (number) => join(path, `node-${number}`),
    remove: async () => {
      if (keep === undefined) await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
  for (const each of [folder.chain, folder.relay, folder.app, folder.temporary, folder.programs]) {
    await makeFolder(each, { mode: 0o700 })
  }
  await writeProgram(join(folder.programs, 'crynux'))
  return folder
}

async function createKept(path: string): Promise<string> {
  await makeFolder(path, { mode: 0o700 })
  if ((await readdir(path)).length > 0) {
    throw new InvalidInputError(`the folder '${path}' is not empty`, {
      remedy: 'Give --keep a new or an empty folder: a devnet always begins with a new chain.',
    })
  }
  return path
}

/** The program itself, so that tests and users start the same file. */
export const crynuxProgram: string = join(packageRoot, 'bin', 'crynux.js')

async function writeProgram(path: string): Promise<void> {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  await writeFile(path, `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(crynuxProgram)} "$@"\n`)
  await chmod(path, 0o700)
}
