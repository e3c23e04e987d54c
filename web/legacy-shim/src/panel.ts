// `MeschainWebSocketClient` as the page of the old panel knows it, with SignalR underneath. Texts go into the page as text.
// SignalR's dashboard tells today's revenue and orders, so that is what the tiles show here; nothing is made up.

import { apiOf, type Feed, type OpenFeed, openFeed } from './feed.ts';
import { displayName, number, record, seconds, text } from './fields.ts';

type Data = Record<string, unknown>;

const SHOWN_ORDERS = 10;
const REMEMBERED_ORDERS = 200;
const REMEMBERED_JOBS = 50;
const NOTIFICATION_MS = 5000;
const INDICATOR_MS = 2000;
const STATUS: Record<string, [word: string, look: string]> = {
  success: ['connected', 'success'],
  idle: ['connected', 'success'],
  warning: ['warning', 'warning'],
  queued: ['syncing', 'info'],
  running: ['syncing', 'info'],
};
const BADGES: Record<string, string> = {
  Amazon: 'warning',
  Trendyol: 'danger',
  eBay: 'primary',
  N11: 'info',
  Ozon: 'secondary',
};
const SCRIPT = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';

export interface Options {
  api?: string;
  open?: OpenFeed;
}

export class MeschainWebSocketClient {
  /** Of the old server; not dialled any more. */
  readonly wsUrl = 'ws://localhost:8080';
  readonly maxReconnectAttempts = 5;
  readonly reconnectDelay = 5000;
  readonly subscriptions = new Set<string>();
  reconnectAttempts = 0;
  isConnected = false;
  private feed: Feed | null = null;
  private stopped = false;
  private readonly shown = new Map<string, true>();
  private readonly syncs = new Map<unknown, string>();

  constructor(private readonly options: Options = {}) {
    this.init();
  }

  init(): void {
    void this.connect();
    this.setupEventHandlers();
  }

  async connect(): Promise<void> {
    try {
      const feed = await (this.options.open ?? openFeed)(this.options.api ?? apiOf(SCRIPT));
      if (this.stopped) {
        feed.stop();
        return;
      }
      this.feed = feed;
    } catch (error) {
      console.error('The live connection could not be opened.', error);
      this.updateConnectionStatus('error');
      this.scheduleReconnect();
      return;
    }
    this.feed.onState((connected) => this.turned(connected));
    this.feed.on('updateAdminDashboard', (data) => this.dashboard(data));
    this.feed.on('orderNotification', (order) => this.updateRecentOrders(this.newOrders([order])));
    this.feed.on('marketplaceSyncUpdate', (update) => this.synced(update));
  }

  setupEventHandlers(): void {
    document.addEventListener('click', (event) => {
      if (!(event.target instanceof Element)) return;
      if (event.target.matches('[data-sync-marketplace]'))
        this.requestManualSync(event.target.getAttribute('data-sync-marketplace') ?? 'all');
      if (event.target.matches('#refreshPerformance')) this.requestPerformanceData();
      if (event.target.matches('#refreshMarketplaces')) this.requestMarketplaceStatus();
    });
  }

  /** It is subscribed by being connected. */
  subscribeToDashboard(): void {
    return;
  }

  requestManualSync(marketplace = 'all'): void {
    if (this.feed === null || !this.isConnected) {
      this.showNotification('Not connected to server', 'error');
      return;
    }
    const buttons = [...document.querySelectorAll('[data-sync-marketplace]')].map((each) =>
      each.getAttribute('data-sync-marketplace'),
    );
    const codes = marketplace === 'all' ? buttons.filter((code) => code !== null && code !== 'all') : [marketplace];
    for (const code of codes) {
      this.feed.sync(String(code)).then(
        () => this.handleSyncStarted({ marketplace: code }),
        (error: unknown) => this.showNotification(error instanceof Error ? error.message : 'Sync failed', 'error'),
      );
    }
  }

  requestPerformanceData(): void {
    this.refresh();
  }

  requestMarketplaceStatus(): void {
    this.refresh();
  }

  /** What pages sent to the old server by hand. */
  sendMessage(message: Data): void {
    if (message.action === 'manual_sync') this.requestManualSync(text(message.marketplace) || 'all');
    else this.refresh();
  }

  scheduleReconnect(): void {
    if (this.stopped || this.reconnectAttempts >= this.maxReconnectAttempts) return;
    this.reconnectAttempts += 1;
    setTimeout(() => void this.connect(), this.reconnectDelay);
  }

