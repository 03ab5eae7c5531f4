import { pino } from 'pino'

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

/**
 * Logs to stderr as JSON lines, or readably when `pretty`.
 *
 * An error is reduced to its name and stable code (and its message for our own errors, whose messages are written to be shown):
 * messages of foreign errors can quote a request, and with it a prompt or an address.
 */
export async function createLogger(options: { level: LogLevel; pretty: boolean }): Promise<Logger> {
  const settings = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const destination = options.pretty
    ? (await import('pino-pretty')).default({
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        translateTime: 'HH:MM:ss',
      })
    : pino.destination({ fd: 2, sync: true })
  const target = pino(settings, destination)
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
    target[level](allowed(fields), message)
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
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
