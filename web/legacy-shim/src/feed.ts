// What both scripts stand on: one SignalR connection for the person that is logged in, on the hub of its role. Knows no
// old name. Who it is comes from the log-in, never from what an old page says of its user.

import { MesChainSignalRClient, TokenStore } from '@meschain/client';
import type { HubEvents, SessionInfo } from '@meschain/contracts';

type Target = keyof HubEvents;

/** The connection as the old classes see it; tests give their own. */
export interface Feed {
  /** Role of who is logged in. */
  readonly role: string;
  on(target: Target, handler: (payload: Record<string, unknown>) => void): void;
  onState(handler: (connected: boolean) => void): void;
  sync(marketplace: string): Promise<unknown>;
  /** Ask for fresh figures; they come as events. */
  refresh(): Promise<unknown>;
  stop(): void;
}

export type OpenFeed = (api: string) => Promise<Feed>;

/** Rejects when nobody is logged in, or the server cannot be asked. */
export const openFeed: OpenFeed = async (api) => {
  const tokens = new TokenStore(api);
  const answer = await tokens.authorizedFetch('/session');
  if (!answer.ok) throw new Error(`The log-in could not be read: status ${answer.status}.`);
  const session = (await answer.json()) as SessionInfo;
  const client = new MesChainSignalRClient(session.userId, session.role, { api, tokens });
  const listening: (() => void)[] = [];
  return {
    role: session.role,
    on: (target, handler) => void client.on(target, (payload) => handler(payload as Record<string, unknown>)),
    onState: (handler) => void listening.push(listen(client.hub, handler)),
    sync: (marketplace) => client.syncMarketplace(marketplace),
    refresh: () => client.sendAdminCommand('requestDashboardUpdate', { timestamp: new Date().toISOString() }),
    // That it is away is heard before the listeners are taken off.
    stop: () => void client.disconnect().finally(() => listening.splice(0).forEach((end) => end())),
  };
};

const CONNECTED = ['signalr:connected', 'signalr:reconnected'];
const AWAY = ['signalr:reconnecting', 'signalr:disconnected', 'signalr:connectionFailed'];

/** The function returned ends it. */
export function listen(hub: string, handler: (connected: boolean) => void): () => void {
  const names = [...CONNECTED, ...AWAY];
  const heard = (event: Event) => {
    if ((event as CustomEvent<{ hub?: string }>).detail?.hub === hub) handler(CONNECTED.includes(event.type));
  };
  for (const name of names) document.addEventListener(name, heard);
  return () => {
    for (const name of names) document.removeEventListener(name, heard);
  };
}

/** `/api` of the server that the script itself came from. */
export function apiOf(script: string): string {
  return script === '' ? '/api' : new URL('/api', script).href;
}
