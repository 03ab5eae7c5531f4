import type { Output } from './output.js'

export type WatchResultOptions<T> = {
  schema: string
  format(data: T): string
  /** Reads the present state. */
  read(): Promise<T>
  /** Calls back whenever the state may have changed, until the signal aborts. */
  onChange(options: { signal: AbortSignal; changed(): void }): void
  signal: AbortSignal
  /** False where there is no terminal to draw on: then each change is printed below the last. */
  isTerminal: boolean
}

/** Shows data again at each change: in place on a terminal, as JSON lines with --json, as blocks of text elsewhere. */
export async function watchResult<T>(output: Output, options: WatchResultOptions<T>): Promise<void> {
  const { schema, format, read, onChange, signal, isTerminal } = options
  const ending = new AbortController()
  const ended = AbortSignal.any([signal, ending.signal])
  const live =
    isTerminal && !output.json ? (await import('./liveText.js')).createLiveText({ hint: 'q quits' }) : undefined
  live?.closed.then(() => ending.abort())

  let shown = ''
  let due = true
  let wake = () => {}
  onChange({
    signal: ended,
    changed: () => {
      due = true
      wake()
    },
  })
  ended.addEventListener('abort', () => wake(), { once: true })
  try {
    while (!ended.aborted) {
      if (due) {
        due = false
        const data = await read()
        const text = format(data)
        if (live) live.show(text)
        else if (text !== shown) output.result(schema, data, format)
        shown = text
      }
      if (!due && !ended.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    ending.abort()
    live?.close()
  }
}
