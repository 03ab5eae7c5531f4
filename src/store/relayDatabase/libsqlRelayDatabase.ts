import { closeSync, constants, openSync } from 'node:fs'
import Libsql from 'libsql'
import { CrynuxError, EXIT } from '../../base/errors.js'
import type { Address, Hex } from '../../base/hex.js'
import type { HeldTask, RelayDatabase, Seal, StoredFile, StoredResult } from './relayDatabase.js'

/**
 * Nonces and sessions live in temporary tables, which SQLite keeps in memory only: they cost no disk write, leave no trace,
 * and end with the process. The rest is on disk; STRICT, so that a wrong type fails at once.
 */
const SCHEMA = `
  CREATE TEMP TABLE nonces (nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
  CREATE TEMP TABLE sessions (token_hash TEXT PRIMARY KEY, address TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS arguments (
    task_id TEXT PRIMARY KEY,
    blob TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, stored_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS argument_draws (task_id TEXT PRIMARY KEY, draw TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS results (
    task_id TEXT NOT NULL, uploader TEXT NOT NULL, file_index INTEGER NOT NULL,
    blob TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, stored_at INTEGER NOT NULL,
    PRIMARY KEY (task_id, uploader, file_index)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS seals (
    task_id TEXT NOT NULL, uploader TEXT NOT NULL,
    result_digest TEXT NOT NULL, size_bytes INTEGER NOT NULL, sealed_at INTEGER NOT NULL,
    PRIMARY KEY (task_id, uploader)
  ) STRICT;
`

const PRAGMAS = [
  'locking_mode=EXCLUSIVE',
  'journal_mode=WAL',
  'synchronous=FULL',
  'secure_delete=ON',
  'temp_store=MEMORY',
] as const

type ArgumentsRow = { task_id: Hex; stored_at: number }
type ResultsRow = { task_id: Hex; uploader: Address; newest: number }
type FileRow = { blob: string; size_bytes: number; sha256: Hex; stored_at: number }

/**
 * Opens (or makes) the relay's database in one SQLite file, readable by its owner only.
 *
 * The lock is exclusive: one connection in one process, because this SQLite is older than the repair of a race between two
 * connections and a checkpoint. WAL with `synchronous=FULL`: what was answered survives a power failure.
 *
 * @throws DatabaseUnusableError
 */
