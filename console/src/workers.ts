// The editor's background threads. Monaco asks for a worker by language; one file, worker.ts, is
// all of them, because three would each carry a copy of Monaco's worker core.

import type {} from 'monaco-editor';
import ConsoleWorker from './worker?worker';

window.MonacoEnvironment = {
  getWorker: (_id, label) => new ConsoleWorker({ name: label }),
};
