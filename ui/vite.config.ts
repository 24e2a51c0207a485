import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// `npm run dev` serves the console with its sources and hands everything under /api to a gateway:
// the one on the default admin address, unless GATEPOST names another.
declare const process: { env: Record<string, string | undefined> }
const gateway = process.env.GATEPOST ?? 'http://127.0.0.1:8025'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // The policy of the page forbids inline scripts, and every browser that can run the console knows
    // `modulepreload` by itself.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: gateway, changeOrigin: true, headers: { origin: gateway } } },
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
})
