import { isAbsolute, join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { withContext } from '../../context.js'
import { parseRelayUrl } from '../options/relayUrl.js'

/** `crynux relay serve` */
export const relayServeCommand = () =>
  new Command('serve')
    .description('Carry sealed arguments and results between applications and nodes, until stopped')
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0 takes a free one')
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 8080 }, '127.0.0.1:8080'),
    )
    .option('--database <url>', 'file:<path> of the database (default: relay.sqlite in the data folder)', parseDatabase)
    .option('--blobs <folder>', 'where sealed files lie (default: blobs/ in the data folder)')
    .option(
      '--public-url <url>',
      'how clients reach it, as registered on chain (default: where it listens)',
      parseRelayUrl,
    )
    .option('--metrics <port>', 'serve Prometheus metrics on this loopback port', parsePort)
    .addHelpText(
      'after',
      `
The wallet signs the receipts: the network's owner must have listed its address (contracts set-relay).

Examples:
  $ crynux relay serve --keystore relay.json --password-file relay.pw --network network.json --public-url https://relay.example
  $ crynux relay serve --listen 127.0.0.1:0 --database file:/var/lib/crynux/relay.sqlite --blobs /var/lib/crynux/blobs`,
    )
    .action(async (options: ServeOptions, command: Command) => {
      const { startRelay } = await import('../../roles/relay/server.js')
      await withContext(command, async ({ chain, wallet, clock, logger, signal, dataFolder, output }) => {
        const [reader, signer] = await Promise.all([chain(), wallet()])
        const relay = await startRelay({
          chain: reader,
          wallet: signer,
          dataFolder,
          listen: options.listen,
          ...(options.database === undefined ? {} : { databasePath: options.database }),
          ...(options.blobs === undefined ? {} : { blobsFolder: resolve(options.blobs) }),
          ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
          ...(options.metrics === undefined ? {} : { metricsPort: options.metrics }),
          clock,
          logger,
          signal,
        })
        try {
          const { url, listenUrl, metricsUrl } = relay
          const data = { url, listenUrl, address: signer.address, metricsUrl }
          if (output.json) output.result('crynux.relay-serve/v1', data, () => '')
          output.note(`relay ${signer.address} serves ${url}${listenUrl === url ? '' : `, listening on ${listenUrl}`}`)
          await untilAborted(signal)
        } finally {
          await relay.close()
        }
      })
    })

type ServeOptions = {
  listen: { host: string; port: number }
  database?: string
  blobs?: string
  publicUrl?: string
  metrics?: number
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (!match || host === undefined) {
    throw new InvalidInputError(`'${text}' is no place to listen`, {
      remedy: 'Write <host>:<port>, e.g. 127.0.0.1:8080 or [::1]:0.',
    })
  }
  return { host, port: parsePort(match[3] ?? '') }
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new InvalidInputError(`'${text}' is no port`, { remedy: 'Write a number from 0 to 65535.' })
}

function parseDatabase(text: string): string {
  const path = /^file:(?:\/\/(?=\/))?(.+)$/.exec(text)?.[1]
  if (path === undefined) {
    throw new InvalidInputError(`'${text}' is no database that this relay knows`, {
      remedy: 'Write file:<path>, e.g. file:./relay.sqlite.',
    })
  }
  return isAbsolute(path) ? path : join(process.cwd(), path)
}
