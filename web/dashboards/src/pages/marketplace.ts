// The marketplace panel: reads GET /api/marketplaces, then lives on events. Sums and counts come from the server again a
// moment after each change, so that nothing is counted here.

import '../styles/index.css';
import { MesChainSignalRClient } from '@meschain/client';
import { MARKETPLACE_HUB, type PanelSnapshot } from '@meschain/contracts';
import { byId } from '../dom.ts';
import { formatMoney, formatNumber, NO_FIGURE } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { watchConnection } from '../live.ts';
import { MarketplaceCards } from '../panel/cards.ts';
import { StockTable } from '../panel/stock.ts';
import { total } from '../panel/totals.ts';
import { loadJson } from '../session.ts';
import { OrderList } from '../shared/orders.ts';
import { openPage } from '../shell.ts';
import { notify, toast } from '../toast.ts';

const RELOAD_AFTER_MS = 1500;
/** Of the time, at most, that reading takes: in a burst many pages ask a server that has more to do then. */
const READING_SHARE = 0.05;

const session = await openPage('marketplace');
const client = new MesChainSignalRClient(session.userId, session.role, { hub: MARKETPLACE_HUB });
const cards = new MarketplaceCards(() => client);
const stock = new StockTable();
const orders = new OrderList(byId('recent-orders'), 20);
let snapshot: PanelSnapshot | null = null;
let isReloading = false;
let readingMs = 0;

function writeTotals(): void {
  if (snapshot === null) return;
  const { marketplaces } = snapshot;
  const first = marketplaces[0];
  const write = (id: string, value: number | null, format: (value: number) => string): void => {
    const element = byId(id);
    element.textContent = value === null ? NO_FIGURE : format(value);
    element.classList.toggle('no-figure', value === null);
  };
  write('totalOrders', total(marketplaces, 'ordersToday'), formatNumber);
  write('totalRevenue', total(marketplaces, 'revenueToday'), (value) =>
    formatMoney(value, first?.currency ?? '', first?.currencyDecimals ?? 2),
  );
  write('totalListings', total(marketplaces, 'listings'), formatNumber);
  write('totalOutOfStep', total(marketplaces, 'listingsOutOfStep'), formatNumber);
}

async function load(): Promise<void> {
  const begun = performance.now();
  try {
    snapshot = await loadJson<PanelSnapshot>('/marketplaces');
    readingMs = performance.now() - begun;
  } catch (error) {
    // While the connection is down its own notice says so.
    if (client.isConnected()) toast(t('failed', { error: error instanceof Error ? error.message : '' }), 'error');
    return;
  }
  cards.load(snapshot.marketplaces);
  stock.load(snapshot.marketplaces);
  orders.load(snapshot.recentOrders);
  writeTotals();
}

function loadSoon(): void {
  if (isReloading) return;
  isReloading = true;
  setTimeout(
    () => {
      isReloading = false;
      void load();
    },
    Math.max(RELOAD_AFTER_MS, readingMs / READING_SHARE),
  );
}

watchConnection(client);
onLanguageChange(writeTotals);
document.addEventListener('signalr:eventsMissed', loadSoon);
client.on('receiveNotification', notify);
client.on('orderNotification', (order) => {
  orders.receive(order);
  loadSoon();
});
client.on('inventoryUpdate', (update) => {
  stock.receive(update);
  loadSoon();
});
client.on('marketplaceSyncUpdate', (update) => {
  cards.receive(update);
  if (update.completed === true) loadSoon();
});
// Once more in the groups: what happened before no event has told.
for (const event of ['signalr:connected', 'signalr:reconnected']) document.addEventListener(event, () => void load());
await load();
