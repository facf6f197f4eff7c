// Writes licenses.txt: the licence of every package whose code or style is in the page or its
// worker, which their licences ask us to pass on. vite.config.ts uses both plugins.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/** Two plugins that share one list: the worker is a bundle of its own, written before the page's. */
export function collectLicenses(): { page: Plugin; worker: Plugin } {
  const folders = new Set<string>();
  const collect = (ids: Iterable<string>) => {
    for (const id of ids) {
      const folder = packageFolder(id);
      if (folder !== undefined) {
        folders.add(folder);
      }
    }
  };
  return {
    worker: {
      name: 'licenses-of-worker',
      generateBundle() {
        collect(this.getModuleIds());
      },
    },
    page: {
      name: 'licenses',
      generateBundle() {
        collect(this.getModuleIds());
        const sections = new Set([...folders].map(section));
        this.emitFile({
          type: 'asset',
          fileName: 'licenses.txt',
          source: [...sections].sort().join(`\n${'-'.repeat(80)}\n\n`),
        });
      },
    },
  };
}

/** The folder of the package a module is in: the nearest one above it that names a version. */
function packageFolder(id: string): string | undefined {
  const path = id.split('?')[0] ?? '';
  if (!path.includes('/node_modules/')) {
    return undefined;
  }
  for (let folder = dirname(path); folder.includes('/node_modules/'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && 'version' in JSON.parse(readFileSync(manifest, 'utf8'))) {
      return folder;
    }
  }
  return undefined;
}

function section(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Package;
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice|thirdpartynotices)(\.(md|txt))?$/i.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  return `${[`${name} ${version} (${license ?? 'licence not named'})`, ...texts].join('\n\n')}\n`;
}