  disconnect(): void {
    this.stopped = true;
    this.feed?.stop();
    this.feed = null;
  }

  handleDashboardUpdate(data: Data): void {
    this.updateOverviewMetrics(record(data.overview));
    this.updatePerformanceMetrics(record(data.performance));
    this.updateMarketplaceStatus(record(data.marketplace_status));
    this.updateRecentOrders(Array.isArray(data.recent_orders) ? data.recent_orders.map(record) : []);
    this.showUpdateIndicator();
  }

  handlePerformanceData(data: Data): void {
    this.updatePerformanceMetrics(data);
  }

  handleMarketplaceStatus(data: Data): void {
    this.updateMarketplaceStatus(data);
  }

  handleSyncStarted(data: Data): void {
    const marketplace = text(data.marketplace);
    this.showNotification(`${marketplace} synchronization started`, 'info');
    const button = document.getElementById(`sync-${marketplace}`);
    if (button instanceof HTMLButtonElement) button.disabled = true;
  }

  handleSyncStatusUpdate(data: Data): void {
    const marketplace = text(data.marketplace);
    const status = text(data.status);
    const element = document.getElementById(`${marketplace}Status`);
    const look = status === 'in_progress' ? 'warning' : status === 'completed' ? 'success' : 'info';
    element?.replaceChildren(badge(status, look));
    const button = document.getElementById(`sync-${marketplace}`);
    if (status !== 'in_progress' && button instanceof HTMLButtonElement) button.disabled = false;
    this.showNotification(`${marketplace} sync ${status}`, 'info');
  }

  updateOverviewMetrics(overview: Data): void {
    write('totalRevenue', `$${this.formatNumber(number(overview.total_revenue))}`);
    write('totalOrders', this.formatNumber(number(overview.total_orders)));
    write('activeProducts', this.formatNumber(number(overview.active_products)));
    write('conversionRate', `${number(overview.conversion_rate)}%`);
  }

  updatePerformanceMetrics(metrics: Data): void {
    write('responseTime', `${number(metrics.response_time)}ms`);
    write('uptime', `${number(metrics.uptime)}%`);
  }

  updateMarketplaceStatus(statuses: Data): void {
    for (const [marketplace, value] of Object.entries(statuses)) {
      const status = record(value);
      const [word, look] = STATUS[text(status.status)] ?? [text(status.status), 'danger'];
      const age = document.createElement('small');
      age.className = 'text-muted';
      age.textContent = this.getTimeAgo(number(status.last_sync));
      document.getElementById(`${marketplace}Status`)?.replaceChildren(badge(word, look), ' ', age);
    }
  }

  updateRecentOrders(orders: Data[]): void {
    const body = document.querySelector('#recentOrdersTable tbody');
    if (body === null) return;
    for (const order of orders) {
      const row = document.createElement('tr');
      const marketplace = text(order.marketplace);
      const look = this.getMarketplaceBadgeColor(marketplace);
      const cells = [
        text(order.id),
        text(order.customer),
        badge(marketplace, look),
        `$${text(order.total)}`,
        this.getTimeAgo(number(order.timestamp)),
      ];
      for (const content of cells) row.insertCell().append(content);
      body.insertBefore(row, body.firstChild);
    }
    while (body.children.length > SHOWN_ORDERS) body.lastElementChild?.remove();
  }

  updateConnectionStatus(status: string): void {
    const element = document.getElementById('connectionIndicator');
    if (element === null) return;
    const look = status === 'connected' ? 'success' : status === 'error' ? 'danger' : 'secondary';
    element.className = `badge bg-${look}`;
    element.textContent = status.charAt(0).toUpperCase() + status.slice(1);
  }

  showUpdateIndicator(): void {
    const element = document.getElementById('updateIndicator');
    if (element === null) return;
    element.style.display = 'inline-block';
    setTimeout(() => {
      element.style.display = 'none';
    }, INDICATOR_MS);
  }

  showNotification(message: string, type = 'info'): void {
    const notification = document.createElement('div');
    notification.className = `alert alert-${type} position-fixed`;
    notification.style.cssText = 'top: 20px; right: 20px; z-index: 1060; max-width: 300px';
    notification.textContent = message;
    document.body.appendChild(notification);
    setTimeout(() => notification.remove(), NOTIFICATION_MS);
  }

