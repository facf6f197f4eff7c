// How the console is bundled: relative URLs, so that it works under any path prefix, and no code
// the page does not need. scripts/pack.mjs compresses what this writes. Read README.md next.

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { collectLicenses } from './scripts/licenses.ts';

const source = (name: string) => fileURLToPath(new URL(`src/${name}`, import.meta.url));

const exactly = (name: string) => new RegExp(`^${name}$`);

/** The worker's copy of prettier: editor-colours.ts switches off the one feature that calls it. */
const withoutPrettier: Plugin = {
  name: 'without-prettier',
  enforce: 'pre',
  resolveId: (id) => (id.startsWith('prettier/') ? source('nothing.ts') : null),
};

const licenses = collectLicenses();

export default defineConfig({
  base: './',
  plugins: [react(), licenses.page],
  resolve: {
    alias: [
      // The name GraphiQL uses leads to a second copy, for other module systems.
      { find: exactly('prettier/parser-graphql'), replacement: 'prettier/plugins/graphql' },
      { find: exactly('prettier/parser-babel'), replacement: source('jsonc-printer.ts') },
      { find: exactly('prettier/plugins/estree'), replacement: source('jsonc-printer.ts') },
    ],
  },
  build: {
    outDir: 'build',
    target: 'es2022',
    sourcemap: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4096,
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use no memo" is for a compiler that has run before the packages were published.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') {
          warn(warning);
        }
      },
    },
  },
  worker: {
    format: 'es',
    plugins: () => [withoutPrettier, licenses.worker],
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
