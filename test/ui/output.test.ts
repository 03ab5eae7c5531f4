import { describe, expect, it } from 'vitest'
import { InvalidInputError } from '../../src/base/errors.js'
import { createOutput, exitCodeOf, formatError } from '../../src/ui/output.js'

function capture(json: boolean) {
  const written = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (written[name] += text) })
  return { output: createOutput({ json, stdout: stream('stdout'), stderr: stream('stderr') }), written }
}

describe('output', () => {
  it('prints one JSON document, amounts as decimal strings, and no remarks', () => {
    const { output, written } = capture(true)
    output.note('working…')
    output.result('crynux.x/v1', { amountWei: 10n ** 30n, name: 'n' }, () => 'text')
    expect(JSON.parse(written.stdout)).toEqual({
      schema: 'crynux.x/v1',
      data: { amountWei: '1000000000000000000000000000000', name: 'n' },
    })
    expect(written.stderr).toBe('')
  })

  it('prints text for people, remarks aside', () => {
    const { output, written } = capture(false)
    output.note('working…')
    output.result('crynux.x/v1', 3, (count) => `${count} things`)
    expect(written).toEqual({ stdout: '3 things\n', stderr: 'working…\n' })
  })

  it('shows parts of a result as they come, but never beside JSON', () => {
    const [plain, json] = [capture(false), capture(true)]
    for (const { output } of [plain, json]) output.piece('Once ')
    expect([plain.written.stdout, json.written.stdout]).toEqual(['Once ', ''])
    expect(plain.output.interactive).toBe(false)
    const terminal = { write: () => true, isTTY: true }
    const interactive = (asJson: boolean) =>
      createOutput({ json: asJson, stdout: terminal, stderr: terminal }).interactive
    expect([interactive(false), interactive(true)]).toEqual([true, false])
  })
})

describe('errors', () => {
  const ours = new InvalidInputError('steps is 0', { remedy: 'Use 1…100.', details: { field: 'steps' } })

  it('are one line and a remedy, or one JSON document', () => {
    expect(formatError(ours, { json: false })).toBe('error: steps is 0\n  Use 1…100.\n')
    expect(JSON.parse(formatError(ours, { json: true }))).toEqual({
      schema: 'crynux.error/v1',
      error: { code: 'CRYNUX_INVALID_INPUT', message: 'steps is 0', remedy: 'Use 1…100.', details: { field: 'steps' } },
    })
    expect(exitCodeOf(ours)).toBe(2)
  })

  it('of unknown origin show no stack and exit 1', () => {
    const foreign = new TypeError('x is undefined\n    at secret.ts:1')
    expect(formatError(foreign, { json: false })).toContain('error: unexpected failure: x is undefined\n')
    expect(formatError(foreign, { json: false })).not.toContain('secret.ts')
    expect(exitCodeOf(foreign)).toBe(1)
  })
})
