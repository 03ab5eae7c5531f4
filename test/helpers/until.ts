import { setTimeout as delay } from 'node:timers/promises'

/** Polls until `condition` gives something truthy, and returns it. For conditions of other processes, which send no events. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 15_000, what = String(condition) }: { timeoutMs?: number; what?: string } = {},
): Promise<Exclude<T, false | null | undefined | '' | 0>> {
  const deadline = Date.now() + timeoutMs
  while (true) {
    const value = await condition()
    if (value) return value as Exclude<T, false | null | undefined | '' | 0>
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
}
