/**
 * How a picture can be shown: as it is (`kitty`, `iterm2`), as coloured half blocks (`blocks`), the same in 256 colours
 * (`blocks256`), or not at all.
 */
export type PreviewForm = 'kitty' | 'iterm2' | 'blocks' | 'blocks256' | 'none'

type Environment = Readonly<Record<string, string | undefined>>

/** Which terminals know what; the first line that fits counts. */
const TERMINALS: readonly { fits(environment: Environment): boolean; form: PreviewForm }[] = [
  // Multiplexers pass coloured text, but not pictures.
  { fits: ({ TMUX, STY, TERM = '' }) => Boolean(TMUX || STY) || /^(screen|tmux)/.test(TERM), form: 'blocks256' },
  { fits: ({ KITTY_WINDOW_ID, TERM }) => Boolean(KITTY_WINDOW_ID) || TERM === 'xterm-kitty', form: 'kitty' },
  { fits: ({ TERM_PROGRAM, TERM }) => TERM_PROGRAM === 'ghostty' || TERM === 'xterm-ghostty', form: 'kitty' },
  // Konsole since 22.04.
  { fits: ({ KONSOLE_VERSION }) => Number(KONSOLE_VERSION ?? 0) >= 220400, form: 'kitty' },
  {
    fits: ({ TERM_PROGRAM = '', LC_TERMINAL }) =>
      ['iTerm.app', 'WezTerm', 'mintty'].includes(TERM_PROGRAM) || LC_TERMINAL === 'iTerm2',
    form: 'iterm2',
  },
  { fits: ({ TERM_PROGRAM }) => TERM_PROGRAM === 'Apple_Terminal', form: 'blocks256' },
  {
    fits: ({ COLORTERM = '', WT_SESSION, TERM_PROGRAM, TERM = '' }) =>
      /^(truecolor|24bit)$/.test(COLORTERM) || Boolean(WT_SESSION) || TERM_PROGRAM === 'vscode' || /direct/.test(TERM),
    form: 'blocks',
  },
  { fits: ({ TERM = '' }) => TERM.includes('256color'), form: 'blocks256' },
]

/** Decides from the environment; whether anything may be drawn at all is for {@link import('../canDraw.js').canDraw}. */
export function previewForm(environment: Environment): PreviewForm {
  const form = TERMINALS.find(({ fits }) => fits(environment))?.form ?? 'none'
  const truecolor = /^(truecolor|24bit)$/.test(environment.COLORTERM ?? '')
  return form === 'blocks256' && truecolor && environment.TERM_PROGRAM !== 'Apple_Terminal' ? 'blocks' : form
}
