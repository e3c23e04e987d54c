// Scales and words of the charts by month. Pure.

import { gemini } from '@meschain/client';

/** Round steps from 0 up to at least `highest`, about `wanted` of them; `[0, 1]` for nothing. */
export function ticks(highest: number, wanted = 4): number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  // Multiplied, not added up: sums of 0.1 end beside what they mean.
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** `2026-06` in words of the page's language. */
export function monthName(month: string, style: 'short' | 'long'): string {
  const [year, number] = month.split('-').map(Number);
  if (year === undefined || number === undefined || Number.isNaN(year + number)) return month;
  const format: Intl.DateTimeFormatOptions = { month: style, year: style === 'short' ? '2-digit' : 'numeric' };
  return new Intl.DateTimeFormat(gemini.language(), { ...format, timeZone: 'UTC' }).format(
    new Date(Date.UTC(year, number - 1)),
  );
}

/** Money at an axis: thousands and millions shortened. */
export function tickMoney(value: number, currency: string): string {
  const digits = { notation: 'compact', maximumFractionDigits: 1 } as const;
  try {
    const money = { style: 'currency', currency, currencyDisplay: 'narrowSymbol', minimumFractionDigits: 0 } as const;
    return new Intl.NumberFormat(gemini.language(), { ...digits, ...money }).format(value);
  } catch {
    // Not an ISO code: a shop may define its own.
    return new Intl.NumberFormat(gemini.language(), digits).format(value);
  }
}

/** Every how manieth of `count` labels can be shown side by side. */
export function labelStep(count: number, width: number, labelWidth: number): number {
  return Math.max(1, Math.ceil((count * labelWidth) / Math.max(1, width)));
}
