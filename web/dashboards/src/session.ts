// Who is logged in here, and which page that role starts on. The server decides every right; this only chooses pages.

import { TokenStore } from '@meschain/client';
import { ADMIN_HUB, DASHBOARD_HUB, MARKETPLACE_HUB, type PublicInfo, type SessionInfo } from '@meschain/contracts';

export type PageName = 'admin' | 'marketplace' | 'analytics';

export const PAGES: readonly { name: PageName; path: string; hub: string }[] = [
  { name: 'admin', path: '/admin.html', hub: ADMIN_HUB },
  { name: 'marketplace', path: '/marketplace.html', hub: MARKETPLACE_HUB },
  { name: 'analytics', path: '/analytics.html', hub: DASHBOARD_HUB },
];

export const LOGIN_PATH = '/login.html';
export const tokens = new TokenStore();

/** The page of the session's default hub. */
export function homeOf(session: Pick<SessionInfo, 'hubs'>): string {
  return PAGES.find((page) => page.hub === session.hubs[0])?.path ?? '/analytics.html';
}

export function mayEnter(session: Pick<SessionInfo, 'hubs'>, page: PageName): boolean {
  return PAGES.some((entry) => entry.name === page && session.hubs.includes(entry.hub));
}

/** The session of the stored token; null when nobody is logged in. Rejects when the server cannot be reached. */
export async function loadSession(): Promise<SessionInfo | null> {
  if (tokens.current === '') return null;
  try {
    const answer = await tokens.authorizedFetch('/session');
    if (answer.status === 401 || answer.status === 403) return null;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return (await answer.json()) as SessionInfo;
  } catch (error) {
    if (error instanceof Error && error.name === 'LoggedOut') return null;
    throw error;
  }
}

export async function loadInfo(): Promise<PublicInfo | null> {
  try {
    const answer = await fetch('/api/info');
    return answer.ok ? ((await answer.json()) as PublicInfo) : null;
  } catch {
    return null;
  }
}

/** JSON of an API path; rejects with the server's text. */
export async function loadJson<Payload>(path: string): Promise<Payload> {
  const answer = await tokens.authorizedFetch(path);
  if (!answer.ok) {
    const body = (await answer.json().catch(() => ({}))) as { error?: string };
    throw new Error(body.error ?? `status ${answer.status}`);
  }
  return (await answer.json()) as Payload;
}

export function leaveForLogin(ended = false): void {
  tokens.clear();
  location.replace(ended ? `${LOGIN_PATH}?ended` : LOGIN_PATH);
}

export async function logOut(): Promise<void> {
  const token = tokens.current;
  // Without an answer the token is forgotten here all the same; the server's session ends by its own time.
  await fetch('/api/logout', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }).catch(() => undefined);
  leaveForLogin();
}
