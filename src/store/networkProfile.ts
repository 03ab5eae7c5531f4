import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder } from '../base/makeFolder.js'
import {
  InvalidNetworkProfileError,
  type NetworkProfile,
  networkProfileText,
  parseNetworkProfile,
} from '../protocol/networkProfile.js'

/**
 * Reads a network profile file.
 *
 * @throws InvalidNetworkProfileError (exit 3) when it is missing, not JSON, or not a profile.
 */
export async function loadNetworkProfile(path: string): Promise<NetworkProfile> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw new InvalidNetworkProfileError(`the network profile '${path}' ${reason}`, {
      remedy:
        "Name an existing profile with --network; ask the network's operator for it, or write one with `crynux contracts deploy`.",
      cause,
    })
  }
  return parseNetworkProfile(value)
}

/** Writes a network profile: whoever reads the file at the same time sees the old one or the new one, never a part. */
export async function saveNetworkProfile(path: string, profile: NetworkProfile): Promise<void> {
  await makeFolder(dirname(path))
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    // 0600: rpcUrl may hold an access key.
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(networkProfileText(profile))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
