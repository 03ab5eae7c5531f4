import { chmod } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../base/clock.js'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Logger } from '../../base/logger.js'
import { makeFolder } from '../../base/makeFolder.js'
import type { Wallet } from '../../protocol/wallet.js'
import { createFolderBlobStore } from '../../store/blobs/folderBlobStore.js'
import { createLibsqlRelayDatabase } from '../../store/relayDatabase/libsqlRelayDatabase.js'
import type { ChainFacts } from './chainFacts.js'
import { createRelayApp } from './createRelayApp.js'
import type { VerifyResultFiles } from './dispute.js'
import { createKeyedLock } from './keyedLock.js'
import { DEFAULT_RELAY_LIMITS, type RelayLimits } from './limits.js'
import { createReceipts } from './receipts.js'
import { startRelayMetrics } from './relayMetrics.js'
import { createRetention } from './retention.js'
import { createSignIn } from './signIn.js'
import { createTaskEvents } from './taskEvents.js'

const DRAIN_MS = 10_000

export type ServeRelayOptions = {
  chain: ChainFacts
  /** Signs the receipts; the chain must list its address. */
  wallet: Pick<Wallet, 'address' | 'account'>
  verifyResultFiles: VerifyResultFiles
  /** Holds `relay.sqlite` and `blobs/` unless those are named. */
  dataFolder: string
  databasePath?: string
  blobsFolder?: string
  listen: { host: string; port: number }
  /** What clients call it, and what they sign in to; default is where it listens. */
  publicUrl?: string
  /** Loopback port for Prometheus; 0 takes a free one. */
  metricsPort?: number
  limits?: Partial<RelayLimits>
  sweepEverySeconds?: number
  clock: Clock
  logger: Logger
  signal: AbortSignal
}

export type RunningRelay = {
  /** The public URL. */
  url: string
  /** Where it listens. */
  listenUrl: string
  metricsUrl: string | null
  /** Deletes now what the chain says is no longer needed. */
  sweep(): Promise<void>
  /** Ends streams, finishes requests, closes the database. Also done when the signal aborts. */
  close(): Promise<void>
}

/**
 * Runs a relay on any chain: libsql file, blob folder, one process. Resolves when it listens.
 *
 * @throws CannotListenError
 */
export async function serveRelay(options: ServeRelayOptions): Promise<RunningRelay> {
  const { chain, wallet, verifyResultFiles, dataFolder, clock, logger, sweepEverySeconds = 5 } = options
  const limits = { ...DEFAULT_RELAY_LIMITS, ...options.limits }
  await makeFolder(dataFolder, { mode: 0o700 })
  await chmod(dataFolder, 0o700)
  const database = createLibsqlRelayDatabase({ path: options.databasePath ?? join(dataFolder, 'relay.sqlite') })
  const blobs = await createFolderBlobStore({ folder: options.blobsFolder ?? join(dataFolder, 'blobs') })
  const removed = await blobs.removeUnknown(new Set(await database.listBlobs()))
  if (removed > 0) logger.info({ count: removed }, 'unfinished uploads of an earlier run removed')

  const stopping = new AbortController()
  const signal = AbortSignal.any([options.signal, stopping.signal])
  const lock = createKeyedLock()
  const retention = createRetention({ database, blobs, chain, clock, lock, logger })
  const events = createTaskEvents({ chain, database, logger, onTask: retention.apply })
  let url = options.publicUrl
  const metrics =
    options.metricsPort === undefined
      ? undefined
      : await startRelayMetrics({ port: options.metricsPort, eventStreams: () => events.count() })
  const app = createRelayApp(
    {
      relay: wallet.address,
      chain,
      database,
      blobs,
      receipts: createReceipts({
        account: wallet.account,
        domain: { chainId: chain.chainId, consensus: chain.consensus },
      }),
      signIn: createSignIn({ database, clock, chainId: chain.chainId, publicUrl: () => url ?? '' }),
      events,
      retention,
      lock,
      verifyResultFiles,
      limits,
      clock,
      logger,
      signal,
    },
    metrics ? { metrics } : {},
  )

  let inFlight = 0
  let reportIdle = () => {}
  app.server.on('request', (_request, response) => {
    inFlight++
    response.once('close', () => {
      if (--inFlight === 0) reportIdle()
    })
  })

  let closing: Promise<void> | undefined
  const sweeping = new AbortController()
  let sweeper: Promise<void> = Promise.resolve()
  const close = () => {
    closing ??= (async () => {
      stopping.abort()
      sweeping.abort()
      await closeServer(app, { clock, inFlight: () => inFlight, onIdle: (report) => (reportIdle = report) })
      await sweeper
      await metrics?.close()
      await database.scrub()
      await database.close()
    })()
    return closing
  }

  try {
    await app.listen(options.listen)
  } catch (cause) {
    await close()
    throw new CannotListenError(`the relay cannot listen on port ${options.listen.port}`, {
      remedy: 'Another program may use it; give --listen <host>:<port> with a free port, or port 0.',
      details: { port: options.listen.port },
      cause,
    })
  }
  const { port } = app.server.address() as AddressInfo
  const host = options.listen.host.includes(':') ? `[${options.listen.host}]` : options.listen.host
  const listenUrl = `http://${host}:${port}`
  url ??= listenUrl

  await retention.sweep()
  sweeper = sweepForEver({ retention, clock, logger, signal: sweeping.signal, everyMs: sweepEverySeconds * 1_000 })
  chain.watchBlocks({ signal, onBlock: () => events.wakeAll() })
  options.signal.addEventListener('abort', () => void close().catch(() => undefined), { once: true })
  if (options.signal.aborted) await close()
  return { url, listenUrl, metricsUrl: metrics?.url ?? null, sweep: retention.sweep, close }
}

/**
 * Takes no new connections, lets requests that are under way finish for a while, and ends the rest.
 * Node would wait for connections that are kept alive or have sent nothing yet.
 */
async function closeServer(
  app: FastifyInstance,
  { clock, inFlight, onIdle }: { clock: Clock; inFlight(): number; onIdle(report: () => void): void },
): Promise<void> {
  const idle = new AbortController()
  onIdle(() => idle.abort())
  const closed = app.close()
  if (inFlight() > 0) await clock.sleep(DRAIN_MS, idle.signal).catch(() => undefined)
  app.server.closeAllConnections()
  await closed
}

async function sweepForEver({
  retention,
  clock,
  logger,
  signal,
  everyMs,
}: {
  retention: { sweep(): Promise<void> }
  clock: Clock
  logger: Logger
  signal: AbortSignal
  everyMs: number
}): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      await retention.sweep()
    } catch (error) {
      logger.warn({ error }, 'sweep failed; will be tried again')
    }
  }
}

/** The address is taken or not ours: exit status 3. */
export class CannotListenError extends CrynuxError {
  override readonly code = 'CRYNUX_CANNOT_LISTEN'
  override readonly exitCode = EXIT.configuration
}
