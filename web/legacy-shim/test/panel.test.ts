import { beforeEach, expect, test } from 'vitest';
import { addIndicators, MeschainWebSocketClient } from '../src/panel.ts';
import { FakeFeed, ORDER, settled } from './doubles.ts';

let feed: FakeFeed;

beforeEach(() => {
  feed = new FakeFeed();
  document.body.innerHTML = `
    <nav class="navbar"><div class="d-flex"></div></nav>
    <b id="totalRevenue"></b><b id="totalOrders"></b><b id="activeProducts"></b><b id="conversionRate"></b>
    <b id="responseTime"></b><b id="uptime"></b><div id="n11Status"></div>
    <button id="sync-n11" data-sync-marketplace="n11"></button>
    <button id="sync-ozon" data-sync-marketplace="ozon"></button>
    <button id="refreshPerformance"></button>
    <table id="recentOrdersTable"><tbody></tbody></table>`;
  addIndicators();
});

async function page(): Promise<MeschainWebSocketClient> {
  const client = new MeschainWebSocketClient({ open: feed.open });
  await settled();
  feed.turn(true);
  return client;
}

const text = (id: string) => document.getElementById(id)?.textContent;
const rows = () =>
  [...document.querySelectorAll('#recentOrdersTable tbody tr')].map((row) => row.children[0]?.textContent);

function dashboard(...orders: number[]): Record<string, unknown> {
  return {
    businessMetrics: { revenue: 1234, dailyTransactions: 5, activeProducts: 40, conversionRate: 2.5 },
    performanceMetrics: { responseTime: 3, errorRate: 1.25 },
    systemStatus: { marketplaceSync: { n11: { status: 'success', lastSync: new Date().toISOString() } } },
    recentOrders: orders.map((id) => ({ ...ORDER, orderId: id, orderNumber: `TY-${id}` })),
  };
}

test('the dashboard is written into the ids of the old page', async () => {
  await page();
  feed.send('updateAdminDashboard', dashboard());
  expect(text('totalRevenue')).toBe(`$${new Intl.NumberFormat().format(1234)}`);
  expect([text('totalOrders'), text('activeProducts'), text('conversionRate')]).toEqual(['5', '40', '2.5%']);
  expect([text('responseTime'), text('uptime')]).toEqual(['3ms', '98.75%']);
  expect(text('n11Status')).toBe('connected Just now');
  expect(text('connectionIndicator')).toBe('Connected');
});

test('a payload without its fields shows no nonsense', async () => {
  await page();
  feed.send('updateAdminDashboard', {});
  expect(document.body.textContent).not.toMatch(/NaN|undefined|null/);
});

test('each order has one row, the newest on top, ten at most', async () => {
  await page();
  feed.send('updateAdminDashboard', dashboard(3, 2, 1));
  feed.send('orderNotification', { ...ORDER, orderId: 4, orderNumber: 'TY-4' });
  feed.send('orderNotification', { ...ORDER, orderId: 4, orderNumber: 'TY-4', status: 'shipped' });
  feed.send('updateAdminDashboard', dashboard(4, 3, 2));
  expect(rows()).toEqual(['TY-4', 'TY-3', 'TY-2', 'TY-1']);
  for (let id = 5; id < 20; id += 1) feed.send('orderNotification', { ...ORDER, orderId: id, orderNumber: `TY-${id}` });
  expect(rows()).toHaveLength(10);
});

test('an order that is still told of has one row, however many came since', async () => {
  await page();
  feed.send('updateAdminDashboard', dashboard(1));
  for (let id = 2; id <= 250; id += 1) {
    feed.send('orderNotification', { ...ORDER, orderId: id, orderNumber: `TY-${id}` });
    feed.send('updateAdminDashboard', dashboard(1));
  }
  expect(rows().slice(0, 2)).toEqual(['TY-250', 'TY-249']);
  expect(rows()).not.toContain('TY-1');
}, 30_000);

test('orders of long ago are forgotten', async () => {
  await page();
  for (let id = 1; id <= 250; id += 1)
    feed.send('orderNotification', { ...ORDER, orderId: id, orderNumber: `TY-${id}` });
  feed.send('orderNotification', { ...ORDER, orderId: 1, orderNumber: 'TY-1' });
  expect(rows()[0]).toBe('TY-1');
}, 30_000);

test("a buyer's name is text", async () => {
  await page();
  feed.send('orderNotification', { ...ORDER, customer: '<img src=x>' });
  expect(document.querySelector('img')).toBeNull();
});

test('a button starts a sync, and is free again when it ended', async () => {
  await page();
  const button = document.getElementById('sync-n11') as HTMLButtonElement;
  button.click();
  await settled();
  expect(feed.synced).toEqual(['n11']);
  expect(button.disabled).toBe(true);
  feed.send('marketplaceSyncUpdate', { marketplace: 'n11', jobId: 'j', status: 'running' });
  expect(text('n11Status')).toBe('in_progress');
  feed.send('marketplaceSyncUpdate', { marketplace: 'n11', jobId: 'j', status: 'success' });
  expect(text('n11Status')).toBe('completed');
  expect(button.disabled).toBe(false);
});

test('all marketplaces of the page are synced by one call', async () => {
  const client = await page();
  client.requestManualSync();
  expect(feed.synced).toEqual(['n11', 'ozon']);
});

test('without a connection nothing is asked for', async () => {
  const client = await page();
  feed.turn(false);
  client.requestManualSync('n11');
  expect(feed.synced).toEqual([]);
  expect(document.querySelector('.alert-error')?.textContent).toBe('Not connected to server');
});

test('the buttons of the page refresh', async () => {
  await page();
  document.getElementById('refreshPerformance')?.click();
  expect(feed.refreshes).toBe(1);
});
