// GraphiQL formats its JSON panes with prettier's JavaScript parser and printer, 140 KB compressed.
// This plugin does the same with jsonc-parser, which GraphiQL carries anyway; vite.config.ts puts
// it in their place.

import { applyEdits, format } from 'jsonc-parser';
import type { Parser, Printer } from 'prettier';

interface Text {
  readonly text: string;
}

const jsonc: Parser<Text> = {
  astFormat: 'jsonc-text',
  parse: (text) => ({ text }),
  locStart: () => 0,
  locEnd: ({ text }) => text.length,
};

const printer: Printer<Text> = {
  print: ({ node: { text } }) =>
    applyEdits(text, format(text, undefined, { insertSpaces: true, tabSize: 2 })).trim(),
};

export const parsers = { jsonc };
export const printers = { 'jsonc-text': printer };
