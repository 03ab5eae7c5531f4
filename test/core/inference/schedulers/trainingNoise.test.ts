import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type BetaSchedule,
  clampedCumulativeAlphas,
  cumulativeAlphas,
} from '../../../../src/core/inference/schedulers/trainingNoise.js'
import { readNpy } from '../../../helpers/npy.js'

const FOLDER = join(import.meta.dirname, '../../../vectors/schedulers')

type Base = { num_train_timesteps: number; beta_start: number; beta_end: number; beta_schedule: BetaSchedule }
const bases: Record<string, Base> = JSON.parse(readFileSync(join(FOLDER, 'bases.json'), 'utf8'))

const noiseOf = (name: string, rescaleZeroSnr: boolean) => {
  const base = bases[name] as Base
  return {
    trainSteps: base.num_train_timesteps,
    betaStart: base.beta_start,
    betaEnd: base.beta_end,
    betaSchedule: base.beta_schedule,
    trainedBetas: null,
    rescaleZeroSnr,
  }
}

describe('training noise', () => {
  test.each(Object.keys(bases))('table of %s, every bit', (name) => {
    expect(cumulativeAlphas(noiseOf(name, false))).toEqual(readNpy(join(FOLDER, `alphas_cumprod.${name}.npy`)).data)
  })

  test.each(Object.keys(bases))('table of %s with zero terminal SNR', (name) => {
    const golden = readNpy(join(FOLDER, `alphas_cumprod.${name}.zsnr.npy`)).data
    const table = clampedCumulativeAlphas(noiseOf(name, true))
    // The square root of the golden run (a vendor library) is not always correctly rounded, and near the end small
    // differences of large numbers make that visible.
    const worst = table.reduce((a, value, index) => {
      const expected = golden[index] as number
      return Math.max(a, Math.abs(value - expected) / expected)
    }, 0)
    expect(worst).toBeLessThan(5e-6)
    expect(table[0]).toBe(golden[0])
    expect(table.at(-1)).toBe(2 ** -24)
  })

  test('has a golden table for each base', () => {
    expect(readdirSync(FOLDER).filter((name) => name.startsWith('alphas_cumprod.')).length).toBe(
      2 * Object.keys(bases).length,
    )
  })
})
