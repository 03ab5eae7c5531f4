import { readSync } from 'node:fs'

/** Random access to the bytes of a file. */
export type ByteSource = {
  size: number
  /**
   * A view of `length` bytes, good until the next call.
   *
   * @throws RangeError when they lie outside of the file.
   */
  read(offset: number, length: number): Uint8Array
}

const WINDOW_BYTES = 1 << 16

/**
 * Reads an open file through a small window: the structure of a model is a few megabytes among gigabytes of weights, which are skipped.
 *
 * Synchronous, since it is read field by field in a process that does nothing else.
 */
export function createByteSource(descriptor: number, size: number): ByteSource {
  let window = new Uint8Array(0)
  let start = 0
  return {
    size,
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) throw new RangeError('bytes outside of the file')
      if (offset < start || offset + length > start + window.length) {
        window = new Uint8Array(Math.min(Math.max(length, WINDOW_BYTES), size - offset))
        start = offset
        for (let done = 0; done < window.length; ) {
          const count = readSync(descriptor, window, done, window.length - done, offset + done)
          if (count === 0) throw new RangeError('the file became shorter')
          done += count
        }
      }
      return window.subarray(offset - start, offset - start + length)
    },
  }
}
