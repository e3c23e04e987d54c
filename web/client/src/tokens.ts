// The log-in token of this browser: reads it from localStorage and has it renewed by POST /api/refresh before it expires.
// Knows nothing of hubs. The refresh cookie is HttpOnly: the server sees it, this code cannot.

import type { SessionInfo } from '@meschain/contracts';

/** localStorage key of the log-in token, shared with older pages. */
export const TOKEN_KEY = 'auth_token';

/** A token with less life than this is renewed before use. */
const RENEW_BEFORE_SECONDS = 60;
const LOCK_NAME = 'meschain-refresh';

/** There is no valid log-in any more: the user has to log in again. */
export class LoggedOut extends Error {
  constructor() {
    super('The log-in has ended. Log in again.');
    this.name = 'LoggedOut';
  }
}

/** What `TokenStore` needs of the browser; tests give their own. */
export interface TokenEnvironment {
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  fetch(input: string, init?: RequestInit): Promise<Response>;
  nowSeconds(): number;
  /** Runs the work while no other tab does the same. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

export function browserEnvironment(): TokenEnvironment {
  return {
    storage: window.localStorage,
    fetch: (input, init) => window.fetch(input, init),
    nowSeconds: () => Date.now() / 1000,
    // navigator.locks exists in secure contexts only; without it two tabs may renew at once, which costs one request.
    exclusively: (work) => (navigator.locks ? navigator.locks.request(LOCK_NAME, work) : work()),
  };
}

/** Seconds since 1970 when the token ends; 0 when that cannot be read. Does not verify anything: the server does. */
export function expiryOf(token: string): number {
  const part = token.split('.')[1];
  if (part === undefined) return 0;
  try {
    const claims: unknown = JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));
    const expiry = typeof claims === 'object' && claims !== null ? (claims as { exp?: unknown }).exp : undefined;
    return typeof expiry === 'number' ? expiry : 0;
  } catch {
    return 0;
  }
}

export class TokenStore {
  private readonly environment: TokenEnvironment;
  private readonly api: string;
  private renewal: Promise<string> | null = null;
  private refused: string | null = null;

  constructor(api = '/api', environment: TokenEnvironment = browserEnvironment()) {
    this.api = api;
    this.environment = environment;
  }

  /** The stored token as it is; empty when there is none. */
  get current(): string {
    return this.environment.storage.getItem(TOKEN_KEY) ?? '';
  }

  store(token: string): void {
    this.environment.storage.setItem(TOKEN_KEY, token);
  }

  clear(): void {
    this.environment.storage.removeItem(TOKEN_KEY);
  }

  /** The server refused this token although its time has not come: the next `fresh` renews it. */
  refuse(token: string): void {
    this.refused = token;
  }

  /** A token that is good for at least a minute, renewed if need be. Throws LoggedOut when the log-in has ended. */
  async fresh(): Promise<string> {
    const token = this.current;
    if (this.isGood(token)) return token;
    this.renewal ??= this.renew(token).finally(() => {
      this.renewal = null;
    });
    return this.renewal;
  }

  /** `fetch` with the Bearer token; renews and tries once more after a 401. */
  async authorizedFetch(path: string, init: RequestInit = {}): Promise<Response> {
    const token = await this.fresh();
    const answer = await this.fetchWith(token, path, init);
    if (answer.status !== 401) return answer;
    this.refuse(token);
    return this.fetchWith(await this.fresh(), path, init);
  }

  private fetchWith(token: string, path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('Authorization', `Bearer ${token}`);
    return this.environment.fetch(this.api + path, { ...init, headers });
  }

  private isGood(token: string): boolean {
    if (token === '' || token === this.refused) return false;
    const expiry = expiryOf(token);
    // A token of another issuer may carry no time that we can read; the server judges it.
    return expiry === 0 || expiry - this.environment.nowSeconds() > RENEW_BEFORE_SECONDS;
  }

  private renew(stale: string): Promise<string> {
    return this.environment.exclusively(async () => {
      // Another tab may have renewed it while this one waited for the lock.
      const stored = this.current;
      if (stored !== stale && this.isGood(stored)) return stored;
      const answer = await this.environment.fetch(`${this.api}/refresh`, { method: 'POST' });
      if (answer.status === 401 || answer.status === 403) return this.lastResort(stale);
      if (!answer.ok) throw new Error(`The log-in could not be renewed: status ${answer.status}.`);
      const session = (await answer.json()) as Partial<SessionInfo>;
      if (!session.accessToken) throw new LoggedOut();
      this.store(session.accessToken);
      this.refused = null;
      return session.accessToken;
    });
  }

  /** A token without a refresh cookie (the shop's own) is used to its end. */
  private lastResort(stale: string): string {
    const stillValid = stale !== '' && stale !== this.refused && expiryOf(stale) > this.environment.nowSeconds();
    if (!stillValid) throw new LoggedOut();
    return stale;
  }
}
