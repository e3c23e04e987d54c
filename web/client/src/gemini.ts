// Writes payloads into the element ids of the GEMINI dashboard, on any page that has them; a missing element or field is
// passed over. Text by textContent only. Knows nothing of connections.

import { MARKETPLACES } from '@meschain/contracts';
import { hasNoSource, number, record, text } from './fields.ts';

/** Shown for a figure that has no source, or has not come yet. */
export const NO_FIGURE = '—';

/** Values that become part of a class name; anything else is `unknown`. */
const STATES = new Set(['healthy', 'warning', 'error', 'unknown', 'idle', 'queued', 'running', 'success', 'cancelled']);

const WORDS: Record<string, Record<string, string>> = {
  tr: {
    CONNECTED: 'BAĞLI',
    'RECONNECTING...': 'YENİDEN BAĞLANIYOR...',
    healthy: 'SAĞLIKLI',
    warning: 'UYARI',
    error: 'HATA',
    unknown: 'KAYNAK YOK',
    idle: 'Boşta',
    queued: 'Sırada',
    running: 'Eşitleniyor',
    success: 'Eşitlendi',
    cancelled: 'İptal edildi',
    'error.sync': 'Hata',
    'warning.sync': 'Uyarı',
    'unknown.sync': 'Kaynak yok',
    never: 'Henüz yok',
    d: 'g',
    h: 'sa',
    m: 'dk',
    s: 'sn',
  },
  en: {
    healthy: 'HEALTHY',
    warning: 'WARNING',
    error: 'ERROR',
    unknown: 'NO SOURCE',
    idle: 'Idle',
    queued: 'Queued',
    running: 'Syncing',
    success: 'Synced',
    cancelled: 'Cancelled',
    'error.sync': 'Error',
    'warning.sync': 'Warning',
    'unknown.sync': 'No source',
    never: 'Never',
    d: 'd',
    h: 'h',
    m: 'm',
    s: 's',
  },
};

export function language(): string {
  return document.documentElement.lang || 'en';
}

function word(key: string): string {
  return WORDS[language()]?.[key] ?? WORDS.en?.[key] ?? key;
}

function stateOf(value: unknown): string {
  const state = text(value);
  return STATES.has(state) ? state : 'unknown';
}

function write(id: string, value: string | null): void {
  const element = document.getElementById(id);
  if (element === null || value === null) return;
  element.classList.toggle('no-figure', value === NO_FIGURE);
  if (element.textContent !== value) element.textContent = value;
}

// Money, counts and times by the page's language.

