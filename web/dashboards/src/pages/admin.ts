// The GEMINI dashboard: opens the page, starts the client from the page's meta tags and hands each event to its part.

import '../styles/index.css';
import { autoStart, type HubTarget, type MesChainSignalRClient } from '@meschain/client';
import { ActivityList } from '../admin/activity.ts';
import { Alerts } from '../admin/alerts.ts';
import { Figures } from '../admin/figures.ts';
import { LogView } from '../admin/log.ts';
import { LOG_ENTRIES } from '../admin/log_entries.ts';
import { Markets } from '../admin/markets.ts';
import { StockChanges } from '../admin/stock_changes.ts';
import { byId } from '../dom.ts';
import { t } from '../i18n.ts';
import { watchConnection } from '../live.ts';
import { OrderList } from '../shared/orders.ts';
import { openPage } from '../shell.ts';
import type { TextKey } from '../texts.ts';
import { notify } from '../toast.ts';

declare global {
  interface Window {
    showGeminiNotification?: (message: string, type: string, payload?: object) => void;
  }
}

const session = await openPage('admin', [
  { id: 'dashboard-section', text: 'admin.overview' },
  { id: 'performance', text: 'admin.performance' },
  { id: 'marketplaces', text: 'admin.marketplaces' },
  { id: 'orders', text: 'admin.orders' },
  { id: 'stock', text: 'admin.stock' },
  { id: 'alerts', text: 'admin.alerts' },
  { id: 'logs-section', text: 'admin.logs' },
]);

for (const [name, value] of [
  ['user-id', session.userId],
  ['user-role', session.role],
] as const) {
  document.querySelector(`meta[name="${name}"]`)?.setAttribute('content', value);
}
window.showGeminiNotification = (message, type, payload) => notify({ ...payload, message, type });

const started = autoStart();
if (started === null) throw new Error('the session may enter this page but has no administrator role');
const client: MesChainSignalRClient = started;

const log = new LogView();
const figures = new Figures();
const alerts = new Alerts(() => client);
const activity = new ActivityList();
const orders = new OrderList(byId('recent-orders'), 8);
const stock = new StockChanges(byId('stock-changes'), 8);
const markets = new Markets(
  () => client,
  (snapshot) => orders.load(snapshot.recentOrders),
);

watchConnection(client);

client.on('updateAdminDashboard', (data) => {
  figures.receive(data);
  orders.load(data.recentOrders ?? []);
  alerts.load(data.recentAlerts ?? []);
  activity.load(data.recentActivity ?? []);
});
client.on('marketplaceSyncUpdate', (update) => markets.receive(update));
client.on('systemAlert', (alert) => alerts.receive(alert));
client.on('userActivityUpdate', (entry) => activity.load([entry]));
client.on('orderNotification', (order) => orders.receive(order));
client.on('inventoryUpdate', (change) => stock.receive(change));

function logEvents<Target extends HubTarget>(target: Target): void {
  const build = LOG_ENTRIES[target];
  if (build) client.on(target, (payload) => log.add(build(payload)));
}
for (const target of Object.keys(LOG_ENTRIES) as HubTarget[]) logEvents(target);

function logConnection(event: string, key: TextKey, level: string): void {
  document.addEventListener(event, () => {
    log.add({ time: new Date().toISOString(), level, text: () => t(key) });
  });
}
logConnection('signalr:connected', 'log.connected', 'info');
logConnection('signalr:reconnecting', 'log.reconnecting', 'warning');
logConnection('signalr:reconnected', 'log.reconnected', 'info');

// Once more in the group: what happened before no event has told.
for (const event of ['signalr:connected', 'signalr:reconnected']) {
  document.addEventListener(event, () => void markets.load());
}
await markets.load();