export function createLibsqlRelayDatabase({ path }: { path: string }): RelayDatabase {
  const connection = openFile(path)

  const statements = new Map<string, Libsql.Statement<unknown[]>>()
  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known) return known
    const made = connection.prepare<unknown[]>(sql)
    statements.set(sql, made)
    return made
  }
  const run = (sql: string, ...values: unknown[]) => prepared(sql).run(...values)
  const one = <Row>(sql: string, ...values: unknown[]) => prepared(sql).get(...values) as Row | undefined
  const all = <Row>(sql: string, ...values: unknown[]) => prepared(sql).all(...values) as Row[]
  const atomically = <T>(work: () => T): T => {
    let result: T | undefined
    connection.transaction(() => {
      result = work()
    })()
    return result as T
  }
  const fileOf = (row: FileRow): StoredFile => ({
    blob: row.blob,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    storedAt: row.stored_at,
  })

  return {
    addNonce: async (nonce, expiresAt) => {
      run('INSERT INTO nonces VALUES (?, ?)', nonce, expiresAt)
    },
    takeNonce: async (nonce, now) => {
      const row = one<{ expires_at: number }>('SELECT expires_at FROM nonces WHERE nonce = ?', nonce)
      if (!row) return false
      run('DELETE FROM nonces WHERE nonce = ?', nonce)
      return row.expires_at > now
    },
    addSession: async ({ tokenHash, address, expiresAt }) => {
      run('INSERT INTO sessions VALUES (?, ?, ?)', tokenHash, address, expiresAt)
    },
    findSession: async (tokenHash, now) => {
      const row = one<{ address: Address; expires_at: number }>(
        'SELECT address, expires_at FROM sessions WHERE token_hash = ?',
        tokenHash,
      )
      return row && row.expires_at > now ? { address: row.address, expiresAt: row.expires_at } : null
    },
    removeSession: async (tokenHash) => {
      run('DELETE FROM sessions WHERE token_hash = ?', tokenHash)
    },
    removeExpired: async (now) => {
      run('DELETE FROM nonces WHERE expires_at <= ?', now)
      run('DELETE FROM sessions WHERE expires_at <= ?', now)
    },

    findArguments: async (taskId) => {
      const row = one<FileRow & { draw: string | null }>(
        'SELECT * FROM arguments LEFT JOIN argument_draws USING (task_id) WHERE task_id = ?',
        taskId,
      )
      return row ? { ...fileOf(row), draw: row.draw } : null
    },
    addArguments: async (taskId, file) => {
      const { blob, sizeBytes, sha256, storedAt, draw } = file
      atomically(() => {
        run('INSERT INTO arguments VALUES (?, ?, ?, ?, ?)', taskId, blob, sizeBytes, sha256, storedAt)
        run('INSERT INTO argument_draws VALUES (?, ?)', taskId, draw)
      })
    },
    removeArguments: async (taskId) =>
      atomically(() => {
        const rows = all<{ blob: string }>('SELECT blob FROM arguments WHERE task_id = ?', taskId)
        if (rows.length > 0) run('DELETE FROM arguments WHERE task_id = ?', taskId)
        if (rows.length > 0) run('DELETE FROM argument_draws WHERE task_id = ?', taskId)
        return rows.map((row) => row.blob)
      }),

    listResults: async (taskId, uploader) =>
      all<FileRow & { file_index: number }>(
        'SELECT * FROM results WHERE task_id = ? AND uploader = ? ORDER BY file_index',
        taskId,
        uploader,
      ).map((row): StoredResult => ({ ...fileOf(row), index: row.file_index })),
    putResult: async (taskId, uploader, file) =>
      atomically(() => {
        const replaced = one<{ blob: string }>(
          'SELECT blob FROM results WHERE task_id = ? AND uploader = ? AND file_index = ?',
          taskId,
          uploader,
          file.index,
        )
        run(
          'INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)',
          taskId,
          uploader,
          file.index,
          file.blob,
          file.sizeBytes,
          file.sha256,
          file.storedAt,
        )
        return replaced?.blob ?? null
      }),
    findSeal: async (taskId, uploader) => {
      const row = one<{ result_digest: Hex; size_bytes: number; sealed_at: number }>(
        'SELECT * FROM seals WHERE task_id = ? AND uploader = ?',
        taskId,
        uploader,
      )
      return row ? { resultDigest: row.result_digest, sizeBytes: row.size_bytes, sealedAt: row.sealed_at } : null
    },
    addSeal: async (taskId, uploader, seal: Seal) => {
      run(
        'INSERT INTO seals VALUES (?, ?, ?, ?, ?)',
        taskId,
        uploader,
        seal.resultDigest,
        seal.sizeBytes,
        seal.sealedAt,
      )
    },
    removeResults: async (taskId, uploader) =>
      atomically(() => {
        const rows = all<{ blob: string }>(
          'SELECT blob FROM results WHERE task_id = ? AND uploader = ?',
          taskId,
          uploader,
        )
        run('DELETE FROM results WHERE task_id = ? AND uploader = ?', taskId, uploader)
        run('DELETE FROM seals WHERE task_id = ? AND uploader = ?', taskId, uploader)
        return rows.map((row) => row.blob)
      }),

    listTasks: async () =>
      heldTasks(
        all<ArgumentsRow>('SELECT task_id, stored_at FROM arguments'),
        all<ResultsRow>('SELECT task_id, uploader, max(stored_at) AS newest FROM results GROUP BY task_id, uploader'),
      ),
    findTask: async (taskId) =>
      heldTasks(
        all<ArgumentsRow>('SELECT task_id, stored_at FROM arguments WHERE task_id = ?', taskId),
        all<ResultsRow>(
          'SELECT task_id, uploader, max(stored_at) AS newest FROM results WHERE task_id = ? GROUP BY task_id, uploader',
          taskId,
        ),
      )[0] ?? null,
    removeTask: async (taskId) =>
      atomically(() => {
        const rows = all<{ blob: string }>(
          'SELECT blob FROM arguments WHERE task_id = ?1 UNION ALL SELECT blob FROM results WHERE task_id = ?1',
          taskId,
        )
        run('DELETE FROM argument_draws WHERE task_id = ?', taskId)
        run('DELETE FROM arguments WHERE task_id = ?', taskId)
        run('DELETE FROM results WHERE task_id = ?', taskId)
        run('DELETE FROM seals WHERE task_id = ?', taskId)
        return rows.map((row) => row.blob)
      }),
    listBlobs: async () =>
      all<{ blob: string }>('SELECT blob FROM arguments UNION ALL SELECT blob FROM results').map((row) => row.blob),
    scrub: async () => {
      // secure_delete has overwritten the pages in the log; the checkpoint brings them into the file and empties the log.
      connection.pragma('wal_checkpoint(TRUNCATE)')
    },
    check: async () => {
      one('SELECT 1 AS one')
    },
    close: async () => {
      if (!connection.open) return
      // libsql keeps the file open until its statements are collected as garbage, so the lock is given back by hand; SQLite
      // can leave exclusive locking only outside of WAL mode, and at the next read.
      statements.clear()
      for (const pragma of ['journal_mode=DELETE', 'locking_mode=NORMAL', 'user_version']) connection.pragma(pragma)
      connection.close()
    },
  }
}

function heldTasks(argumentRows: ArgumentsRow[], resultRows: ResultsRow[]): HeldTask[] {
  const tasks = new Map<Hex, HeldTask>()
  const taskOf = (taskId: Hex): HeldTask => {
    const task = tasks.get(taskId) ?? { taskId, arguments: null, results: [] }
    tasks.set(taskId, task)
    return task
  }
  for (const row of argumentRows) taskOf(row.task_id).arguments = { storedAt: row.stored_at }
  for (const row of resultRows) taskOf(row.task_id).results.push({ uploader: row.uploader, storedAt: row.newest })
  return [...tasks.values()]
}

function openFile(path: string): Libsql.Database {
  try {
    // SQLite would create it with the process's umask; its -wal file takes over the mode of the main file.
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600))
    const connection = new Libsql(path)
    try {
      for (const pragma of PRAGMAS) connection.pragma(pragma)
      connection.exec(SCHEMA)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const inUse = code.startsWith('SQLITE_BUSY')
    throw new DatabaseUnusableError(
      `the relay's database '${path}' ${inUse ? 'is in use' : `cannot be used (${code})`}`,
      {
        remedy: inUse
          ? 'Another relay runs on it: stop that one, or give this one its own --database or --data-dir.'
          : 'Check that its folder exists and belongs to this user, and that the file is a database of a relay.',
        details: { code },
        cause,
      },
    )
  }
}

/** The file is in use, not ours to open, or no database: exit status 3. */
export class DatabaseUnusableError extends CrynuxError {
  override readonly code = 'CRYNUX_DATABASE_UNUSABLE'
  override readonly exitCode = EXIT.configuration
}
