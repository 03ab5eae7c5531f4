import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type HubRequest = { path: string; range: string | undefined; authorization: string | undefined; host: string }

/** Answers one request in its own way. */
export type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer) => void

export type ModelHub = {
  origin: string
  requests: HubRequest[]
  /** Puts a model there; the commit is a hash of its files. */
  publish(id: string, files: Record<string, Buffer | string>): string
  /** The next requests whose path ends so are answered by these, one each. */
  fail(ending: string, ...faults: Fault[]): void
  /** Forgets the faults that are still to come. */
  clearFaults(): void
  /** Every connection is broken, and further ones are refused. */
  disappear(): Promise<void>
  /** Back at the same address. */
  comeBack(): Promise<void>
  close(): Promise<void>
}

export const sha256 = (content: Buffer | string): string => createHash('sha256').update(content).digest('hex')
export const gitHash = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')

/** Files of this size and more are stored apart, and redirected to, as large files are on the real hub. */
const LARGE = 4096

/** A hub on this machine that speaks the part of Hugging Face's protocol that a download needs. */
export async function createModelHub(): Promise<ModelHub> {
  const models = new Map<string, { commit: string; files: Map<string, Buffer> }>()
  const contents = new Map<string, Buffer>()
  const faults: { ending: string; fault: Fault }[] = []
  const requests: HubRequest[] = []
  let server = createServer(answer)

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '')
    const { range, authorization, host = '' } = request.headers
    requests.push({ path, range, authorization, host })
    const content = contentOf(path)
    const index = faults.findIndex(({ ending }) => path.endsWith(ending))
    const [fault] = index < 0 ? [] : faults.splice(index, 1)
    if (fault) {
      fault.fault(request, response, content ?? Buffer.alloc(0))
      return
    }
    const api = /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(path)
    if (api) answerList(response, api[1] ?? '', api[2] ?? '')
    else if (content === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
    } else if (path.includes('/resolve/') && content.length >= LARGE) {
      response.writeHead(302, { location: `/cdn/${sha256(content)}` }).end()
    } else serve(request, response, content)
  }

  function contentOf(path: string): Buffer | undefined {
    if (path.startsWith('/cdn/')) return contents.get(path.slice(5))
    const match = /^\/(.+)\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(path)
    return models.get(match?.[1] ?? '')?.files.get(match?.[2] ?? '') ?? contents.get(path)
  }

  function answerList(response: ServerResponse, id: string, revision: string): void {
    const model = models.get(id)
    if (!model) {
      response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end('{}')
      return
    }
    if (revision !== 'main' && revision !== model.commit && revision !== 'v2') {
      response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end('{}')
      return
    }
    const siblings = [...model.files].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: gitHash(content),
      ...(content.length >= LARGE ? { lfs: { sha256: sha256(content), size: content.length, pointerSize: 130 } } : {}),
    }))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha: model.commit, siblings }))
  }

  await listen(server, 0)
  const { port } = server.address() as AddressInfo

  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    publish(id, files) {
      const buffers = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]))
      for (const content of buffers.values()) contents.set(sha256(content), content)
      const commit = createHash('sha1')
        .update(JSON.stringify([...buffers].map(([path, content]) => [path, sha256(content)])))
        .digest('hex')
      models.set(id, { commit, files: buffers })
      return commit
    },
    fail(ending, ...list) {
      for (const fault of list) faults.push({ ending, fault })
    },
    clearFaults: () => void faults.splice(0),
    disappear: () => closeServer(server),
    async comeBack() {
      server = createServer(answer)
      await listen(server, port)
    },
    close: () => closeServer(server),
  }
}

/** Answers with the content, or the part of it that is asked for, as a careful server does. */
export function serve(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  headers: Record<string, string> = {},
): void {
  const etag = `"${sha256(content)}"`
  const ifRange = request.headers['if-range']
  const from = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  if (!from || (ifRange !== undefined && ifRange !== etag)) {
    response.writeHead(200, { etag, 'content-length': content.length, ...headers }).end(content)
    return
  }
  const start = Number(from[1])
  const end = from[2] ? Math.min(Number(from[2]), content.length - 1) : content.length - 1
  if (start >= content.length) {
    response.writeHead(416).end()
    return
  }
  const contentRange = `bytes ${start}-${end}/${content.length}`
  const part = content.subarray(start, end + 1)
  response.writeHead(206, { etag, 'content-range': contentRange, 'content-length': part.length, ...headers }).end(part)
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
