import { expect, it } from 'vitest'
import { createBackgroundJobs } from '../../../src/roles/node/backgroundJobs.js'

it('runs one job for each key, and reports its failure and its end', async () => {
  const failures: [string, unknown][] = []
  let ends = 0
  const jobs = createBackgroundJobs<string>({
    onFailure: async (key, error) => {
      failures.push([key, error])
    },
    onEnd: () => ends++,
  })
  let finish = () => {}
  let starts = 0
  const job = () => {
    starts++
    return new Promise<void>((resolve) => {
      finish = resolve
    })
  }
  jobs.start('a', job)
  jobs.start('a', job)
  const broken = new Error('broken')
  jobs.start('b', () => Promise.reject(broken))
  expect(starts).toBe(1)
  expect(jobs.has('a')).toBe(true)
  finish()
  await jobs.settled()
  expect(jobs.has('a')).toBe(false)
  expect(failures).toEqual([['b', broken]])
  expect(ends).toBe(2)
  jobs.start('a', job)
  expect(starts).toBe(2)
  finish()
  await jobs.settled()
})
