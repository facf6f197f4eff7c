// Modules that come without types.

/// <reference types="vite/client" />

declare module 'monaco-editor/esm/vs/language/json/json.worker.js';
declare module 'monaco-editor/esm/vs/editor/editor.worker.js' {
  import type { worker } from 'monaco-editor';
  import type { ICreateData } from 'monaco-graphql/esm/typings';
  type Create = (context: worker.IWorkerContext, data: ICreateData) => object;
  export function initialize(create: Create | null): void;
}
