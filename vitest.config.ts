import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/buildOnce.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Modules are loaded once for each worker instead of once for each file, a fifth of the time. No test changes them.
    isolate: false,
    unstubEnvs: true,
    // Two cores: more workers only make the timing of child processes worse.
    maxWorkers: 2,
  },
})
