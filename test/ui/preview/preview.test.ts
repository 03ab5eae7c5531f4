import { describe, expect, test } from 'vitest'
import { canDraw } from '../../../src/ui/canDraw.js'
import { encodeHalfBlocks } from '../../../src/ui/preview/encodeHalfBlocks.js'
import { encodeIterm2 } from '../../../src/ui/preview/encodeIterm2.js'
import { encodeKitty } from '../../../src/ui/preview/encodeKitty.js'
import { encodePreview } from '../../../src/ui/preview/encodePreview.js'
import { type PreviewForm, previewForm } from '../../../src/ui/preview/previewForm.js'
import { previewSize } from '../../../src/ui/preview/previewSize.js'

describe('which form a terminal can show', () => {
  test.each<[string, Record<string, string>, PreviewForm]>([
    ['kitty', { TERM: 'xterm-kitty' }, 'kitty'],
    ['kitty with another TERM', { TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' }, 'kitty'],
    ['Ghostty', { TERM: 'xterm-ghostty' }, 'kitty'],
    ['Konsole', { TERM: 'xterm-256color', COLORTERM: 'truecolor', KONSOLE_VERSION: '220401' }, 'kitty'],
    ['an old Konsole', { TERM: 'xterm-256color', COLORTERM: 'truecolor', KONSOLE_VERSION: '211200' }, 'blocks'],
    ['iTerm2', { TERM: 'xterm-256color', TERM_PROGRAM: 'iTerm.app', COLORTERM: 'truecolor' }, 'iterm2'],
    ['iTerm2 over ssh', { TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' }, 'iterm2'],
    ['WezTerm', { TERM: 'xterm-256color', TERM_PROGRAM: 'WezTerm', COLORTERM: 'truecolor' }, 'iterm2'],
    ['mintty', { TERM: 'xterm-256color', TERM_PROGRAM: 'mintty' }, 'iterm2'],
    ['tmux within kitty', { TERM: 'tmux-256color', TMUX: '/tmp/x', KITTY_WINDOW_ID: '1' }, 'blocks256'],
    ['tmux with all colours', { TERM: 'screen-256color', TMUX: '/tmp/x', COLORTERM: 'truecolor' }, 'blocks'],
    ['screen', { TERM: 'screen.xterm-256color', STY: '1.pts' }, 'blocks256'],
    ['GNOME Terminal', { TERM: 'xterm-256color', COLORTERM: 'truecolor', VTE_VERSION: '7600' }, 'blocks'],
    ['Windows Terminal', { WT_SESSION: 'a' }, 'blocks'],
    ['VS Code', { TERM: 'xterm-256color', TERM_PROGRAM: 'vscode' }, 'blocks'],
    ['Terminal.app', { TERM: 'xterm-256color', TERM_PROGRAM: 'Apple_Terminal' }, 'blocks256'],
    ['an unknown one with 256 colours', { TERM: 'rxvt-256color' }, 'blocks256'],
    ['the Linux console', { TERM: 'linux' }, 'none'],
    ['nothing known', {}, 'none'],
  ])('%s', (_name, environment, form) => {
    expect(previewForm(environment)).toBe(form)
  })

  test('nothing is drawn where nobody looks, or where it is not wanted', () => {
    const screen = { isTTY: true, columns: 80 }
    expect(canDraw(screen, { TERM: 'xterm' })).toBe(true)
    expect(canDraw({ columns: 80 }, { TERM: 'xterm' })).toBe(false)
    expect(canDraw({ isTTY: true, columns: 0 }, { TERM: 'xterm' })).toBe(false)
    for (const quiet of [{ NO_COLOR: '1' }, { CI: 'true' }, { TERM: 'dumb' }])
      expect(canDraw(screen, quiet)).toBe(false)
  })
})

test.each([
  [
    { width: 512, height: 512 },
    { columns: 200, rows: 60 },
    { width: 64, height: 64 },
  ],
  [
    { width: 512, height: 512 },
    { columns: 40, rows: 60 },
    { width: 39, height: 40 },
  ],
  [
    { width: 512, height: 512 },
    { columns: 200, rows: 24 },
    { width: 32, height: 32 },
  ],
  [
    { width: 1024, height: 512 },
    { columns: 80, rows: 60 },
    { width: 64, height: 32 },
  ],
  [
    { width: 64, height: 2048 },
    { columns: 80, rows: 24 },
    { width: 1, height: 32 },
  ],
  [
    { width: 2048, height: 64 },
    { columns: 10, rows: 2 },
    { width: 9, height: 2 },
  ],
])('a picture of %j on a screen of %j', (picture, screen, size) => {
  expect(previewSize(picture, screen)).toEqual(size)
})

describe('what is written', () => {
  const png = Uint8Array.from({ length: 7000 }, (_, index) => index & 255)

  test('kitty: pieces of at most 4096 characters, the last one marked, the same bytes together', () => {
    const text = encodeKitty(png, { columns: 30 })
    const commands = text
      .split('\u001b\\')
      .slice(0, -1)
      .map((command) => {
        expect(command.startsWith('\u001b_G')).toBe(true)
        const [keys, data = ''] = command.slice(3).split(';')
        return { keys, data }
      })
    expect(commands.map(({ keys }) => keys)).toEqual(['a=T,f=100,q=2,c=30,m=1', 'm=1', 'm=0'])
    expect(commands.every(({ data }) => data.length <= 4096 && data.length % 4 === 0)).toBe(true)
    expect(Uint8Array.from(Buffer.from(commands.map(({ data }) => data).join(''), 'base64'))).toEqual(png)
    expect(text.endsWith('\u001b\\\n')).toBe(true)
  })

  test('iTerm2: one command with size and width', () => {
    const text = encodeIterm2(png, { columns: 30 })
    expect([text.slice(0, 12), text.slice(-2)]).toEqual(['\u001b]1337;File=', '\u0007\n'])
    const [keys, data] = text.slice(12, -2).split(':')
    expect(keys).toBe('inline=1;size=7000;width=30;preserveAspectRatio=1')
    expect(Uint8Array.from(Buffer.from(data ?? '', 'base64'))).toEqual(png)
  })

  test('half blocks: the upper pixel in front, the lower behind, a colour said once', () => {
    const pixels = {
      data: Uint8Array.of(1, 2, 3, 1, 2, 3, 255, 0, 0, 4, 5, 6, 4, 5, 6, 0, 255, 0),
      width: 3,
      height: 2,
    }
    expect(encodeHalfBlocks(pixels, { colours: 24 })).toBe(
      '\u001b[38;2;1;2;3;48;2;4;5;6m▀▀\u001b[38;2;255;0;0;48;2;0;255;0m▀\u001b[0m\n',
    )
    expect(encodeHalfBlocks(pixels, { colours: 8 })).toBe(
      '\u001b[38;5;16;48;5;16m▀▀\u001b[38;5;196;48;5;46m▀\u001b[0m\n',
    )
  })

  test('256 colours: each level of the cube stands for itself', () => {
    const levels = [0, 95, 135, 175, 215, 255]
    const data = Uint8Array.from(levels.flatMap((level) => [level, level, level, 0, 0, 0]))
    const text = encodeHalfBlocks({ data, width: 1, height: 12 }, { colours: 8 })
    expect([...text.matchAll(/38;5;(\d+)/g)].map(([, colour]) => Number(colour))).toEqual([16, 59, 102, 145, 188, 231])
  })

  test('half blocks are made of the picture in the size that fits, pictures are sent as they are', async () => {
    const asked: object[] = []
    const options = {
      screen: { columns: 5, rows: 30 },
      shrink: async (_png: Uint8Array, size: { width: number; height: number }) => {
        asked.push(size)
        return { ...size, data: new Uint8Array(size.width * size.height * 3) }
      },
    }
    const picture = { png, width: 512, height: 512 }
    expect(await encodePreview(picture, { ...options, form: 'none' })).toBe('')
    expect(await encodePreview(picture, { ...options, form: 'kitty' })).toBe(encodeKitty(png, { columns: 4 }))
    expect(await encodePreview(picture, { ...options, form: 'iterm2' })).toBe(encodeIterm2(png, { columns: 4 }))
    expect(asked).toEqual([])
    const blocks = await encodePreview(picture, { ...options, form: 'blocks' })
    expect(blocks.split('\n').map((line) => line.replaceAll(/[^▀]/g, '').length)).toEqual([4, 4, 0])
    expect(asked).toEqual([{ width: 4, height: 4 }])
  })
})
