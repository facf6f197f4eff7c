// A background thread of the editor: GraphQL or JSON language service, or neither, by the name it
// was started under (workers.ts). Monaco's first message starts it, so `onmessage` is set here at
// once and not after an import.

// Sets `onmessage` for the JSON service.
import 'monaco-editor/esm/vs/language/json/json.worker.js';
import { initialize } from 'monaco-editor/esm/vs/editor/editor.worker.js';
import { GraphQLWorker } from 'monaco-graphql/esm/GraphQLWorker.js';

if (self.name === 'graphql') {
  self.onmessage = () => initialize((context, data) => new GraphQLWorker(context, data));
} else if (self.name !== 'json') {
  self.onmessage = () => initialize(null);
}
