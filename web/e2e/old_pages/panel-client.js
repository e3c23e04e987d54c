// The old panel's client as its page knows it: names, wire and timing, with a plain WebSocket inside. Rows go into the page
// as HTML, figures are not checked, and nothing is queued while it is away.

class MeschainWebSocketClient {
  constructor() {
    // Written into the old script; here the page says which port of this machine it is.
    this.wsUrl = window.PANEL_SERVER || 'ws://localhost:8080';
    this.reconnectAttempts = 0;
    this.maxReconnectAttempts = 5;
    this.reconnectDelay = 5000;
    this.isConnected = false;
    this.received = [];
    this.init();
  }

  init() {
    this.connect();
    this.setupEventHandlers();
  }

  connect() {
    this.socket = new WebSocket(this.wsUrl);
    this.socket.onopen = () => {
      this.isConnected = true;
      this.reconnectAttempts = 0;
      this.updateConnectionStatus('connected');
      this.subscribeToDashboard();
    };
    this.socket.onmessage = (event) => this.handleMessage(JSON.parse(event.data));
    this.socket.onclose = (event) => {
      this.isConnected = false;
      this.updateConnectionStatus('disconnected');
      if (event.code !== 1000) this.scheduleReconnect();
    };
    this.socket.onerror = () => this.updateConnectionStatus('error');
  }

  handleMessage(message) {
    this.received.push(message.type);
    if (message.type === 'dashboard_update') this.handleDashboardUpdate(message.data);
    if (message.type === 'performance_data') this.updatePerformanceMetrics(message.data);
    if (message.type === 'marketplace_status') this.updateMarketplaceStatus(message.data);
    if (message.type === 'sync_status_update') this.handleSyncStatusUpdate(message);
    if (message.type === 'sync_started') document.querySelector(`#sync-${message.marketplace}`).disabled = true;
    if (message.type === 'error') document.getElementById('lastError').textContent = message.message;
  }

  handleDashboardUpdate(data) {
    this.updateOverviewMetrics(data.overview);
    this.updatePerformanceMetrics(data.performance);
    this.updateMarketplaceStatus(data.marketplace_status);
    this.updateRecentOrders(data.recent_orders);
  }

  updateOverviewMetrics(overview) {
    this.put('totalRevenue', `$${this.formatNumber(overview.total_revenue)}`);
    this.put('totalOrders', this.formatNumber(overview.total_orders));
    this.put('activeProducts', this.formatNumber(overview.active_products));
    this.put('conversionRate', `${overview.conversion_rate}%`);
  }

  updatePerformanceMetrics(metrics) {
    this.put('responseTime', `${metrics.response_time}ms`);
    this.put('uptime', `${metrics.uptime}%`);
    this.put('memoryUsageBar', `${metrics.memory_usage}%`);
    this.put('cpuUsageBar', `${metrics.cpu_usage}%`);
  }

  updateMarketplaceStatus(statuses) {
    for (const [marketplace, status] of Object.entries(statuses)) {
      const element = document.getElementById(`${marketplace}Status`);
      if (!element) continue;
      element.innerHTML = `<b>${status.status}</b> ${this.getTimeAgo(status.last_sync)} ${status.products_synced || 0}`;
    }
  }

  handleSyncStatusUpdate(message) {
    const element = document.querySelector(`#${message.marketplace}Status`);
    if (element) element.innerHTML = `<b>${message.status}</b>`;
  }

  updateRecentOrders(orders) {
    const body = document.querySelector('#recentOrdersTable tbody');
    for (const order of orders) {
      const row = document.createElement('tr');
      row.innerHTML = `<td>${order.id}</td><td>${order.customer}</td><td>${order.marketplace}</td>
        <td>$${order.total}</td><td>${this.getTimeAgo(order.timestamp)}</td>`;
      body.insertBefore(row, body.firstChild);
    }
    while (body.children.length > 10) body.removeChild(body.lastChild);
  }

  subscribeToDashboard() {
    this.sendMessage({ action: 'subscribe_dashboard', interval: 30 });
  }

  requestManualSync(marketplace = 'all') {
    this.sendMessage({ action: 'manual_sync', marketplace });
  }

  requestPerformanceData() {
    this.sendMessage({ action: 'get_performance' });
  }

  requestMarketplaceStatus() {
    this.sendMessage({ action: 'get_marketplace_status' });
  }

  sendMessage(data) {
    if (this.isConnected) this.socket.send(JSON.stringify(data));
  }

  scheduleReconnect() {
    if (this.reconnectAttempts >= this.maxReconnectAttempts) return;
    this.reconnectAttempts += 1;
    setTimeout(() => this.connect(), this.reconnectDelay);
  }

  updateConnectionStatus(status) {
    this.put('connectionIndicator', status);
  }

  formatNumber(value) {
    return new Intl.NumberFormat('en-US').format(value);
  }

  getTimeAgo(timestamp) {
    const seconds = Date.now() / 1000 - timestamp;
    if (seconds < 60) return 'Just now';
    if (seconds < 3600) return `${Math.floor(seconds / 60)} minutes ago`;
    return seconds < 86400 ? `${Math.floor(seconds / 3600)} hours ago` : `${Math.floor(seconds / 86400)} days ago`;
  }

  put(id, text) {
    document.getElementById(id).textContent = text;
  }

  setupEventHandlers() {
    document.addEventListener('click', (event) => {
      if (event.target.matches('[data-sync-marketplace]'))
        this.requestManualSync(event.target.getAttribute('data-sync-marketplace'));
      if (event.target.matches('#refreshPerformance')) this.requestPerformanceData();
      if (event.target.matches('#refreshMarketplaces')) this.requestMarketplaceStatus();
    });
  }

  disconnect() {
    this.socket.close(1000, 'Client disconnect');
  }
}

document.addEventListener('DOMContentLoaded', () => {
  window.webSocketClient = new MeschainWebSocketClient();
});
