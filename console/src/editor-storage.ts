// What GraphiQL keeps between visits: tabs, queries, pane sizes, theme. Request headers can hold
// secrets, so they are kept only after the user says so in GraphiQL's settings; GraphiQL's history
// would keep them in any case, and is corrected here.

import { storagePart, type KeyValues } from './storage';

const PERSIST_HEADERS = 'graphiql:shouldPersistHeaders';
const HISTORY = new Set(['graphiql:queries', 'graphiql:favorites']);

/** `scope` is the path of the API. "Clear storage" in GraphiQL's settings clears this alone. */
export function editorStorage(scope: string): KeyValues {
  const part = storagePart('local', `graphloom:${scope}:`);
  const keepsHeaders = () => part.getItem(PERSIST_HEADERS) === 'true';
  // GraphiQL takes an absent answer for "yes".
  if (part.getItem(PERSIST_HEADERS) === null) {
    part.setItem(PERSIST_HEADERS, 'false');
  }
  return {
    getItem: (key) => part.getItem(key),
    setItem(key, value) {
      part.setItem(key, HISTORY.has(key) && !keepsHeaders() ? withoutHeaders(value) : value);
      if (key === PERSIST_HEADERS && value !== 'true') {
        for (const name of HISTORY) {
          const history = part.getItem(name);
          if (history !== null) {
            part.setItem(name, withoutHeaders(history));
          }
        }
      }
    },
    removeItem: (key) => part.removeItem(key),
    clear: () => part.clear(),
    get length() {
      return part.length;
    },
  };
}

function withoutHeaders(history: string): string {
  return JSON.stringify(JSON.parse(history), (key, value: unknown) =>
    key === 'headers' ? undefined : value,
  );
}
