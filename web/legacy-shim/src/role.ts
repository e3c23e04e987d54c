// `MesChainWebSocket` as pages of the old client of roles and channels know it, with SignalR underneath. What a page hears
// is what its user may hear; the role that the page names chooses channels among that, as it always did.

import { apiOf, type Feed, type OpenFeed, openFeed } from './feed.ts';
import { displayName, number, text } from './fields.ts';

type Callback = (data: unknown) => void;
type Data = Record<string, unknown>;

export interface Config {
  /** Of the old server; not dialled any more. */
  url?: string;
  userRole?: string;
  /** Not believed: the log-in says who it is. */
  userId?: string;
  reconnectInterval?: number;
  maxReconnectAttempts?: number;
  heartbeatInterval?: number;
  /** Address of the API; `/api` of the server that the script came from without it. */
  api?: string;
  /** Pieces at or below which stock is announced as short; the server's `low_stock_threshold`. */
  lowStock?: number;
  open?: OpenFeed;
}

const ROLE_CHANNELS: Record<string, readonly string[]> = {
  super_admin: ['system', 'users', 'security', 'performance', 'all_marketplaces'],
  admin: ['store', 'products', 'orders', 'inventory', 'marketplace_sync'],
  dropshipper: ['catalog', 'profit_updates', 'supplier_notifications', 'order_tracking'],
};
const OWN_ORDERS = new Set(['amazon', 'trendyol', 'hepsiburada', 'ozon']);
const TOAST_MS = 5000;
const SCRIPT = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : '';

export class MesChainWebSocket {
  readonly url: string;
  readonly userRole: string;
  readonly userId: string;
  readonly reconnectInterval: number;
  readonly maxReconnectAttempts: number;
  readonly heartbeatInterval: number;
  readonly roleChannels = ROLE_CHANNELS;
  readonly eventListeners = new Map<string, Callback[]>();
  readonly subscriptions = new Set<string>();
  /** Always empty: what is asked for while the connection is away is done by joining again. */
  readonly messageQueue: unknown[] = [];
  isConnected = false;
  reconnectAttempts = 0;
  private feed: Feed | null = null;
  private stopped = false;
  private readonly config: Config;
  private readonly stock = new Map<unknown, number>();

  constructor(config: Config = {}) {
    this.config = config;
    this.url = config.url ?? '';
    this.userRole = config.userRole || 'guest';
    this.userId = config.userId || 'anonymous';
    this.reconnectInterval = config.reconnectInterval || 5000;
    this.maxReconnectAttempts = config.maxReconnectAttempts || 10;
    this.heartbeatInterval = config.heartbeatInterval || 30000;
    void this.init();
  }

  async init(): Promise<void> {
    try {
      await this.connect();
      this.subscribeToRoleChannels();
    } catch (error) {
      this.emit('error', error);
      this.scheduleReconnect();
    }
  }

  async connect(): Promise<void> {
    const feed = await (this.config.open ?? openFeed)(this.config.api ?? apiOf(SCRIPT));
    if (this.stopped) {
      feed.stop();
      return;
    }
    this.feed = feed;
    feed.onState((connected) => this.turned(connected));
    feed.on('orderNotification', (order) => this.order(order));
    feed.on('inventoryUpdate', (update) => this.stockChanged(update));
    feed.on('marketplaceSyncUpdate', (update) => this.synced(update));
    feed.on('systemAlert', (alert) => {
      const level = alert.level === 'critical' ? 'error' : text(alert.level);
      this.tell('system_alert', { message: safe(alert.message), level }, 'system');
    });
    feed.on('userActivityUpdate', (activity) =>
      this.tell('user_activity', { message: safe(activity.text), level: 'info' }, 'users'),
    );
    feed.on('receiveNotification', (notification) =>
      this.tell('system_alert', { message: safe(notification.message), level: text(notification.type) }),
    );
  }

  subscribeToRoleChannels(): void {
    for (const channel of ROLE_CHANNELS[this.userRole] ?? []) this.subscribe(channel);
  }

  subscribe(channel: string): void {
    this.subscriptions.add(channel);
  }

  unsubscribe(channel: string): void {
    this.subscriptions.delete(channel);
  }

  on(event: string, callback: Callback): void {
    this.eventListeners.set(event, [...(this.eventListeners.get(event) ?? []), callback]);
  }

  off(event: string, callback: Callback): void {
    const left = (this.eventListeners.get(event) ?? []).filter((each) => each !== callback);
    this.eventListeners.set(event, left);
  }

  emit(event: string, data?: unknown): void {
    for (const callback of this.eventListeners.get(event) ?? []) {
      try {
        callback(data);
      } catch (error) {
        console.error('A listener of the page failed.', error);
      }
    }
  }

  /** Pings and the like need no answer here: SignalR has its own. */
  send(_message: unknown): void {
    return;
  }

  disconnect(): void {
    this.stopped = true;
    this.feed?.stop();
    this.feed = null;
  }

  getStatus(): Data {
    return {
      connected: this.isConnected,
      reconnectAttempts: this.reconnectAttempts,
      subscriptions: [...this.subscriptions],
      queuedMessages: 0,
      userRole: this.userRole,
    };
  }

  /** Nobody is logged in, or the server is away: as long as the old client tried. A lost connection comes back by itself. */
  scheduleReconnect(): void {
    if (this.stopped) return;
    if (this.reconnectAttempts >= this.maxReconnectAttempts) {
      this.emit('max_reconnect_reached');
      return;
    }
    this.reconnectAttempts += 1;
    setTimeout(() => void this.init(), Math.min(this.reconnectInterval * this.reconnectAttempts, 30_000));
  }

