import type { ModelSession, SessionStore } from '../session.js'

/** A session store that remembers what was opened through it, for the facts of one run. */
export function watchOpened(sessions: SessionStore): {
  sessions: SessionStore
  /** How the networks of this run were run; `partlyOnCpu` names those of which the device did not run everything. */
  facts(): Record<string, string | number>
} {
  const opened = new Set<ModelSession>()
  return {
    sessions: {
      ...sessions,
      async open(...args) {
        const session = await sessions.open(...args)
        opened.add(session)
        return session
      },
    },
    facts() {
      const shared = [...new Set([...opened].filter(({ partlyOnCpu }) => partlyOnCpu).map(({ file }) => file))].sort()
      return { ...sessions.pins, ...(shared.length > 0 ? { partlyOnCpu: shared.join(', ') } : {}) }
    },
  }
}
