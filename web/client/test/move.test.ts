import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LinkFactory } from '../src/connection.ts';
import { type ClientOptions, MesChainSignalRClient } from '../src/client.ts';
import { moveDelayMs, moveRetryMs } from '../src/retry.ts';
import { TokenStore } from '../src/tokens.ts';
import { EventLog, FakeEnvironment, FakeLink } from './doubles.ts';

const LIFE_CYCLE = [
  'signalr:connected',
  'signalr:disconnected',
  'signalr:reconnecting',
  'signalr:reconnected',
  'signalr:moved',
];

let links: FakeLink[];
let prepare: (link: FakeLink, number: number) => void;
let log: EventLog;
let heard: string[];

/** Another double for each connection, as the real factory does it. */
const factory: LinkFactory = (options) => {
  const link = new FakeLink();
  links.push(link);
  prepare(link, links.length);
  return link.factory(options);
};

function client(role = 'marketplace_manager', options: ClientOptions = {}): MesChainSignalRClient {
  const tokens = new TokenStore('/api', new FakeEnvironment());
  const made = new MesChainSignalRClient('own:1', role, { autoStart: false, link: factory, tokens, ...options });
  made.on('orderNotification', (order) => heard.push(String(order.eventId)));
  made.on('metricsUpdate', () => heard.push('metrics'));
  return made;
}

function link(number: number): FakeLink {
  const found = links[number - 1];
  if (!found) throw new Error(`there are ${links.length} connections`);
  return found;
}

function order(position: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { orderNumber: String(position), eventId: `e${position}`, position, ...more };
}

function moving(seconds = 10): Record<string, unknown> {
  return { deadline: new Date(Date.now() + seconds * 1000).toISOString(), reason: 'rollout' };
}

beforeEach(() => {
  vi.useFakeTimers();
  links = [];
  heard = [];
  prepare = () => undefined;
  log = new EventLog(LIFE_CYCLE);
});