  handleMessage(event: { data: string }): void {
    const message = JSON.parse(event.data) as { type: string; data: Data };
    this.emit(message.type, message.data);
    this.show(message.type, message.data);
  }

  handleSystemAlert(data: Data): void {
    this.showNotification('Sistem Bildirimi', text(data.message), text(data.level) || 'info');
  }

  handleNewOrder(data: Data): void {
    const words = `${text(data.marketplace)} - ${text(data.orderId)} (₺${text(data.amount)})`;
    this.showNotification('Yeni Sipariş!', words, 'success');
    this.updateCounter('pending-orders', 1);
  }

  handleStockAlert(data: Data): void {
    this.showNotification('Stok Uyarısı!', `${text(data.product)} - Kalan: ${text(data.stock)}`, 'warning');
  }

  handleMarketplaceSync(data: Data): void {
    const words = `${text(data.marketplace)} - ${text(data.products)} ürün`;
    this.showNotification('Senkronizasyon Tamamlandı', words, 'success');
  }

  handleProfitUpdate(data: Data): void {
    this.updateDisplay('total-profit', `₺${text(data.totalProfit)}`);
    this.updateDisplay('avg-margin', `${text(data.margin)}%`);
  }

  showNotification(title: string, message: string, type = 'info'): void {
    if ('Notification' in window && Notification.permission === 'granted') new Notification(title, { body: message });
    this.showToast(title, message, type);
  }

  showToast(title: string, message: string, type: string): void {
    const toast = document.createElement('div');
    const look = type === 'error' ? 'danger' : ['success', 'warning'].includes(type) ? type : 'info';
    toast.className = `alert alert-${look} position-fixed`;
    toast.style.cssText = 'top: 20px; right: 20px; z-index: 10000; max-width: 400px';
    const heading = document.createElement('strong');
    heading.textContent = title;
    const body = document.createElement('div');
    body.textContent = message;
    toast.append(heading, body);
    document.body.appendChild(toast);
    setTimeout(() => toast.remove(), TOAST_MS);
  }

  updateCounter(id: string, step: number): void {
    const element = document.getElementById(id);
    if (element !== null) element.textContent = String((Number.parseInt(element.textContent ?? '', 10) || 0) + step);
  }

  updateDisplay(id: string, value: string): void {
    const element = document.getElementById(id);
    if (element !== null) element.textContent = value;
  }

  // --- from SignalR

  private turned(connected: boolean): void {
    if (connected === this.isConnected) return;
    this.isConnected = connected;
    if (connected) this.reconnectAttempts = 0;
    this.emit(connected ? 'connected' : 'disconnected', { timestamp: new Date().toISOString() });
  }

  private order(order: Data): void {
    const orderId = safe(order.orderNumber);
    if (order.status !== 'created') {
      this.tell('order_status', { orderId, status: safe(order.status) }, 'order_tracking');
      return;
    }
    const marketplace = text(order.marketplace);
    const items = number(order.itemCount);
    const data = {
      orderId,
      marketplace: safe(displayName(marketplace)),
      amount: number(order.total),
      productCount: items,
      itemCount: items,
    };
    this.tell('new_order', data, 'orders', 'all_marketplaces');
    if (OWN_ORDERS.has(marketplace)) this.tell(`${marketplace}_order`, data, 'orders', 'all_marketplaces');
    if (marketplace === 'ebay') this.tell('ebay_sale', { ...data, itemId: orderId }, 'orders', 'all_marketplaces');
  }

  private stockChanged(update: Data): void {
    const quantity = number(update.quantity);
    const isKnown = this.stock.get(update.productId) === quantity;
    this.stock.set(update.productId, quantity);
    if (isKnown || quantity > (this.config.lowStock ?? 5)) return;
    const data = { product: safe(update.name), stock: quantity, level: 'warning' };
    this.tell('stock_alert', data, 'inventory', 'products', 'all_marketplaces');
  }

  private synced(update: Data): void {
    if (update.status !== 'success') return;
    const marketplace = displayName(text(update.marketplace));
    const data = { marketplace, status: 'completed', products: number(update.processed) };
    this.tell('marketplace_sync', data, 'marketplace_sync', 'all_marketplaces');
  }

  /** Without a channel: to whoever it is. */
  private tell(type: string, data: Data, ...channels: string[]): void {
    if (channels.length > 0 && !channels.some((channel) => this.subscriptions.has(channel))) return;
    this.emit(type, data);
    this.show(type, data);
  }

  private show(type: string, data: Data): void {
    if (type === 'system_alert') this.handleSystemAlert(data);
    if (type === 'new_order') this.handleNewOrder(data);
    if (type === 'stock_alert') this.handleStockAlert(data);
    if (type === 'marketplace_sync') this.handleMarketplaceSync(data);
    if (type === 'profit_update') this.handleProfitUpdate(data);
  }
}

/** Listeners of old pages put texts into HTML. */
function safe(value: unknown): string {
  return text(value).replaceAll(/[<>]/g, '');
}

/** The old page's own way to begin; the role is `admin` where it names none, as it was. */
export function initMesChainWebSocket(userRole = 'admin', userId = `user_${Date.now()}`): MesChainWebSocket {
  window.mesChainWS?.disconnect();
  window.mesChainWS = new MesChainWebSocket({ userRole, userId });
  return window.mesChainWS;
}

declare global {
  interface Window {
    MesChainWebSocket?: typeof MesChainWebSocket;
    initMesChainWebSocket?: typeof initMesChainWebSocket;
    mesChainWS?: MesChainWebSocket;
  }
}
