import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { DemoReport } from '../../src/ui/demoView.js'
import { runCrynux } from '../helpers/crynuxProcess.js'
import { pictureStatistics } from '../helpers/pictureStatistics.js'
import { processesUsing } from '../helpers/processesUsing.js'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'crynux-e2e-demo-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

it('makes the picture of the prompt on three nodes that agree, pays them, and leaves nothing behind', async () => {
  const temporary = mkdtempSync(join(root, 'tmp-'))
  const folder = mkdtempSync(join(root, 'cwd-'))
  const { status, stdout, stderr } = await runCrynux(['demo', 'a big red circle on a blue background', '--json'], {
    cwd: folder,
    environment: { TMPDIR: temporary },
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const { schema, data: report } = JSON.parse(stdout) as { schema: string; data: DemoReport }

  expect(schema).toBe('crynux.demo/v1')
  expect(report.picture).toBe(join(folder, 'picture.png'))
  const picture = await pictureStatistics(report.picture)
  expect(picture).toMatchObject({ width: 128, height: 128 })
  expect(picture.share('red').middle).toBeGreaterThan(0.9)
  expect(picture.share('red').border).toBeLessThan(0.05)
  expect(picture.share('blue').border).toBeGreaterThan(0.9)
  // A big circle, neither a dot nor the whole picture.
  expect(picture.share('red').all).toBeGreaterThan(0.15)
  expect(picture.share('red').all).toBeLessThan(0.6)

  expect(report.agreed).toBe(true)
  expect(report.nodes.map(({ number }) => number)).toEqual([1, 2, 3])
  expect(new Set(report.nodes.map(({ score }) => score))).toEqual(new Set([report.score]))
  expect(report.score).toMatch(/^0x[0-9a-f]{16}$/)
  expect(report.nodes.map(({ paidWei }) => paidWei)).toEqual(Array(3).fill((10n ** 19n).toString()))
  expect(report.gas.map(({ transaction }) => transaction)).toEqual(
    expect.arrayContaining(['createTask', 'start', 'commit', 'reveal', 'reportUploaded']),
  )
  expect(report.relay).toMatchObject({ blobs: 0, holdsResult: false })
  expect(report.relay.deletion?.signature).toMatch(/^0x[0-9a-f]{130}$/)

  expect(readdirSync(folder)).toEqual(['picture.png'])
  expect(readdirSync(temporary)).toEqual([])
  expect(processesUsing(root)).toEqual([])
}, 180_000)