export function formatNumber(value: number, decimals = 0): string {
  return new Intl.NumberFormat(language(), { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(
    value,
  );
}

/** A share given in percent. */
export function formatPercent(value: number, decimals: number): string {
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(language(), { style: 'percent', ...digits }).format(value / 100);
}

export function formatMoney(value: number, currency: string, decimals: number): string {
  const digits = Math.max(0, Math.min(8, Math.trunc(decimals)));
  try {
    return new Intl.NumberFormat(language(), {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(value);
  } catch {
    // Not an ISO code: a shop may define its own.
    return `${formatNumber(value, digits)} ${currency}`.trim();
  }
}

/** So many per second. */
export function formatRate(value: number): string {
  return `${formatNumber(value, 1)}/${word('s')}`;
}

export function formatUptime(seconds: number): string {
  const minutes = Math.floor(Math.max(0, seconds) / 60);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  return `${days}${word('d')} ${hours}${word('h')} ${minutes % 60}${word('m')}`;
}

/** Date and time of an ISO string; empty for none. */
export function formatTime(iso: string, style: 'time' | 'both' = 'both'): string {
  const date = new Date(iso);
  if (iso === '' || Number.isNaN(date.getTime())) return '';
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  const day: Intl.DateTimeFormatOptions = { day: '2-digit', month: 'short' };
  return new Intl.DateTimeFormat(
    language(),
    style === 'time' ? time : { ...day, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  ).format(date);
}

export function statusWord(state: string): string {
  return word(`${state}.sync`) === `${state}.sync` ? word(state) : word(`${state}.sync`);
}

// The parts of the page.

export function writeConnectionStatus(connected: boolean): void {
  const element = document.getElementById('connection-status');
  if (element === null) return;
  element.className = `connection-status ${connected ? 'connected' : 'disconnected'}`;
  // It stands in a live region: the same words again would be read out again.
  write('connection-status', word(connected ? 'CONNECTED' : 'RECONNECTING...'));
}

type Format = (value: number) => string;

function writeFigure(id: string, group: Record<string, unknown>, key: string, format: Format): void {
  const value = number(group[key]);
  if (value === null) return;
  write(id, hasNoSource(group.sources, key) ? NO_FIGURE : format(value));
}

function writeIndicator(id: string, value: unknown): void {
  const element = document.getElementById(id);
  if (element === null || text(value) === '') return;
  const state = stateOf(value);
  element.className = `status-indicator ${state}`;
  element.textContent = word(state);
}

/** Argument of `updateAdminDashboard`. */
export function writeDashboard(data: Record<string, unknown>): void {
  const system = record(data.systemStatus);
  const performance = record(data.performanceMetrics);
  const business = record(data.businessMetrics);
  const currency = text(business.currency) || 'USD';
  const decimals = number(business.currencyDecimals) ?? 2;

  writeFigure('active-sessions', system, 'activeSessions', formatNumber);
  writeIndicator('api-health', system.apiHealth);
  writeIndicator('database-status', system.databaseStatus);
  for (const [code, sync] of Object.entries(record(system.marketplaceSync))) writeMarketplace(code, record(sync));

  writeFigure('response-time', performance, 'responseTime', (value) => `${formatNumber(value, 1)} ms`);
  writeFigure('throughput', performance, 'throughput', formatRate);
  writeFigure('error-rate', performance, 'errorRate', (value) => formatPercent(value, 2));
  writeFigure('system-uptime', performance, 'uptime', formatUptime);
  writeFigure('concurrent-users', performance, 'connections', formatNumber);

  writeFigure('active-users', business, 'activeUsers', formatNumber);
  writeFigure('total-active-users', business, 'activeUsers', formatNumber);
  writeFigure('daily-transactions', business, 'dailyTransactions', formatNumber);
  writeFigure('daily-revenue', business, 'revenue', (value) => formatMoney(value, currency, decimals));
  writeFigure('conversion-rate', business, 'conversionRate', (value) => formatPercent(value, 1));
  write('last-refresh-time', formatTime(text(data.timestamp), 'time') || null);
}

/** One marketplace of `systemStatus.marketplaceSync`. */
export function writeMarketplace(code: string, sync: Record<string, unknown>): void {
  if (!(code in MARKETPLACES)) return;
  const element = document.getElementById(`${code}-sync-status`);
  if (element !== null && text(sync.status) !== '') {
    const state = stateOf(sync.status);
    element.className = `sync-status ${state}`;
    element.textContent = statusWord(state);
  }
  if (text(sync.source) === 'none') write(`${code}-last-sync`, NO_FIGURE);
  else if (typeof sync.lastSync === 'string') {
    write(`${code}-last-sync`, formatTime(sync.lastSync) || word('never'));
  }
}

/** Argument of `marketplaceSyncUpdate`. */
export function writeSync(data: Record<string, unknown>): void {
  const code = text(data.marketplace);
  if (!(code in MARKETPLACES)) return;
  const progress = number(data.progress);
  if (progress !== null) writeProgress(code, progress);
  const status = text(data.status) || (data.completed === true ? 'success' : progress === null ? '' : 'running');
  writeMarketplace(code, {
    status,
    lastSync: data.completed === true && !['error', 'cancelled'].includes(status) ? data.occurredAt : undefined,
  });
  const failed = number(data.failed);
  if (failed !== null) write(`${code}-error-count`, formatNumber(failed));
}

export function writeProgress(code: string, progress: number): void {
  const percent = Math.max(0, Math.min(100, progress));
  const fill = document.getElementById(`${code}-progress`);
  if (fill !== null) fill.style.width = `${percent}%`;
  document.getElementById(`${code}-progress-bar`)?.setAttribute('aria-valuenow', String(Math.round(percent)));
  write(`${code}-progress-text`, formatPercent(Math.round(percent), 0));
}

/** Argument of `metricsUpdate`: each key k goes to the element `metric-<k>`. */
export function writeMetrics(data: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(data)) {
    const figure = number(value);
    if (figure !== null) {
      const shown = key === 'uptime' ? formatUptime(figure) : formatNumber(figure);
      write(`metric-${key}`, hasNoSource(data.sources, key) ? NO_FIGURE : shown);
    } else if (key === 'apiHealth' || key === 'databaseStatus') {
      writeIndicator(`metric-${key}`, value);
    } else if (typeof value === 'string') {
      write(`metric-${key}`, value);
    }
  }
}
