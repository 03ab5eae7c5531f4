import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createStepView } from '../../src/ui/stepView.js'

const STEPS = [
  { id: 'pay', title: 'Pay' },
  { id: 'draw', title: 'Draw' },
  { id: 'stop', title: 'Stop' },
] as const

function capture() {
  let text = ''
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString()
      done()
    },
  })
  return { stream, text: () => text }
}

/** What a terminal of 80 columns would have shown, without its control sequences. */
const shown = (text: string) => text.replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[a-zA-Z]`, 'g'), '')

describe('plain lines', () => {
  it('say what happens when it happens', async () => {
    const { stream, text } = capture()
    let now = 0
    const view = await createStepView({ steps: STEPS, live: false, stream, now: () => now })
    now = 1_234
    view.note('pay', '30 CNX')
    view.done('pay', 'in escrow')
    view.done('pay', 'a second time')
    view.note('pay', 'too late')
    now = 12_000
    view.fail('no nodes')
    await view.close()
    expect(text()).toBe('[  1.2 s] Pay … 30 CNX\n[  1.2 s] Pay: in escrow\n[ 12.0 s] Draw: FAILED: no nodes\n')
  })

  it('leave the reason to whoever tells it', async () => {
    const { stream, text } = capture()
    const view = await createStepView({ steps: STEPS, live: false, stream, now: () => 0 })
    view.fail()
    await view.close()
    expect(text()).toBe('[  0.0 s] Pay: FAILED\n')
  })
})

describe('the live list', () => {
  const live = async () => {
    const { stream, text } = capture()
    const terminal = Object.assign(stream, { isTTY: true, columns: 80, rows: 24 })
    return { view: await createStepView({ steps: STEPS, live: true, stream: terminal, now: () => 0 }), text }
  }

  it('ends with every step and what came out', async () => {
    const { view, text } = await live()
    view.note('pay', '30 CNX')
    // Later steps may end first.
    view.done('draw', 'nodes 1, 2, 3')
    view.done('pay', 'in escrow')
    view.done('stop')
    await view.close()
    const end = shown(text())
    expect(end).toContain('Pay: in escrow')
    expect(end).toContain('Draw: nodes 1, 2, 3')
    expect(end).toContain('Stop')
  })

  it('shows which step failed, and gives the terminal back', async () => {
    const { view, text } = await live()
    view.done('pay')
    view.fail('no nodes')
    await view.close()
    await view.close()
    expect(shown(text())).toContain('Draw: no nodes')
  })
})
