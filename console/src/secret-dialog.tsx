// Where the admin secret is typed in: shown when the server asks for one, and by the key button.

import { Button, Dialog } from '@graphiql/react';
import { useState } from 'react';
import type { Credentials } from './credentials';

export interface SecretDialogProps {
  /** The server's words when it refused us; null when the user opened the dialog. */
  readonly refused: string | null;
  readonly credentials: Credentials;
  onUse(changed: Pick<Credentials, 'secret' | 'remember'>): void;
  onClose(): void;
}

export function SecretDialog({ refused, credentials, onUse, onClose }: SecretDialogProps) {
  const [secret, setSecret] = useState(refused === null ? credentials.secret : '');
  const [remember, setRemember] = useState(credentials.remember);
  const [shown, setShown] = useState(false);
  const tried = credentials.secret !== '';
  return (
    <Dialog open onOpenChange={(open) => open || onClose()}>
      <form
        className="gl-secret"
        onSubmit={(event) => {
          event.preventDefault();
          onUse({ secret: secret.trim(), remember });
        }}
      >
        <div className="gl-secret-head">
          <Dialog.Title className="graphiql-dialog-title">Admin secret</Dialog.Title>
          <Dialog.Close />
        </div>
        <Dialog.Description>{explanation(refused, tried)}</Dialog.Description>
        {refused !== null && tried && (
          <p className="gl-secret-refusal" role="alert">
            {refused}
          </p>
        )}
        <div className="gl-secret-field">
          <input
            id="gl-secret"
            aria-label="Admin secret"
            type={shown ? 'text' : 'password'}
            value={secret}
            placeholder="x-hasura-admin-secret"
            autoComplete="off"
            autoFocus
            spellCheck={false}
            onChange={(event) => setSecret(event.target.value)}
          />
          <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
            {shown ? 'Hide' : 'Show'}
          </button>
        </div>
        <label className="gl-secret-remember">
          <input
            type="checkbox"
            checked={remember}
            onChange={(event) => setRemember(event.target.checked)}
          />
          <span>
            Remember in this browser
            <small>
              Otherwise it is forgotten when the tab is closed. Tick this only on a computer you
              trust.
            </small>
          </span>
        </label>
        <div className="gl-secret-actions">
          {tried && (
            <Button type="button" onClick={() => onUse({ secret: '', remember: false })}>
              Forget
            </Button>
          )}
          <span className="gl-spacer" />
          <Button type="button" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" className="gl-primary" disabled={secret.trim() === ''}>
            Use secret
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function explanation(refused: string | null, tried: boolean): string {
  if (refused === null) {
    return 'It is sent as x-hasura-admin-secret with every request from this page, and nowhere else.';
  }
  return tried
    ? 'The server did not accept this request. Check the secret and try again.'
    : 'This server asks for an admin secret before it shows its schema. “graphloom dev” prints it at start.';
}
