// The old client of roles and channels as pages know it: its names, wire and timing, with a plain WebSocket inside.
// Its faults are part of it: after a reconnect it sends `auth` only, a clean close is final, failed connects double, and
// each connect starts one more ping timer.

class MesChainWebSocket {
  constructor(config = {}) {
    this.url = config.url || 'wss://api.meschain-sync.com/ws';
    this.userRole = config.userRole || 'guest';
    this.userId = config.userId || 'anonymous';
    this.reconnectInterval = config.reconnectInterval || 5000;
    this.maxReconnectAttempts = config.maxReconnectAttempts || 10;
    this.heartbeatInterval = config.heartbeatInterval || 30000;
    this.isConnected = false;
    this.reconnectAttempts = 0;
    this.messageQueue = [];
    this.eventListeners = new Map();
    this.subscriptions = new Set();
    this.roleChannels = {
      super_admin: ['system', 'users', 'security', 'performance', 'all_marketplaces'],
      admin: ['store', 'products', 'orders', 'inventory', 'marketplace_sync'],
      dropshipper: ['catalog', 'profit_updates', 'supplier_notifications', 'order_tracking'],
    };
    this.init();
  }

  async init() {
    try {
      await this.connect();
      setInterval(() => this.isConnected && this.send(this.stamped('ping')), this.heartbeatInterval);
      for (const channel of this.roleChannels[this.userRole] || []) this.subscribe(channel);
    } catch {
      this.scheduleReconnect();
    }
  }

  connect() {
    return new Promise((resolve, reject) => {
      this.socket = new WebSocket(this.url);
      this.socket.onopen = () => {
        this.isConnected = true;
        this.reconnectAttempts = 0;
        this.authenticate();
        for (const message of this.messageQueue.splice(0)) this.send(message);
        this.emit('connected', {});
        resolve();
      };
      this.socket.onmessage = (event) => this.handleMessage(event);
      this.socket.onclose = (event) => {
        this.isConnected = false;
        this.emit('disconnected', { code: event.code });
        if (!event.wasClean) this.scheduleReconnect();
      };
      this.socket.onerror = reject;
    });
  }

  stamped(type, data = {}) {
    return { type, data: { ...data, timestamp: new Date().toISOString() } };
  }

  authenticate() {
    this.send(this.stamped('auth', { userId: this.userId, userRole: this.userRole, version: '3.0' }));
  }

  subscribe(channel) {
    if (this.subscriptions.has(channel)) return;
    this.send({ type: 'subscribe', data: { channel, userRole: this.userRole } });
    this.subscriptions.add(channel);
  }

  unsubscribe(channel) {
    if (!this.subscriptions.delete(channel)) return;
    this.send({ type: 'unsubscribe', data: { channel } });
  }

  handleMessage(event) {
    const message = JSON.parse(event.data);
    this.emit(message.type, message.data);
    const data = message.data;
    if (message.type === 'heartbeat') this.send(this.stamped('heartbeat_response'));
    if (message.type === 'system_alert') this.showToast(data.message);
    if (message.type === 'stock_alert') this.showToast(`${data.product}: ${data.stock}`);
    if (message.type === 'marketplace_sync') this.showToast(`${data.marketplace}: ${data.products}`);
    if (message.type === 'new_order') {
      this.showToast(`${data.marketplace} - ${data.orderId} (₺${data.amount})`);
      const counter = document.getElementById('pending-orders');
      counter.textContent = String(Number(counter.textContent) + 1);
    }
  }

  send(message) {
    try {
      if (!this.isConnected) throw new Error('not connected');
      this.socket.send(JSON.stringify(message)); // of two sockets that a doubled retry dials, this is the later one
    } catch {
      this.messageQueue.push(message);
    }
  }

  scheduleReconnect() {
    if (this.reconnectAttempts >= this.maxReconnectAttempts) return;
    this.reconnectAttempts += 1;
    setTimeout(() => this.init(), Math.min(this.reconnectInterval * this.reconnectAttempts, 30000));
  }

  on(event, callback) {
    this.eventListeners.set(event, [...(this.eventListeners.get(event) || []), callback]);
  }

  emit(event, data) {
    for (const callback of this.eventListeners.get(event) || []) callback(data);
  }

  showToast(text) {
    const toast = document.createElement('div');
    toast.className = 'toast';
    toast.innerHTML = text;
    document.body.appendChild(toast);
  }

  disconnect() {
    this.socket.close();
  }
}

window.MesChainWebSocket = MesChainWebSocket;
window.initMesChainWebSocket = (userRole = 'admin', userId = `user_${Date.now()}`, url = undefined) => {
  window.mesChainWS = new MesChainWebSocket({ userRole, userId, url });
  return window.mesChainWS;
};
