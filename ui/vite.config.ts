import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  resolve: { alias: { $lib: at("src/lib"), $components: at("src/components") } },
  clearScreen: false,
  server: { port: 1420, strictPort: true },
  build: {
    target: "es2023",
    // The module preload polyfill is an inline script, which the page's CSP refuses.
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { main: at("index.html"), unlock: at("unlock.html") } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
    // For machines that do much else; nothing here waits longer than it must.
    testTimeout: 60_000,
  },
});
