// Reads fields of payloads that may be missing, and says things as the old servers said them.

import { MARKETPLACES } from '@meschain/contracts';

export function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

export function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Seconds since 1970; 0: never. */
export function seconds(iso: unknown): number {
  const time = Date.parse(text(iso));
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

export function displayName(marketplace: string): string {
  return (MARKETPLACES as Partial<Record<string, string>>)[marketplace] ?? marketplace;
}
