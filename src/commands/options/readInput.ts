import { readFile, stat } from 'node:fs/promises'
import { InvalidInputError } from '../../base/errors.js'

/** Task arguments with a control picture inside stay well below this. */
const MAXIMUM_BYTES = 32 * 1024 * 1024

/**
 * Reads a text file that the user named, or standard input for `-`.
 *
 * @throws InvalidInputError when it cannot be read or is too large to be task arguments.
 */
export async function readInput(path: string): Promise<string> {
  if (path === '-') return readStandardInput()
  try {
    if ((await stat(path)).size > MAXIMUM_BYTES) throw tooLarge(`'${path}'`)
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw cause
    throw new InvalidInputError(`'${path}' cannot be read`, { remedy: 'Check the path and its permissions.', cause })
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAXIMUM_BYTES) throw tooLarge('standard input')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const tooLarge = (what: string) =>
  new InvalidInputError(`${what} is larger than ${MAXIMUM_BYTES / 1024 / 1024} MiB`, {
    remedy: 'Give one JSON object with task arguments.',
  })
