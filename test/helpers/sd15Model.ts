import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { packageRoot } from '../../src/base/packageRoot.js'
import { createSessionStore, type SessionStore } from '../../src/core/inference/session.js'

export const sd15Vectors = join(packageRoot, 'test/vectors/sd15')

/** The model that the golden pipeline data was computed with. */
export const sd15Model = { id: 'golden/sd15-tiny', path: join(sd15Vectors, 'sd15-tiny') }

/** Sessions of the runtime, in the test's own process. */
export const openSessions = (): SessionStore => createSessionStore(ort)

export { ort }
