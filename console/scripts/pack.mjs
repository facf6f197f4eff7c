// Compresses build/ into dist/ (each file once, gzip) and writes the table the Rust crate embeds.
// Zopfli, and not the platform's zlib: its output is the same on every machine, and 4 % smaller.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipAsync } from '@gfx/zopfli';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build');
const dist = join(root, 'dist');
const table = join(root, '../crates/console/src/table.rs');

const CONTENT_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
};

const paths = readdirSync(build, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(build.length + 1).replaceAll('\\', '/'))
  .sort();

rmSync(dist, { recursive: true, force: true });
const rows = [];
let total = 0;
for (const path of paths) {
  const contentType = CONTENT_TYPES[extname(path)];
  if (contentType === undefined) {
    throw new Error(`${path}: no content type is known for this extension; add it to pack.mjs`);
  }
  const content = readFileSync(join(build, path));
  const packed = await gzipAsync(content, { numiterations: 15 });
  mkdirSync(dirname(join(dist, path)), { recursive: true });
  writeFileSync(join(dist, `${path}.gz`), packed);
  rows.push({ path, contentType, digest: createHash('sha256').update(content).digest('hex') });
  total += packed.length;
  console.log(`${String(packed.length).padStart(9)}  ${path}`);
}
console.log(`${String(total).padStart(9)}  in ${rows.length} files`);

writeFileSync(
  table,
  `//! The console's files, as \`npm run build\` in \`console/\` left them. Generated: do not edit.
//! Knows nothing of how they are served; \`lib.rs\` next.

use crate::{Asset, Caching};

pub(crate) const ASSETS: &[(&str, Asset)] = &[
${rows.map(row).join('\n')}
];
`,
);

/** Vite puts a hash of the content into every name below assets/: such a file never changes. */
function row({ path, contentType, digest }) {
  const caching = path.startsWith('assets/') ? 'Immutable' : 'Revalidate';
  return `    (
        "${path}",
        Asset {
            content_type: "${contentType}",
            gzip: include_bytes!("../../../console/dist/${path}.gz"),
            caching: Caching::${caching},
            etag: r#"W/"${digest.slice(0, 32)}""#,
        },
    ),`;
}
