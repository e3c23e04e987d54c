import { beforeEach, expect, test, vi } from 'vitest';
import { MesChainWebSocket } from '../src/role.ts';
import { FakeFeed, ORDER, settled } from './doubles.ts';

let feed: FakeFeed;

beforeEach(() => {
  feed = new FakeFeed();
  document.body.innerHTML = '<span id="pending-orders">3</span>';
});

async function client(userRole: string): Promise<{ socket: MesChainWebSocket; heard: [string, unknown][] }> {
  const socket = new MesChainWebSocket({ userRole, userId: 'made up', open: feed.open });
  const heard: [string, unknown][] = [];
  const types = ['new_order', 'trendyol_order', 'ebay_sale', 'stock_alert', 'marketplace_sync', 'system_alert'];
  for (const type of [...types, 'user_activity', 'order_status', 'connected', 'disconnected'])
    socket.on(type, (data) => heard.push([type, data]));
  await settled();
  return { socket, heard };
}

const types = (heard: [string, unknown][]) => heard.map(([type]) => type);

function happen(): void {
  feed.send('orderNotification', ORDER);
  feed.send('orderNotification', { ...ORDER, marketplace: 'ebay' });
  feed.send('orderNotification', { ...ORDER, status: 'shipped' });
  feed.send('inventoryUpdate', { productId: 5, name: 'Çay', quantity: 2 });
  feed.send('inventoryUpdate', { productId: 5, name: 'Çay', quantity: 2 });
  feed.send('inventoryUpdate', { productId: 6, name: 'Su', quantity: 200 });
  feed.send('marketplaceSyncUpdate', { marketplace: 'n11', status: 'running' });
  feed.send('marketplaceSyncUpdate', { marketplace: 'n11', status: 'success', processed: 7 });
  feed.send('systemAlert', { message: 'Depo', level: 'critical' });
  feed.send('userActivityUpdate', { text: 'Ayşe logged in.' });
}

test('an administrator hears what its channels were for', async () => {
  const { heard } = await client('admin');
  happen();
  expect(types(heard)).toEqual([
    'new_order',
    'trendyol_order',
    'new_order',
    'ebay_sale',
    'stock_alert',
    'marketplace_sync',
  ]);
  expect(heard[0]?.[1]).toEqual({
    orderId: 'TY-1',
    marketplace: 'Trendyol',
    amount: 99.5,
    productCount: 2,
    itemCount: 2,
  });
  expect(document.getElementById('pending-orders')?.textContent).toBe('5');
});

test('other roles have other channels', async () => {
  const { heard } = await client('dropshipper');
  happen();
  expect(types(heard)).toEqual(['order_status']);
});

test('the highest role hears alerts, at the levels that pages know', async () => {
  const { heard } = await client('super_admin');
  feed.send('systemAlert', { message: 'Depo', level: 'critical' });
  expect(heard).toEqual([['system_alert', { message: 'Depo', level: 'error' }]]);
});

test('no text becomes HTML', async () => {
  const { heard } = await client('super_admin');
  feed.send('systemAlert', { message: '<img src=x onerror=alert(1)>', level: 'info' });
  feed.send('receiveNotification', { message: '<b>', type: 'info' });
  expect(JSON.stringify(heard)).not.toContain('<');
  expect(document.querySelector('img, b')).toBeNull();
});

test('a listener that fails keeps the others', async () => {
  const { socket, heard } = await client('admin');
  const quiet = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  socket.on('early', () => {
    throw new Error('broken');
  });
  socket.on('early', () => heard.push(['early', null]));
  socket.emit('early');
  expect(types(heard)).toEqual(['early']);
  quiet.mockRestore();
});

test('it tells of connects and losses, and what its state is', async () => {
  const { socket, heard } = await client('admin');
  feed.turn(true);
  feed.turn(true);
  feed.turn(false);
  expect(types(heard)).toEqual(['connected', 'disconnected']);
  expect(socket.getStatus()).toMatchObject({ connected: false, userRole: 'admin', queuedMessages: 0 });
  socket.disconnect();
  expect(feed.stopped).toBe(true);
});

test('while nobody is logged in it tries as long as the old client did', async () => {
  vi.useFakeTimers();
  feed.failure = new Error('The log-in has ended.');
  const { socket } = await client('admin');
  const given: unknown[] = [];
  socket.on('max_reconnect_reached', () => given.push(true));
  for (let turn = 0; turn < 12; turn += 1) await vi.advanceTimersByTimeAsync(30_000);
  expect(given).toHaveLength(1);
  expect(socket.reconnectAttempts).toBe(10);
  vi.useRealTimers();
});
