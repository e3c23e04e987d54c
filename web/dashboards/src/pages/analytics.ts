// The analytics page: the metrics that the role may see, as they come.

import '../styles/index.css';
import { gemini, type HubEvents, type Loose, MesChainSignalRClient } from '@meschain/client';
import { DASHBOARD_HUB, METRICS_OF_ROLE, type MetricName } from '@meschain/contracts';
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
import { PerformanceCharts, secondsOf } from '../shared/performance_charts.ts';
import { openPage } from '../shell.ts';
import { notify } from '../toast.ts';

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

function arrived(timestamp: string | undefined): void {
  byId('last-refresh-time').textContent = formatTime(timestamp ?? new Date().toISOString(), 'time');
  render();
}

watchConnection(client);
onLanguageChange(render);
client.on('receiveNotification', notify);
client.on('metricsUpdate', (data) => {
  basic = { ...basic, ...data };
  arrived(data.timestamp);
});
client.on('businessMetrics', (data) => {
  business = { ...business, ...data };
  arrived(undefined);
});
client.on('performanceData', (data) => {
  performanceMetrics = { ...performanceMetrics, ...data.metrics };
  charts?.push(secondsOf(data.timestamp), performanceMetrics);
  arrived(data.timestamp);
});
