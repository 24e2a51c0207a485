import { defineConfig } from 'vitest/config'

// The browser tests. They are started by `cargo test -p gatepost --test browser`, which sets the stage
// (crates/gateway/tests/browser) and says in the environment where it is.
export default defineConfig({
  test: {
    include: ['e2e/**/*.e2e.ts'],
    environment: 'node',
    // one browser, one gateway: the steps of a file follow one another
    sequence: { concurrent: false },
    fileParallelism: false,
    bail: 1,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
