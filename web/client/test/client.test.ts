import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientOptions, MesChainSignalRClient } from '../src/client.ts';
import { LoggedOut, TOKEN_KEY, TokenStore } from '../src/tokens.ts';
import { EventLog, FakeEnvironment, FakeLink } from './doubles.ts';

const LIFE_CYCLE = [
  'signalr:connected',
  'signalr:disconnected',
  'signalr:reconnecting',
  'signalr:reconnected',
  'signalr:connectionFailed',
  'signalr:loggedOut',
];

let link: FakeLink;
let log: EventLog;
let environment: FakeEnvironment;

function client(role: string, options: ClientOptions = {}): MesChainSignalRClient {
  const tokens = new TokenStore('/api', environment);
  return new MesChainSignalRClient('own:1', role, { autoStart: false, link: link.factory, tokens, ...options });
}

beforeEach(() => {
  vi.useFakeTimers();
  link = new FakeLink();
  environment = new FakeEnvironment();
  log = new EventLog(LIFE_CYCLE);
});

afterEach(() => {
  log.close();
  vi.useRealTimers();
  document.body.replaceChildren();
  for (const name of ['updateGeminiDashboard', 'showGeminiNotification']) Reflect.deleteProperty(window, name);
});

describe('life cycle', () => {
  it('starts by itself after the page had time to add listeners', async () => {
    client('admin', { autoStart: true });
    expect(link.starts).toBe(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(log.namesSeen).toEqual(['signalr:connected']);
  });

  it.each([
    ['super_admin', 'JoinAdminGroup', ['own:1', 'super_admin']],
    ['admin', 'JoinAdminGroup', ['own:1', 'admin']],
    ['marketplace_manager', 'JoinMarketplaceGroup', ['all', 'own:1']],
    ['dropshipper', 'SubscribeToDashboard', ['own:1', ['basic']]],
    ['technical', 'SubscribeToDashboard', ['own:1', ['basic']]],
    ['somebody', 'SubscribeToDashboard', ['own:1', ['basic']]],
  ])('joins by role: %s', async (role, method, args) => {
    await client(role).start();
    expect(link.calls).toEqual([{ method, args }]);
  });

  it('enters the hub that it is given', async () => {
    await client('admin', { hub: 'MesChainDashboardHub', metrics: ['basic', 'business'] }).start();
    expect(link.options?.hub).toBe('MesChainDashboardHub');
    expect(link.calls).toEqual([{ method: 'SubscribeToDashboard', args: ['own:1', ['basic', 'business']] }]);
  });

  it('tries the first connect ten times, then says so', async () => {
    link.failures = Array.from({ length: 20 }, () => new Error('refused'));
    const started = client('admin').start();
    await vi.advanceTimersByTimeAsync(600_000);
    await started;
    expect(link.starts).toBe(10);
    expect(log.namesSeen).toEqual(['signalr:connectionFailed']);
  });

  it('retries a reconnect without end', async () => {
    await client('admin').start();
    expect(link.options?.nextDelayMs(0, undefined)).toBe(1000);
    expect(link.options?.nextDelayMs(5000, new Error('refused'))).toBe(30_000);
  });

  it('joins all its groups again after a reconnect', async () => {
    const subject = client('marketplace_manager');
    await subject.start();
    await subject.joinMarketplace('trendyol');
    await subject.joinMarketplace('trendyol');
    link.calls.length = 0;
    link.lose();
    link.comeBack();
    await vi.advanceTimersByTimeAsync(0);
    expect(link.calls.map((call) => call.args[0])).toEqual(['all', 'trendyol']);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:reconnecting', 'signalr:reconnected']);
  });

  it('keeps a join that was asked for before the connect', async () => {
    const subject = client('admin', { hub: 'MesChainDashboardHub' });
    await subject.subscribeToDashboard(['performance']);
    await subject.start();
    expect(link.methods()).toEqual(['SubscribeToDashboard', 'SubscribeToDashboard']);
  });

  it('lets a refused join not hinder the others', async () => {
    const warn = console.warn;
    console.warn = () => undefined;
    link.refuse = (method) => (method === 'JoinMarketplaceGroup' ? new Error('no right') : null);
    await client('marketplace_manager').start();
    console.warn = warn;
    expect(log.namesSeen).toEqual(['signalr:connected']);
  });

  it('connects anew when the server closed without allowing a reconnect', async () => {
    await client('admin').start();
    link.giveUp(new Error('Connection closed with an error.'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(link.starts).toBe(2);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:reconnecting', 'signalr:reconnected']);
  });

  it('connects anew when the server closed without a word', async () => {
    await client('admin').start();
    link.giveUp(undefined);
    await vi.advanceTimersByTimeAsync(1000);
    expect(link.starts).toBe(2);
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:reconnecting', 'signalr:reconnected']);
  });

  it('stops for good at disconnect', async () => {
    const subject = client('admin');
    await subject.start();
    await subject.disconnect();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(link.starts).toBe(1);
    expect(subject.isConnected()).toBe(false);
    expect(subject.getConnectionState()).toBe('Disconnected');
    expect(log.namesSeen).toEqual(['signalr:connected', 'signalr:disconnected']);
  });

  it('stops waiting for the next attempt at disconnect', async () => {
    link.failures = [new Error('refused')];
    const subject = client('admin');
    const started = subject.start();
    await vi.advanceTimersByTimeAsync(0);
    await subject.disconnect();
    await started;
    expect(link.starts).toBe(1);
  });

  it('gives up when the log-in has ended, and says so', async () => {
    await client('admin').start();
    link.lose();
    const wrapped = new Error(`Failed to complete negotiation with the server: ${new LoggedOut()}`);
    expect(link.options?.nextDelayMs(3, wrapped)).toBeNull();
    link.giveUp(wrapped);
    expect(log.namesSeen).toEqual([
      'signalr:connected',
      'signalr:reconnecting',
      'signalr:loggedOut',
      'signalr:disconnected',
    ]);
  });

  it('asks for a new token after negotiate refused the stored one', async () => {
    environment.entries.set(TOKEN_KEY, environment.token(600));
    const renewed = environment.token(900, 'b');
    await client('admin').start();
    expect(await link.options?.token()).toBe(environment.token(600));
    link.options?.nextDelayMs(0, new Error("Unauthorized: Status code '401'"));
    environment.answers = [Response.json({ accessToken: renewed })];
    expect(await link.options?.token()).toBe(renewed);
  });
});

describe('health check', () => {
  it('asks for the dashboard every 30 s as an administrator', async () => {
    await client('admin').start();
    link.calls.length = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(link.calls.map((call) => call.args[0])).toEqual(['requestDashboardUpdate', 'requestDashboardUpdate']);
    expect(link.calls[0]?.args[1]).toHaveProperty('timestamp');
  });

  it('asks nothing as anybody else, nor while reconnecting', async () => {
    await client('viewer').start();
    link.calls.length = 0;
    link.lose();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(link.calls).toEqual([]);
  });
});

describe('events', () => {
  const everyTarget = [
    'updateAdminDashboard',
    'systemAlert',
    'receiveNotification',
    'userActivityUpdate',
    'marketplaceSyncUpdate',
    'inventoryUpdate',
    'orderNotification',
    'metricsUpdate',
    'performanceData',
    'businessMetrics',
  ];
  const odd: unknown[] = [
    undefined,
    null,
    {},
    [],
    7,
    'text',
    { systemStatus: null, performanceMetrics: 'x', message: 3 },
  ];

  it.each(everyTarget)('%s survives missing and odd fields', async (target) => {
    await client('admin').start();
    for (const payload of odd) expect(() => link.receive(target, payload)).not.toThrow();
    expect(() => link.receive(target)).not.toThrow();
  });

  it('dispatches the older name for the dashboard and signalr:<target> for the others', async () => {
    const events = new EventLog(['signalr:adminDashboardUpdate', 'signalr:orderNotification']);
    await client('admin').start();
    link.receive('updateAdminDashboard', { timestamp: 't' });
    link.receive('orderNotification', { orderNumber: '7' });
    expect(events.seen).toEqual([
      { name: 'signalr:adminDashboardUpdate', detail: { timestamp: 't' } },
      { name: 'signalr:orderNotification', detail: { orderNumber: '7' } },
    ]);
    events.close();
  });

  it('calls the hooks of the page, and outlives one that throws', async () => {
    const error = console.error;
    console.error = () => undefined;
    const shown: unknown[] = [];
    Object.assign(window, {
      updateGeminiDashboard: () => {
        throw new Error('the page is broken');
      },
      showGeminiNotification: (message: string, type: string) => shown.push([message, type]),
    });
    await client('admin').start();
    link.receive('updateAdminDashboard', {});
    link.receive('systemAlert', { message: 'Stock is low', level: 'warning' });
    console.error = error;
    expect(shown).toEqual([['Stock is low', 'warning']]);
  });

  it('calls nobody for an alert that comes again because of what became of it', async () => {
    const shown: unknown[] = [];
    Object.assign(window, { showGeminiNotification: (message: string) => shown.push(message) });
    await client('admin').start();
    link.receive('systemAlert', { id: '1', message: 'Stock is low', state: 'firing' });
    link.receive('systemAlert', { id: '1', message: 'Stock is low', state: 'acknowledged' });
    link.receive('systemAlert', { id: '1', message: 'Stock is low', state: 'resolved' });
    expect(shown).toEqual(['Stock is low']);
  });

  it('writes what it is given and leaves the rest', async () => {
    for (const id of [
      'active-sessions',
      'error-rate',
      'system-uptime',
      'api-health',
      'n11-sync-status',
      'daily-revenue',
    ]) {
      document.body.append(Object.assign(document.createElement('span'), { id, textContent: 'before' }));
    }
    await client('admin').start();
    link.receive('updateAdminDashboard', {
      systemStatus: { apiHealth: 'healthy', marketplaceSync: { n11: { status: 'running' }, '<b>': { status: 'x y' } } },
      performanceMetrics: { errorRate: 1.234, uptime: 93_784, sources: {} },
      businessMetrics: { revenue: 0, sources: { revenue: 'none' } },
    });
    const shown = (id: string): string | null | undefined => document.getElementById(id)?.textContent;
    expect(shown('active-sessions')).toBe('before');
    expect(shown('error-rate')).toBe('1.23%');
    expect(shown('system-uptime')).toBe('1d 2h 3m');
    expect(document.getElementById('api-health')?.className).toBe('status-indicator healthy');
    expect(document.getElementById('n11-sync-status')?.className).toBe('sync-status running');
    expect(shown('daily-revenue')).toBe('—');
  });

  it('writes a metric into its element as text', async () => {
    document.body.append(Object.assign(document.createElement('b'), { id: 'metric-note' }));
    await client('viewer').start();
    link.receive('metricsUpdate', { note: '<img src=x onerror=alert(1)>' });
    expect(document.getElementById('metric-note')?.children).toHaveLength(0);
  });

  it('shows the connection status as older pages expect it', async () => {
    document.body.append(Object.assign(document.createElement('span'), { id: 'connection-status' }));
    const status = (): string => `${document.body.firstElementChild?.className}: ${document.body.textContent}`;
    await client('admin').start();
    expect(status()).toBe('connection-status connected: CONNECTED');
    link.lose();
    expect(status()).toBe('connection-status disconnected: RECONNECTING...');
  });
});

describe('notifications', () => {
  it('acknowledges one that was shown, and shows it once', async () => {
    const subject = client('viewer');
    const shown: unknown[] = [];
    subject.on('receiveNotification', (notification) => shown.push(notification.message));
    await subject.start();
    link.receive('receiveNotification', { id: 'n1', userId: 'own:1', message: 'Hello' });
    link.receive('receiveNotification', { id: 'n1', userId: 'own:1', message: 'Hello' });
    expect(shown).toEqual(['Hello']);
    expect(link.calls.slice(1)).toEqual([
      { method: 'AcknowledgeNotification', args: ['n1'] },
      { method: 'AcknowledgeNotification', args: ['n1'] },
    ]);
  });

  it('gives the hook of the page all there is to know', async () => {
    const shown: unknown[][] = [];
    Object.assign(window, { showGeminiNotification: (...args: unknown[]) => shown.push(args) });
    await client('viewer').start();
    const notification = { id: 'n1', message: 'Hello', type: 'warning', persistent: true };
    link.receive('receiveNotification', notification);
    Object.assign(window, { showGeminiNotification: undefined });
    expect(shown).toEqual([['Hello', 'warning', notification]]);
  });

  it('leaves one pending that nothing on the page shows', async () => {
    await client('viewer').start();
    link.receive('receiveNotification', { id: 'n1', message: 'Hello' });
    expect(link.methods()).not.toContain('AcknowledgeNotification');
  });

  it('passes over one for another user', async () => {
    const subject = client('viewer');
    const shown: unknown[] = [];
    subject.on('receiveNotification', (notification) => shown.push(notification));
    await subject.start();
    link.receive('receiveNotification', { id: 'n1', userId: 'own:2', message: 'Hello' });
    expect(shown).toEqual([]);
  });
});

describe('calls', () => {
  it('starts a sync by the admin command on the admin hub and by its own method elsewhere', async () => {
    const admin = client('admin');
    await admin.start();
    await admin.syncMarketplace('etsy');
    expect(link.calls.at(-1)).toEqual({ method: 'HandleAdminCommand', args: ['triggerSync', { marketplace: 'etsy' }] });

    link = new FakeLink();
    const manager = client('marketplace_manager');
    await manager.start();
    await manager.syncMarketplace('etsy');
    expect(link.calls.at(-1)).toEqual({ method: 'SyncMarketplaceData', args: ['etsy', { action: 'sync' }] });
  });

  it('joins the admin group a second time without harm', async () => {
    const subject = client('admin');
    await subject.start();
    await subject.subscribeToAdminUpdates();
    link.lose();
    link.calls.length = 0;
    link.comeBack();
    await vi.advanceTimersByTimeAsync(0);
    expect(link.methods()).toEqual(['JoinAdminGroup']);
  });
});

describe('catching up', () => {
  const FAULT = new Error("An unexpected error occurred invoking 'ResumeEvents' on the server.");

  it('asks after each connect for what it missed, behind its joins', async () => {
    const subject = client('marketplace_manager');
    const seen: unknown[] = [];
    subject.on('orderNotification', (order) => seen.push(order.position));
    link.answer = (method) => {
      if (method !== 'ResumeEvents') return null;
      expect(link.methods()).toContain('JoinMarketplaceGroup');
      if (link.resumes.length === 2) link.receive('orderNotification', { eventId: 'b', position: 5, replayed: true });
      return { position: link.resumes.length === 1 ? 3 : 5, complete: true, more: false, orders: [] };
    };
    await subject.start();
    link.receive('orderNotification', { eventId: 'a', position: 4 });
    link.lose();
    link.comeBack();
    link.receive('orderNotification', { eventId: 'c', position: 6 });
    await vi.advanceTimersByTimeAsync(0);
    expect(link.resumes).toEqual([null, 4]);
    expect(seen).toEqual([4, 5, 6]);
    expect(subject.position).toBe(6);
  });

  it('goes on from the position that it is given', async () => {
    await client('admin', { position: 12 }).start();
    expect(link.resumes).toEqual([12]);
  });

  it('asks nothing on the dashboard hub, which has no events', async () => {
    const subject = client('viewer');
    const seen: unknown[] = [];
    subject.on('metricsUpdate', (metrics) => seen.push(metrics));
    await subject.start();
    link.receive('metricsUpdate', {});
    expect([link.resumes, seen.length]).toEqual([[], 1]);
  });

  it('tells the page when something was missed for good', async () => {
    const missed = new EventLog(['signalr:eventsMissed']);
    link.answer = () => ({ position: 9, complete: false, more: false, orders: [] });
    await client('admin', { position: 2 }).start();
    expect(missed.namesSeen).toEqual(['signalr:eventsMissed']);
    missed.close();
  });

  it('asks again after a fault of the server, and holds what comes meanwhile', async () => {
    const subject = client('admin');
    const seen: unknown[] = [];
    subject.on('systemAlert', (alert) => seen.push(alert.position));
    link.refuse = (method) => (method === 'ResumeEvents' && link.resumes.length < 3 ? FAULT : null);
    const started = subject.start();
    await vi.advanceTimersByTimeAsync(0);
    link.receive('systemAlert', { eventId: 'a', position: 1 });
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(10_000);
    await started;
    expect(link.resumes).toEqual([null, null, null]);
    expect(seen).toEqual([1]);
  });

  it.each([
    ['a server that does not know the method', new Error('Method does not exist.'), 1],
    ['a fault that stays', FAULT, 5],
  ])('goes on live without it: %s', async (_, error, attempts) => {
    const warn = console.warn;
    console.warn = () => undefined;
    const subject = client('admin');
    const seen: unknown[] = [];
    subject.on('systemAlert', (alert) => seen.push(alert.position));
    link.refuse = (method) => (method === 'ResumeEvents' ? error : null);
    const started = subject.start();
    await vi.advanceTimersByTimeAsync(60_000);
    await started;
    link.receive('systemAlert', { eventId: 'a', position: 1 });
    expect(link.resumes).toHaveLength(attempts);
    expect(seen).toEqual([1]);
    console.warn = warn;
  });
});
