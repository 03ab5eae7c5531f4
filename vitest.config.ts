import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/buildOnce.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Modules are loaded once for each worker instead of once for each file, which takes a fifth of the time. No test changes them.
    isolate: false,
    unstubEnvs: true,
    // On two cores: the longest tests wait for blocks and child processes a third of their time. More only make each other late.
    maxWorkers: 3,
  },
})
