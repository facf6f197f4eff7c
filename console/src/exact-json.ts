// JSON numbers as the server wrote them. A bigint or a numeric column arrives as a JSON number that
// JavaScript's own cannot hold; rounding it in the result pane would show data that is not there.

// In browsers since 2023–2025, not yet in TypeScript's library.
declare global {
  interface JSON {
    rawJSON?(text: string): unknown;
  }
}

/**
 * A reviver for `JSON.parse` that keeps a number's text where a JavaScript number would change it
 * (`9007199254740993`, `1.50`, `1e400`); `JSON.stringify` then writes that text. An older browser
 * rounds, as it always did.
 */
export function keepNumbersExact(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  const source = context?.source;
  const exact = typeof value !== 'number' || source === undefined || String(value) === source;
  return exact || JSON.rawJSON === undefined ? value : JSON.rawJSON(source);
}

/** Parses a response body. Throws `SyntaxError` as `JSON.parse` does. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, keepNumbersExact);
}
