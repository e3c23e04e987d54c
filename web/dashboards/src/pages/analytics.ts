// The analytics page: the metrics that the role may see, as they come, and months of sales, read again when an order has
// come in.

import '../styles/index.css';
import { gemini, type HubEvents, type Loose, MesChainSignalRClient } from '@meschain/client';
import { type Analytics, DASHBOARD_HUB, METRICS_OF_ROLE, type MetricName } from '@meschain/contracts';
import { Reload } from '../analytics/reload.ts';
import { SalesView } from '../analytics/sales.ts';
import { StockAtRisk } from '../analytics/stock.ts';
import { byId } from '../dom.ts';
import {
  figure,
  formatNumber,
  formatPercent,
  formatRate,
  formatTime,
  formatUptime,
  money,
  NO_FIGURE,
  sourceText,
} from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { watchConnection } from '../live.ts';
import { loadJson } from '../session.ts';
import { PerformanceCharts, secondsOf } from '../shared/performance_charts.ts';
import { openPage } from '../shell.ts';
import { notify, toast } from '../toast.ts';

type Formats = Record<string, (value: number) => string>;

const session = await openPage('analytics');
const known: Partial<Record<string, readonly MetricName[]>> = METRICS_OF_ROLE;
const metrics = known[session.role] ?? ['basic'];
for (const section of document.querySelectorAll<HTMLElement>('[data-metric]')) {
  section.hidden = !metrics.includes(section.dataset.metric as MetricName);
}

const charts = metrics.includes('performance') ? new PerformanceCharts() : null;
const client = new MesChainSignalRClient(session.userId, session.role, { hub: DASHBOARD_HUB, metrics });

let basic: Loose<HubEvents['metricsUpdate']> | null = null;
let business: Loose<HubEvents['businessMetrics']> | null = null;
let performanceMetrics: Loose<HubEvents['performanceData']>['metrics'];

/** Writes the figures of a group into `<prefix>-<key>`, with what is said of a missing source. */
function write(prefix: string, group: unknown, formats: Formats): void {
  for (const [key, format] of Object.entries(formats)) {
    const element = byId(`${prefix}-${key}`);
    element.textContent = figure(group, key, format);
    const isMissing = element.textContent === NO_FIGURE;
    element.classList.toggle('no-figure', isMissing);
    const note = element.parentElement?.querySelector('.note');
    if (note) note.textContent = isMissing ? t('noSource') : '';
    element.parentElement?.setAttribute('title', sourceText(group, key));
  }
}

function render(): void {
  if (basic) {
    write('metric', basic, {
      dailyTransactions: formatNumber,
      activeUsers: formatNumber,
      activeSessions: formatNumber,
      activeProducts: formatNumber,
      uptime: formatUptime,
    });
    gemini.writeMetrics({ apiHealth: basic.apiHealth, databaseStatus: basic.databaseStatus });
  }
  if (business) {
    const payload = business;
    write('business', payload, {
      revenue: (value) => money(value, payload),
      revenueNet: (value) => money(value, payload),
      conversionRate: (value) => formatPercent(value, 1),
      outOfStock: formatNumber,
      lowStock: formatNumber,
    });
  }
  if (performanceMetrics) {
    write('performance', performanceMetrics, {
      responseTime: (value) => `${formatNumber(value, 1)} ms`,
      throughput: formatRate,
      errorRate: (value) => formatPercent(value, 2),
      responseTimeP95: (value) => `${formatNumber(value, 1)} ms`,
      connections: formatNumber,
      uptime: formatUptime,
    });
  }
}

const sales = new SalesView();
const stock = new StockAtRisk();
const period = byId('months') as HTMLSelectElement;
const reload = new Reload(() => void loadSales());
let asked = 0;
let sold: string | null = null;

async function loadSales(): Promise<void> {
  asked += 1;
  const mine = asked;
  try {
    const answer = await loadJson<Analytics>(`/analytics?months=${period.value}`);
    if (mine !== asked) return; // another period was chosen meanwhile
    sales.load(answer);
    stock.load(answer);
    reload.answered(answer);
  } catch (error) {
    // While the connection is down its own notice says so.
    if (client.isConnected()) toast(t('failed', { error: error instanceof Error ? error.message : '' }), 'error');
  }
}

/** Today's figures tell that something was sold; on this hub no order is told. */
function watchSales(): void {
  const now = [business?.storeDate, business?.dailyTransactions, business?.revenue].join(' ');
  if (sold !== null && sold !== now) reload.changed();
  sold = now;
}

function arrived(timestamp: string | undefined): void {
  byId('last-refresh-time').textContent = formatTime(timestamp ?? new Date().toISOString(), 'time');
  render();
}

watchConnection(client);
onLanguageChange(() => {
  render();
  sales.render();
  stock.render();
});
client.on('receiveNotification', notify);
client.on('metricsUpdate', (data) => {
  basic = { ...basic, ...data };
  arrived(data.timestamp);
});
client.on('businessMetrics', (data) => {
  business = { ...business, ...data };
  watchSales();
  arrived(undefined);
});
client.on('performanceData', (data) => {
  performanceMetrics = { ...performanceMetrics, ...data.metrics };
  charts?.push(secondsOf(data.timestamp), performanceMetrics);
  arrived(data.timestamp);
});
if (metrics.includes('business')) {
  period.addEventListener('change', () => void loadSales());
  // What was sold while the connection was down no event has told.
  document.addEventListener('signalr:reconnected', () => reload.changed());
  await loadSales();
}