afterEach(() => {
  log.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a move', () => {
  it('is on the next connection, with its groups, before it leaves the one that there is', async () => {
    const made = client();
    await made.start();
    await made.joinMarketplace('n11');
    prepare = (next) => {
      next.answer = (method) => {
        if (method !== 'AcknowledgeNotification') expect(link(1).state).toBe('Connected');
        return method === 'ResumeEvents' ? { position: 3, complete: true, more: false, orders: [] } : null;
      };
    };
    link(1).receive('serverMoving', moving());
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    expect(links.length).toBe(2);
    expect([link(1).state, link(2).state, made.isConnected()]).toEqual(['Disconnected', 'Connected', true]);
    expect(link(2).calls).toEqual(link(1).calls);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:moved']);
    await made.invoke('AcknowledgeNotification', 'x');
    expect(link(2).methods()).toContain('AcknowledgeNotification');
    expect(made.position).toBe(3);
  });

  it('waits a moment of its own within the first fiftieth of the time', async () => {
    await client().start();
    vi.spyOn(Math, 'random').mockReturnValueOnce(0.5);
    link(1).receive('serverMoving', moving(20));
    await vi.advanceTimersByTimeAsync(150);
    expect(links.length).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(links.length).toBe(2);
  });

  it('handles each event once, whichever connection brings it first', async () => {
    await client().start();
    link(1).receive('orderNotification', order(1));
    let resumed: (value: unknown) => void = () => undefined;
    prepare = (next) => {
      next.answer = (method) => (method === 'ResumeEvents' ? new Promise((resolve) => (resumed = resolve)) : null);
    };
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    expect(link(2).resumes).toEqual([1]);
    link(2).receive('orderNotification', order(4)); // live on the next: held until the replay is done
    link(1).receive('orderNotification', order(2)); // live on the old: at once
    link(2).receive('orderNotification', order(2, { replayed: true }));
    link(2).receive('orderNotification', order(3, { replayed: true }));
    link(1).receive('orderNotification', order(3));
    expect(heard).toEqual(['e1', 'e2', 'e3']);
    resumed({ position: 3, complete: true, more: false, orders: [] });
    await vi.advanceTimersByTimeAsync(0);
    link(1).receive('orderNotification', order(4));
    link(2).receive('orderNotification', order(5));
    link(1).receive('orderNotification', order(5));
    expect(heard).toEqual(['e1', 'e2', 'e3', 'e4', 'e5']);
  });

  it('takes figures, which have no ids, from one connection at a time', async () => {
    const made = client('viewer');
    await made.start();
    let joined: (value: unknown) => void = () => undefined;
    prepare = (next) => {
      next.answer = () => new Promise((resolve) => (joined = resolve));
    };
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    link(2).receive('metricsUpdate', {});
    link(1).receive('metricsUpdate', {});
    expect(heard).toEqual(['metrics']);
    joined(null);
    await vi.advanceTimersByTimeAsync(0);
    link(1).receive('metricsUpdate', {});
    link(2).receive('metricsUpdate', {});
    expect(heard).toEqual(['metrics', 'metrics']);
    expect(link(2).resumes).toEqual([]);
  });

  it('is tried again after a pause, and leaves the old connection alone until it works', async () => {
    const made = client();
    await made.start();
    prepare = (next, number) => {
      if (number < 4) next.failures = [new Error("Status code '429'")];
    };
    vi.spyOn(Math, 'random').mockReturnValue(0.5); // attempts after 100, 475 and 1225 ms
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    expect([made.isConnected(), link(1).state]).toEqual([true, 'Connected']);
    await vi.advanceTimersByTimeAsync(5000);
    expect(links.length).toBe(4);
    expect([link(1).state, link(4).state]).toEqual(['Disconnected', 'Connected']);
    // Only the first goes straight for the socket: where that is what failed, the others find another way.
    expect(links.map((each) => each.options?.direct)).toEqual([false, true, false, false]);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:moved']);
  });

  it('goes where it is told, and asks when that fails', async () => {
    await client().start();
    prepare = (next, number) => {
      if (number < 3) next.failures = [new Error('gone')];
    };
    const place = { url: 'https://blue.example.com/client/?hub=x', accessToken: 't' };
    link(1).receive('serverMoving', { ...moving(), ...place });
    await vi.advanceTimersByTimeAsync(5000);
    expect(links.map((each) => each.options?.place)).toEqual([null, place, null]);
    expect(link(3).state).toBe('Connected');
  });

  it.each([{ url: 'https://blue.example.com' }, { accessToken: 't' }, { url: 7, accessToken: {} }])(
    'asks where half of a place is told: %j',
    async (half) => {
      await client().start();
      link(1).receive('serverMoving', { ...moving(), ...half });
      await vi.advanceTimersByTimeAsync(1000);
      expect(links.map((each) => each.options?.place)).toEqual([null, null]);
    },
  );

  it('that meets a server without replay is given up, and nothing is held back', async () => {
    await client().start();
    prepare = (next) => {
      next.refuse = (method) => (method === 'ResumeEvents' ? new Error('An unexpected error occurred') : null);
    };
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(300_000);
    link(1).receive('orderNotification', order(1));
    expect(heard).toEqual(['e1']);
    expect(links.slice(1).every((each) => each.state === 'Disconnected')).toBe(true);
  });

  it('ends when the old connection is lost meanwhile, which comes back by itself', async () => {
    const made = client();
    await made.start();
    prepare = (next) => {
      next.answer = (method) => (method === 'ResumeEvents' ? new Promise(() => undefined) : null);
    };
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    link(1).lose();
    expect(link(2).state).toBe('Disconnected');
    link(1).comeBack();
    await vi.advanceTimersByTimeAsync(0);
    link(1).receive('orderNotification', order(1));
    expect(heard).toEqual(['e1']);
    expect(made.isConnected()).toBe(true);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:reconnecting', 'signalr:reconnected']);
  });

  it('ends with the client', async () => {
    const made = client();
    await made.start();
    prepare = (next) => {
      next.answer = (method) => (method === 'ResumeEvents' ? new Promise(() => undefined) : null);
    };
    link(1).receive('serverMoving', moving());
    await vi.advanceTimersByTimeAsync(1000);
    await made.disconnect();
    expect(links.map((each) => each.state)).toEqual(['Disconnected', 'Disconnected']);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:disconnected']);
  });

  it('may be followed by another, back', async () => {
    const made = client();
    await made.start();
    for (const number of [1, 2, 3]) {
      link(number).receive('serverMoving', moving());
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(links.map((each) => each.state)).toEqual(['Disconnected', 'Disconnected', 'Disconnected', 'Connected']);
    link(4).lose();
    expect(log.namesSeen.at(-1)).toBe('signalr:reconnecting');
  });
});

describe('when to move', () => {
  it.each([
    [10_000, 0, 0],
    [10_000, 0.5, 100],
    [-5, 0.5, 0],
    [86_400_000, 0.5, 300],
  ])('with %i ms left and luck %f after %i ms', (left, random, delay) => {
    expect(moveDelayMs(left, random)).toBe(delay);
  });

  it('the attempts spread and become fewer', () => {
    expect([moveRetryMs(0, 0), moveRetryMs(0, 1), moveRetryMs(1, 1), moveRetryMs(50, 1)]).toEqual([
      250, 500, 1000, 30_000,
    ]);
  });
});
