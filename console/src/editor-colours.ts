// GraphiQL's colours of Monaco's own widgets (suggestions, hover, find), in Graphloom's teal instead
// of GraphiQL's pink. console.css has the rest of the colours.

import { useGraphiQL, useMonaco } from '@graphiql/react';
import { useEffect } from 'react';

type Monaco = typeof import('monaco-editor');
type Shade = 'light' | 'dark';

// The names GraphiQL gives its two themes.
const THEME = { light: 'graphiql-LIGHT', dark: 'graphiql-DARK' } as const;
const PRIMARY = { light: '#0c7367', dark: '#4fd1bd' } as const;
const SURFACE = { light: '#ffffff', dark: '#212a3b' } as const;
const FAINT = { light: '#3b4b6811', dark: '#b7c2d711' } as const;

/** Rendered inside GraphiQL. Redefines both themes, and drops the one feature worker.ts leaves out. */
export function EditorColours() {
  const monaco = useMonaco((state) => state.monaco);
  const graphql = useMonaco((state) => state.monacoGraphQL);
  const chosen = useGraphiQL((state) => state.theme);
  useEffect(() => {
    if (monaco === undefined) {
      return;
    }
    defineTheme(monaco, 'light');
    defineTheme(monaco, 'dark');
    // GraphiQL asks the system once; a system that turns dark in the evening is followed here.
    const system = window.matchMedia('(prefers-color-scheme: dark)');
    const apply = () => monaco.editor.setTheme(THEME[chosen ?? (system.matches ? 'dark' : 'light')]);
    apply();
    system.addEventListener('change', apply);
    return () => system.removeEventListener('change', apply);
  }, [monaco, chosen]);
  useEffect(() => {
    // "Prettify" formats; Monaco's own "Format Document" would need prettier in the worker again.
    graphql?.setModeConfiguration({ ...graphql.modeConfiguration, documentFormattingEdits: false });
  }, [graphql]);
  return null;
}

function defineTheme(monaco: Monaco, shade: Shade): void {
  const primary = PRIMARY[shade];
  const tint = `${primary}1f`;
  monaco.editor.defineTheme(THEME[shade], {
    base: shade === 'dark' ? 'vs-dark' : 'vs',
    inherit: true,
    rules: [
      { token: 'argument.identifier.gql', foreground: shade === 'dark' ? '908aff' : '6c69ce' },
    ],
    colors: {
      'editor.background': '#ffffff00',
      'scrollbar.shadow': '#ffffff00',
      'editorHoverWidget.background': SURFACE[shade],
      'editorSuggestWidget.background': SURFACE[shade],
      'editorWidget.background': SURFACE[shade],
      'menu.background': SURFACE[shade],
      'quickInput.background': SURFACE[shade],
      'input.background': FAINT[shade],
      'list.hoverBackground': tint,
      'toolbar.hoverBackground': tint,
      'inputOption.hoverBackground': tint,
      'menu.selectionBackground': tint,
      'quickInputList.focusBackground': tint,
      'editorSuggestWidget.selectedBackground': tint,
      'quickInputList.focusForeground': shade === 'dark' ? '#ffffff' : '#444444',
      'editorSuggestWidget.selectedForeground': primary,
      'editorLink.activeForeground': primary,
      'editorWidget.resizeBorder': primary,
      'list.focusHighlightForeground': primary,
      'list.highlightForeground': primary,
      'menu.selectionForeground': primary,
      'pickerGroup.foreground': primary,
      'textLink.activeForeground': primary,
      'textLink.foreground': primary,
      focusBorder: primary,
    },
  });
}