  formatNumber(value: number): string {
    return new Intl.NumberFormat().format(value);
  }

  getMarketplaceBadgeColor(marketplace: string): string {
    return BADGES[marketplace] ?? 'secondary';
  }

  getTimeAgo(timestamp: number): string {
    if (timestamp === 0) return '';
    const passed = Date.now() / 1000 - timestamp;
    if (passed < 60) return 'Just now';
    if (passed < 3600) return `${Math.floor(passed / 60)} minutes ago`;
    return passed < 86_400 ? `${Math.floor(passed / 3600)} hours ago` : `${Math.floor(passed / 86_400)} days ago`;
  }

  // --- from SignalR

  private turned(connected: boolean): void {
    this.isConnected = connected;
    if (connected) this.reconnectAttempts = 0;
    this.updateConnectionStatus(connected ? 'connected' : 'disconnected');
  }

  private refresh(): void {
    this.feed?.refresh().catch(() => undefined); // only administrators have a dashboard to ask for
  }

  private dashboard(data: Data): void {
    const business = record(data.businessMetrics);
    const performance = record(data.performanceMetrics);
    const syncs = record(record(data.systemStatus).marketplaceSync);
    const orders = Array.isArray(data.recentOrders) ? data.recentOrders.map(record) : [];
    this.handleDashboardUpdate({
      overview: {
        total_revenue: business.revenue,
        total_orders: business.dailyTransactions,
        active_products: business.activeProducts,
        conversion_rate: business.conversionRate,
      },
      performance: {
        response_time: performance.responseTime,
        uptime: Math.round(100 * (100 - number(performance.errorRate))) / 100,
      },
      marketplace_status: Object.fromEntries(
        Object.entries(syncs).map(([code, sync]) => [
          code,
          { status: record(sync).status, last_sync: seconds(record(sync).lastSync) },
        ]),
      ),
      recent_orders: this.newOrders(orders.reverse()),
    });
  }

  /** Those not shown yet, as rows, in their order; a later status of an order is no new row. */
  private newOrders(orders: Data[]): Data[] {
    const rows = [];
    for (const order of orders) {
      const key = `${text(order.marketplace)} ${text(order.orderId)} ${text(order.orderNumber)}`;
      const isShown = this.shown.has(key);
      remember(this.shown, key, true, REMEMBERED_ORDERS);
      if (isShown) continue;
      rows.push({
        id: text(order.orderNumber),
        customer: text(order.customer),
        total: number(order.total),
        marketplace: order.marketplace === 'n11' ? 'N11' : displayName(text(order.marketplace)),
        timestamp: seconds(order.occurredAt),
      });
    }
    return rows;
  }

  private synced(update: Data): void {
    const running = update.status === 'queued' || update.status === 'running';
    const status = running ? 'in_progress' : update.status === 'success' ? 'completed' : 'failed';
    if (this.syncs.get(update.jobId) === status) return;
    remember(this.syncs, update.jobId, status, REMEMBERED_JOBS);
    this.handleSyncStatusUpdate({ marketplace: update.marketplace, status });
  }
}

/** The latest so many are kept. */
function remember<Key, Value>(known: Map<Key, Value>, key: Key, value: Value, atMost: number): void {
  known.delete(key);
  known.set(key, value);
  for (const oldest of known.keys()) {
    if (known.size <= atMost) break;
    known.delete(oldest);
  }
}

function write(id: string, value: string): void {
  const element = document.getElementById(id);
  if (element !== null) element.textContent = value;
}

function badge(words: string, look: string): HTMLElement {
  const element = document.createElement('span');
  element.className = `badge bg-${look}`;
  element.textContent = words;
  return element;
}

/** The two marks that the old script put into the bar of its page. */
export function addIndicators(): void {
  const bar = document.querySelector('.navbar .d-flex');
  if (bar === null) return;
  for (const [id, look, words] of [
    ['connectionIndicator', 'secondary', 'Connecting...'],
    ['updateIndicator', 'info', 'Updating...'],
  ] as const) {
    const element = badge(words, look);
    element.id = id;
    if (id === 'updateIndicator') element.style.display = 'none';
    bar.insertBefore(element, bar.firstChild);
  }
}

declare global {
  interface Window {
    MeschainWebSocketClient?: typeof MeschainWebSocketClient;
    webSocketClient?: MeschainWebSocketClient;
  }
}
