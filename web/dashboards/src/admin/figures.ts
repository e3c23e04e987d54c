// What the dashboard shows of the figures beyond the ids that the client writes: notes, charts, overall health.

import { gemini, type HubEvents, type Loose, text } from '@meschain/client';
import { LiveChart } from '../chart.ts';
import { byId } from '../dom.ts';
import { figure, formatNumber, formatPercent, money, NO_FIGURE, sourceText, tickNumber } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { chartHost, PerformanceCharts, point, secondsOf } from '../shared/performance_charts.ts';
import type { TextKey } from '../texts.ts';
import { worst } from './health.ts';

type Dashboard = Loose<HubEvents['updateAdminDashboard']>;

const STATE_WORDS: Record<string, TextKey> = { warning: 'level.warning', error: 'level.error' };

export class Figures {
  private readonly charts = new PerformanceCharts();
  private readonly errors: LiveChart;
  private readonly users: LiveChart;
  private latest: Dashboard | null = null;

  constructor() {
    this.errors = new LiveChart(chartHost('error-rate-chart'), {
      id: 'error-rate-chart',
      title: 'figure.errorRate',
      lines: [{ label: 'figure.errorRate', color: '--chart-4' }],
      format: (value) => formatPercent(value, 2),
      tick: tickNumber,
      height: 104,
      small: true,
    });
    this.users = new LiveChart(chartHost('user-activity-chart'), {
      id: 'user-activity-chart',
      title: 'figure.activeUsers',
      lines: [{ label: 'figure.activeUsers', color: '--chart-1' }],
      format: (value) => formatNumber(value),
      tick: tickNumber,
      height: 104,
      small: true,
    });
    onLanguageChange(() => this.render());
  }

  receive(data: Dashboard): void {
    this.latest = data;
    const time = secondsOf(data.timestamp);
    this.charts.push(time, data.performanceMetrics);
    this.errors.push(time, [point(data.performanceMetrics, 'errorRate')]);
    this.users.push(time, [point(data.businessMetrics, 'activeUsers')]);
    this.render();
  }

  private render(): void {
    const data = this.latest;
    if (data === null) return;
    // Again by the client's writer, for a change of language.
    gemini.writeDashboard(data as Record<string, unknown>);
    const { systemStatus: system, performanceMetrics: performance, businessMetrics: business } = data;
    note('daily-revenue', business, 'revenue', () =>
      figure(business, 'revenueNet') === NO_FIGURE
        ? ''
        : t('figure.net', { value: money(business?.revenueNet, business ?? {}) }),
    );
    note('daily-transactions', business, 'dailyTransactions', () =>
      business?.storeDate ? t('figure.storeDate', { date: storeDay(business.storeDate) }) : '',
    );
    note('active-users', business, 'activeUsers');
    note('conversion-rate', business, 'conversionRate');
    note('active-sessions', system, 'activeSessions');
    const products = byId('active-products');
    if (business?.activeProducts !== undefined) products.textContent = figure(business, 'activeProducts');
    products.classList.toggle('no-figure', products.textContent === NO_FIGURE);
    note('active-products', business, 'activeProducts', () =>
      t('figure.productsStock', { out: figure(business, 'outOfStock'), low: figure(business, 'lowStock') }),
    );
    byId('error-rate-note').textContent = t('figure.window', { seconds: performance?.windowSeconds ?? 60 });
    byId('database-latency').textContent = latency(system);
    this.renderHealth(text(system?.apiHealth), text(system?.databaseStatus));
  }

  private renderHealth(api: string, database: string): void {
    const state = worst(api, database);
    const overall = byId('system-health-indicator');
    overall.hidden = state === 'unknown' || state === 'healthy';
    overall.className = `status-indicator ${state}`;
    const key = STATE_WORDS[state];
    overall.textContent = key ? t('health.all', { state: t(key).toLocaleLowerCase(gemini.language()) }) : '';
    const critical = byId('critical-status-indicator');
    const reasons = [
      database === 'error' ? t('admin.critical.database') : '',
      api === 'error' ? t('admin.critical.api') : '',
    ].filter(Boolean);
    critical.hidden = reasons.length === 0;
    const words = reasons.length === 0 ? '' : t('admin.critical', { what: reasons.join(', ') });
    // An alert region reads out each writing: once per trouble, not once per update.
    if (critical.textContent !== words) critical.textContent = words;
  }
}

function latency(system: Dashboard['systemStatus']): string {
  const shown = figure(system, 'databaseLatencyMs', (value) => formatNumber(value, 1));
  return shown === NO_FIGURE ? '' : t('figure.latency', { value: shown });
}

/** The line below a figure: that it has no source, else the words given; its source on hovering. */
function note(id: string, group: unknown, key: string, words: () => string = () => ''): void {
  const line = byId(`${id}-note`);
  const isMissing = figure(group, key) === NO_FIGURE;
  // An update without this field leaves the figure, and what is said of it, as they are.
  if (isMissing && sourceText(group, key) === '') return;
  line.textContent = isMissing ? t('noSource') : words();
  byId(id).parentElement?.setAttribute('title', sourceText(group, key));
}

function storeDay(date: string): string {
  const day = new Date(`${date}T12:00:00`);
  return Number.isNaN(day.getTime())
    ? date
    : new Intl.DateTimeFormat(gemini.language(), { day: 'numeric', month: 'short' }).format(day);
}
