// The page: a bar with the engine's address, the role and the admin secret, and GraphiQL under it.
// Requests are fetcher.ts's, what is kept between visits credentials.ts's and editor-storage.ts's.

import { GraphiQL } from 'graphiql';
import { useCallback, useMemo, useState } from 'react';
import { ClearStaleError } from './clear-stale-error';
import { credentialStore, headersOf, type Credentials } from './credentials';
import { EditorColours } from './editor-colours';
import { editorStorage } from './editor-storage';
import type { Endpoints } from './endpoints';
import { createFetcher, type Outcome } from './fetcher';
import { SecretDialog } from './secret-dialog';
import { TopBar } from './top-bar';

const FIRST_TAB = `# Ctrl-Enter (Cmd-Enter) runs the query,
# Ctrl-Space completes names.
# The book on the left documents the schema.

`;

/** The dialog's reason for being open: the server's words, or null when the user asked for it. */
type Asking = { readonly refused: string | null } | undefined;

export function App({ endpoints }: { readonly endpoints: Endpoints }) {
  const store = useMemo(() => credentialStore(endpoints.path), [endpoints]);
  const storage = useMemo(() => editorStorage(endpoints.path), [endpoints]);
  const [credentials, setCredentials] = useState(() => store.load());
  const [asking, setAsking] = useState<Asking>();
  const [notice, setNotice] = useState<string>();

  const { secret, role } = credentials;
  const onOutcome = useCallback((outcome: Outcome) => {
    setNotice(outcome.kind === 'failed' ? outcome.message : undefined);
    if (outcome.kind === 'denied') {
      setAsking({ refused: outcome.message });
    }
  }, []);
  // A new fetcher makes GraphiQL read the schema again, as whoever we now are.
  const fetcher = useMemo(
    () => createFetcher({ endpoints, headers: headersOf({ secret, role }), onOutcome }),
    [endpoints, secret, role, onOutcome],
  );
  const change = (changed: Partial<Credentials>) => {
    const next = { ...credentials, ...changed };
    store.save(next);
    setCredentials(next);
  };

  return (
    <div className="gl-page">
      <TopBar
        path={endpoints.path}
        role={role}
        hasSecret={secret !== ''}
        onRole={(next) => change({ role: next })}
        onSecret={() => setAsking({ refused: null })}
      />
      {notice !== undefined && (
        <div className="gl-notice" role="alert">
          <span>{notice}</span>
          <button type="button" onClick={() => setNotice(undefined)}>
            Dismiss
          </button>
        </div>
      )}
      <main className="gl-editor">
        <GraphiQL
          fetcher={fetcher}
          storage={storage}
          defaultQuery={FIRST_TAB}
          defaultEditorToolsVisibility
          shouldPersistHeaders
          schemaDescription={false}
        >
          <GraphiQL.Logo>
            <span className="gl-engine">GraphiQL</span>
          </GraphiQL.Logo>
          <ClearStaleError />
          <EditorColours />
        </GraphiQL>
      </main>
      {asking !== undefined && (
        <SecretDialog
          refused={asking.refused}
          credentials={credentials}
          onUse={(changed) => {
            change(changed);
            setAsking(undefined);
          }}
          onClose={() => setAsking(undefined)}
        />
      )}
    </div>
  );
}
