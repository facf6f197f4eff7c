// GraphiQL writes a failure to read the schema into the result pane, and leaves it there when the
// next attempt succeeds. This takes it out again.

import { pick, useGraphiQL } from '@graphiql/react';
import { useEffect, useRef } from 'react';

export function ClearStaleError() {
  const { fetchError, responseEditor } = useGraphiQL(pick('fetchError', 'responseEditor'));
  const lastError = useRef<string>(null);
  useEffect(() => {
    if (fetchError !== null) {
      lastError.current = fetchError;
    } else if (lastError.current !== null && responseEditor?.getValue() === lastError.current) {
      responseEditor.setValue('');
      lastError.current = null;
    }
  }, [fetchError, responseEditor]);
  return null;
}
