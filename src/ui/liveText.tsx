import { Box, render, Text, useInput } from 'ink'

/** A text that is drawn again in place, until the user presses q or Ctrl-C. */
export type LiveText = {
  show(text: string): void
  /** Resolves when the user has had enough. */
  closed: Promise<void>
  close(): void
}

/** Draws on the terminal; only for a stdout and stdin that are terminals. */
export function createLiveText({ hint }: { hint: string }): LiveText {
  let finish = () => {}
  const closed = new Promise<void>((resolve) => {
    finish = resolve
  })
  // Ctrl-C must come here: the terminal is in raw mode, and sends no signal.
  const view = render(<Frame text="" hint={hint} onQuit={finish} />, { exitOnCtrlC: false })
  return {
    show: (text) => view.rerender(<Frame text={text} hint={hint} onQuit={finish} />),
    closed,
    close: () => {
      view.unmount()
      finish()
    },
  }
}

function Frame({ text, hint, onQuit }: { text: string; hint: string; onQuit(): void }) {
  useInput((input, key) => {
    if (input === 'q' || (key.ctrl && input === 'c')) onQuit()
  })
  return (
    <Box flexDirection="column">
      <Text>{text.trimEnd()}</Text>
      <Text dimColor>{hint}</Text>
    </Box>
  )
}
