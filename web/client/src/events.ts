// What the client tells: hub events (generated from the server's contracts) and its own DOM events on `document`.

import type { HubEvents, ResumeAnswer } from '@meschain/contracts';

export type { HubEvents };
export type HubTarget = keyof HubEvents;

/** A payload as it may arrive from an older or newer server: any field may be missing. */
export type Loose<T> = T extends (infer Item)[]
  ? Loose<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Loose<T[Key]> }
    : T;

/** DOM events on `document`, by name, with their `detail`. */
export interface SignalREvents {
  /** The first connect of this client succeeded and its joins are done. Not fired by a reconnect. */
  'signalr:connected': ConnectionDetail;
  /** Another place holds the connection now; nothing was missed and nothing has to be done. */
  'signalr:moved': ConnectionDetail;
  /** The connection is closed: by `disconnect()`, or because the log-in ended. Not fired while it is reconnecting. */
  'signalr:disconnected': ConnectionDetail;
  /** An open connection was lost; attempts follow. Fired once per loss, not per attempt. */
  'signalr:reconnecting': ConnectionDetail;
  /** The connection is back and the groups are joined again. */
  'signalr:reconnected': ConnectionDetail;
  /** The first connect failed ten times. The client has stopped; `start()` tries again. */
  'signalr:connectionFailed': ConnectionDetail;
  /** The log-in has ended and nothing but a new log-in helps. `signalr:disconnected` follows. */
  'signalr:loggedOut': ConnectionDetail;
  /** Events were missed that the server no longer keeps: load what the page shows anew. Not fired for those replayed. */
  'signalr:eventsMissed': ResumeAnswer;
  /** `updateAdminDashboard` arrived. */
  'signalr:adminDashboardUpdate': Loose<HubEvents['updateAdminDashboard']>;
}

export interface ConnectionDetail {
  hub: string;
  error: string;
}

/** Name of the DOM event for a hub event: `signalr:<target>`, and the older name for the dashboard. */
export function domEventOf(target: string): string {
  return target === 'updateAdminDashboard' ? 'signalr:adminDashboardUpdate' : `signalr:${target}`;
}

export function dispatch(name: string, detail: unknown): void {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}
