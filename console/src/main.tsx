// The page's entry: styles, the editor's worker, and the one React root. What is on the page is in
// app.tsx.

import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './console.css';
import './workers';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { endpointsOf } from './endpoints';

const root = document.getElementById('root');
if (root === null) {
  throw new Error('index.html has an element with the id "root"');
}
createRoot(root).render(<App endpoints={endpointsOf(window.location.href)} />);
