// Who is logged in here, and which page that role starts on. The server decides every right; this only chooses pages.

import { TokenStore } from '@meschain/client';
import {
  ADMIN_HUB,
  DASHBOARD_HUB,
  MARKETPLACE_HUB,
  type OperationName,
  type PublicInfo,
  ROLES_OF_OPERATION,
  type RolloutReport,
  type SessionInfo,
} from '@meschain/contracts';

export type PageName =
  'admin' | 'marketplace' | 'analytics' | 'inbox' | 'jobs' | 'alerts' | 'people' | 'audit' | 'rollout' | 'legacy';

interface Page {
  name: PageName;
  path: string;
  /** The page where those start whose default hub it is. */
  hub?: string;
  /** Who may do that may read the page; the server decides by the same table. */
  needs: OperationName;
}

export const PAGES: readonly Page[] = [
  { name: 'admin', path: '/admin.html', hub: ADMIN_HUB, needs: 'JoinAdminGroup' },
  { name: 'marketplace', path: '/marketplace.html', hub: MARKETPLACE_HUB, needs: 'JoinMarketplaceGroup' },
  { name: 'analytics', path: '/analytics.html', hub: DASHBOARD_HUB, needs: 'SubscribeToDashboard' },
];

/** Pages for those who look after the shop's connections. */
export const OPERATIONS: readonly Page[] = [
  { name: 'jobs', path: '/jobs.html', needs: 'SyncMarketplaceData:sync' },
  { name: 'inbox', path: '/inbox.html', needs: 'JoinAdminGroup' },
  { name: 'alerts', path: '/alerts.html', needs: 'JoinAdminGroup' },
  { name: 'people', path: '/people.html', needs: 'JoinAdminGroup' },
  { name: 'audit', path: '/audit.html', needs: 'JoinAdminGroup' },
  { name: 'rollout', path: '/rollout.html', needs: 'JoinAdminGroup' },
  { name: 'legacy', path: '/legacy.html', needs: 'JoinAdminGroup' },
];

export const LOGIN_PATH = '/login.html';
export const tokens = new TokenStore();

/** The page of the session's default hub. */
export function homeOf(session: Pick<SessionInfo, 'hubs'>): string {
  return PAGES.find((page) => page.hub === session.hubs[0])?.path ?? '/analytics.html';
}

export function mayEnter(session: Pick<SessionInfo, 'role'>, page: PageName): boolean {
  const needs = [...PAGES, ...OPERATIONS].find((entry) => entry.name === page)?.needs;
  const roles: readonly string[] = needs === undefined ? [] : ROLES_OF_OPERATION[needs];
  return roles.includes(session.role);
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

/** The server's refusal, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** JSON of an API path. Rejects with ApiError, or with what kept the server from being reached. */
export async function loadJson<Payload>(path: string): Promise<Payload> {
  return (await answerOf(path)).json() as Promise<Payload>;
}

/** Has the server do something; its answer, null where it has none. Rejects as `loadJson` does. */
export async function send<Payload>(method: string, path: string, body?: object): Promise<Payload | null> {
  const json = { 'Content-Type': 'application/json' };
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: json };
  return (await (await answerOf(path, init)).json().catch(() => null)) as Payload | null;
}

async function answerOf(path: string, init?: RequestInit): Promise<Response> {
  const answer = await tokens.authorizedFetch(path, init);
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => null)) as { error?: unknown } | null;
  throw new ApiError(answer.status, typeof body?.error === 'string' ? body.error : `status ${answer.status}`);
}

/** Turns the dial; rejects with the server's text. */
export async function changeRollout(action: string, body: Record<string, unknown>): Promise<RolloutReport> {
  const answer = await tokens.authorizedFetch(`/rollout/${action}`, { method: 'POST', body: JSON.stringify(body) });
  const content = (await answer.json().catch(() => ({}))) as RolloutReport & { error?: string };
  if (!answer.ok) throw new Error(content.error ?? `status ${answer.status}`);
  return content;
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
