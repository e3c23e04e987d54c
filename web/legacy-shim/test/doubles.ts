// A live connection that the test drives.

import type { Feed, OpenFeed } from '../src/feed.ts';

type Handler = (payload: Record<string, unknown>) => void;

export class FakeFeed implements Feed {
  role = 'admin';
  stopped = false;
  refreshes = 0;
  readonly synced: string[] = [];
  failure: Error | null = null;
  private readonly handlers = new Map<string, Handler>();
  private state: (connected: boolean) => void = () => undefined;

  readonly open: OpenFeed = () => (this.failure ? Promise.reject(this.failure) : Promise.resolve(this));

  on(target: string, handler: Handler): void {
    this.handlers.set(target, handler);
  }

  onState(handler: (connected: boolean) => void): void {
    this.state = handler;
  }

  sync(marketplace: string): Promise<unknown> {
    this.synced.push(marketplace);
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(null);
  }

  refresh(): Promise<unknown> {
    this.refreshes += 1;
    return Promise.resolve(null);
  }

  stop(): void {
    this.stopped = true;
  }

  turn(connected: boolean): void {
    this.state(connected);
  }

  send(target: string, payload: Record<string, unknown>): void {
    this.handlers.get(target)?.(payload);
  }
}

/** Lets promises that are settled run on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

export const ORDER = {
  orderNumber: 'TY-1',
  orderId: 1,
  marketplace: 'trendyol',
  customer: 'Ayşe',
  status: 'created',
  total: 99.5,
  itemCount: 2,
  occurredAt: '2025-03-10T09:30:00.000Z',
};
