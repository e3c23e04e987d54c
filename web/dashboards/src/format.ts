// How the pages show payload values. Formats stand in the client, so that the ids which it writes look the same.

import { gemini, hasNoSource, number, record, text } from '@meschain/client';
import { MARKETPLACES } from '@meschain/contracts';
import { t } from './i18n.ts';

export const { formatMoney, formatNumber, formatPercent, formatRate, formatTime, formatUptime, NO_FIGURE, statusWord } =
  gemini;

/** A number at an axis: no more decimals than it needs. */
export function tickNumber(value: number): string {
  return new Intl.NumberFormat(gemini.language(), { maximumFractionDigits: 2 }).format(value);
}

export function marketplaceName(code: string): string {
  const names: Partial<Record<string, string>> = MARKETPLACES;
  return names[code] ?? (code === 'shop' ? t('orders.shop') : code);
}

/** The money fields of a payload that names its currency. */
export function money(value: unknown, payload: { currency?: unknown; currencyDecimals?: unknown }): string {
  const amount = number(value);
  if (amount === null) return NO_FIGURE;
  return formatMoney(amount, text(payload.currency) || 'USD', number(payload.currencyDecimals) ?? 2);
}

/** A figure of a group that carries `sources`; the dash where it has none or is missing. */
export function figure(group: unknown, key: string, format: (value: number) => string = formatNumber): string {
  const values = record(group);
  const value = number(values[key]);
  return value === null || hasNoSource(values.sources, key) ? NO_FIGURE : format(value);
}

/** Where a figure comes from, for people; empty when nothing is said. */
export function sourceText(group: unknown, key: string): string {
  const values = record(group);
  if (hasNoSource(values.sources, key)) return t('noSource');
  const source = text(record(values.sources)[key]);
  return source === '' ? '' : t('source', { source });
}
