import { createRequire } from 'node:module'
import type { Logger as PinoLogger } from 'pino'

/** The part of pino that the program uses. Prompts, keys and addresses of machines are never passed to it. */
export type Logger = {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Only these fields are written; everything else is dropped, so that a new field must be thought about before it can leak. */
export type LogFields = {
  error?: unknown
  taskId?: string
  node?: string
  relay?: string
  creator?: string
  transaction?: string
  step?: string
  state?: string
  outcome?: string | number
  block?: string | number
  durationMs?: number
  attempts?: number
  count?: number
  bytes?: number
  status?: number
  route?: string
  method?: string
  code?: string
  model?: string
  device?: string
  port?: number
  pid?: number
  reason?: string
}

const ALLOWED: ReadonlySet<string> = new Set([
  'taskId',
  'node',
  'relay',
  'creator',
  'transaction',
  'step',
  'state',
  'outcome',
  'block',
  'durationMs',
  'attempts',
  'count',
  'bytes',
  'status',
  'route',
  'method',
  'code',
  'model',
  'device',
  'port',
  'pid',
  'reason',
])

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

const SEVERITY: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 }

/**
 * Logs to stderr as JSON lines, or readably when `pretty`.
 *
 * An error is reduced to its name and stable code (and its message for our own errors, whose messages are written to be shown):
 * messages of foreign errors can quote a request, and with it a prompt or an address.
 */
export function createLogger(options: { level: LogLevel; pretty: boolean }): Logger {
  let target: PinoLogger | undefined
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) => {
    if (SEVERITY[level] < SEVERITY[options.level]) return
    target ??= createTarget(options)
    target[level](allowed(fields), message)
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** Loads pino with the first line that is written: most commands write none, and start the sooner. */
function createTarget({ level, pretty }: { level: LogLevel; pretty: boolean }): PinoLogger {
  const load = createRequire(import.meta.url)
  const { pino } = load('pino') as typeof import('pino')
  const destination = pretty
    ? (load('pino-pretty') as typeof import('pino-pretty'))({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        translateTime: 'HH:MM:ss',
      })
    : pino.destination({ fd: 2, sync: true })
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
}

/** Drops everything; for tests and library use. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function allowed(fields: LogFields): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (ALLOWED.has(name) && value !== undefined) kept[name] = value
  }
  if (fields.error !== undefined) kept.error = describeError(fields.error)
  return kept
}

function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const ours = code?.startsWith('CRYNUX_') ?? false
  return { name: error.name, ...(code ? { code } : {}), ...(ours ? { message: error.message } : {}) }
}
