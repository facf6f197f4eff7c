// The browser's storage, without its exceptions, and with a name space of our own: several engines
// can share an origin under different prefixes.

/** What GraphiQL and credentials.ts need of a storage. */
export interface KeyValues {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  clear(): void;
  readonly length: number;
}

/**
 * A part of the browser's storage: every key is prefixed, and `clear` clears only this part. With
 * storage blocked (a browser setting) the values live as long as the page.
 */
export function storagePart(kind: 'local' | 'session', prefix: string): KeyValues {
  const storage = openStorage(kind);
  const keys = () =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter(
      (key): key is string => key !== null && key.startsWith(prefix),
    );
  return {
    getItem: (key) => storage.getItem(prefix + key),
    setItem: (key, value) => storage.setItem(prefix + key, value),
    removeItem: (key) => storage.removeItem(prefix + key),
    clear: () => {
      for (const key of keys()) {
        storage.removeItem(key);
      }
    },
    get length() {
      return keys().length;
    },
  };
}

function openStorage(kind: 'local' | 'session'): Storage {
  try {
    return kind === 'local' ? window.localStorage : window.sessionStorage;
  } catch {
    return memoryStorage();
  }
}

function memoryStorage(): Storage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
    clear: () => values.clear(),
    key: (index) => [...values.keys()][index] ?? null,
    get length() {
      return values.size;
    },
  };
}
