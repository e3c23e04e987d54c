import type { Analytics } from '@meschain/contracts';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Reload } from '../src/analytics/reload.ts';
import { SalesView } from '../src/analytics/sales.ts';
import { labelStep, monthName, tickMoney, ticks } from '../src/analytics/scale.ts';
import { StockAtRisk } from '../src/analytics/stock.ts';
import { h } from '../src/dom.ts';

beforeAll(() => {
  // jsdom lays nothing out, so there is no size to watch.
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe(): void {}
    },
  );
});

const IDS = ['revenue', 'conversion'].flatMap((part) => [`${part}-chart`, `${part}-missing`, `${part}-card`]);
const PAGE = [
  ...IDS,
  ...['share-rows', 'shares-missing', 'shares-card', 'month-head', 'month-rows'],
  ...['stock-outOfStock', 'stock-lowStock', 'stock-atRisk', 'stock-note', 'stock-sold', 'risk-rows', 'risk-rest'],
];

beforeEach(() => {
  document.documentElement.lang = 'en';
  document.body.replaceChildren(...PAGE.map((id) => h('div', { id })));
});

const SOURCES = { revenue: 'order.total', orders: 'order', marketplaces: 'meschain_order', conversion: 'order' };

function answer(changes: Partial<Analytics> = {}): Analytics {
  return {
    timestamp: '2026-06-15T12:00:00.000Z',
    ageSeconds: 0,
    freshSeconds: 1,
    currency: 'TRY',
    currencyDecimals: 2,
    months: [
      { month: '2026-05', revenue: 120.01, orders: 3, checkouts: 0, confirmed: 0, conversion: null },
      { month: '2026-06', revenue: 80, orders: 4, checkouts: 8, confirmed: 6, conversion: 75 },
    ],
    marketplaces: [
      { code: 'n11', revenue: [0, 60], orders: [0, 3], totalRevenue: 60, totalOrders: 3, share: 30 },
      { code: 'shop', revenue: [120.01, 20], orders: [3, 1], totalRevenue: 140.01, totalOrders: 4, share: 70 },
    ],
    stock: {
      outOfStock: 1,
      lowStock: 2,
      atRisk: 3,
      riskDays: 14,
      saleDays: 30,
      products: [
        { productId: 7, sku: 'S7', name: '<b>Bowl</b>', quantity: 0, sold: 9, perDay: 0.3, daysLeft: 0 },
        { productId: 8, sku: 'S8', name: 'Cup', quantity: 3, sold: 60, perDay: 2, daysLeft: 1.5 },
      ],
    },
    sources: { ...SOURCES, outOfStock: 'product', lowStock: 'product', atRisk: 'product' },
    ...changes,
  };
}

const at = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const cells = (row: string): (string | null)[] =>
  [...(document.querySelector(row)?.children ?? [])].map((cell) => cell.textContent);

describe('scales', () => {
  it('have round steps that reach above the highest value', () => {
    expect(ticks(801_322)).toEqual([0, 250_000, 500_000, 750_000, 1_000_000]);
    expect(ticks(0.3)).toEqual([0, 0.1, 0.2, 0.30000000000000004]);
    expect(ticks(4)).toEqual([0, 1, 2, 3, 4]);
    expect(ticks(0)).toEqual([0, 1]);
  });

  it('reach above any value, with few steps', () => {
    for (let value = 0.0007; value < 1e12; value *= 1.37) {
      const steps = ticks(value);
      expect(steps.at(-1)).toBeGreaterThanOrEqual(value * 0.999);
      expect(steps.length).toBeLessThan(8);
    }
  });

  it('name months in the language of the page', () => {
    expect([monthName('2026-06', 'long'), monthName('2026-01', 'short')]).toEqual(['June 2026', 'Jan 26']);
    document.documentElement.lang = 'tr';
    expect(monthName('2026-06', 'long')).toBe('Haziran 2026');
    expect(monthName('soon', 'long')).toBe('soon');
  });

  it('shorten money, whatever a shop calls its currency', () => {
    expect(tickMoney(1_250_000, 'TRY')).toBe('₺1.3M');
    expect(tickMoney(2000, 'gold!')).toBe('2K');
  });

  it('leave out labels that would touch', () => {
    expect([labelStep(12, 720, 58), labelStep(36, 500, 58), labelStep(3, 0, 58)]).toEqual([1, 5, 174]);
  });
});

describe('sales', () => {
  it('show months newest first, and each figure once as text', () => {
    new SalesView().load(answer());
    expect(cells('#month-rows [data-month="2026-06"]')).toEqual([
      'June 2026, so far',
      '4',
      '₺80.00',
      '₺60',
      '₺20',
      '8',
      '75.0%',
    ]);
    expect(cells('#month-rows [data-month="2026-05"]')).toEqual(['May 2026', '3', '₺120.01', '₺0', '₺120', '0', '—']);
    expect([...at('month-rows').children].map((row) => row.getAttribute('data-month'))).toEqual(['2026-06', '2026-05']);
  });

  it('show shares, the largest first', () => {
    new SalesView().load(answer());
    const rows = [...at('share-rows').children].map((row) => row.textContent);
    expect(rows).toEqual(['Shop70.0%4 orders₺140.01', 'n1130.0%3 orders₺60.00']);
  });

  it('draw a bar for what was sold, and say the chart in words', () => {
    new SalesView().load(answer());
    const bars = [...at('revenue-chart').querySelectorAll('.bar')].map((bar) => bar.getAttribute('data-series'));
    expect(bars).toEqual(['shop', 'n11', 'shop']);
    expect(at('revenue-chart').querySelector('[role="img"]')?.getAttribute('aria-label')).toBe(
      'Revenue by month: May 2026 ₺120.01, June 2026, so far ₺80.00',
    );
    expect(at('revenue-chart').querySelector('.chart-readout')?.textContent).toBe('June 2026, so far: ₺80.00');
  });

  it('tell the month under the pointer, and the newest again when it leaves', () => {
    new SalesView().load(answer());
    const area = at('revenue-chart').querySelector('.area') as Element;
    area.dispatchEvent(new Event('pointerenter'));
    const readout = at('revenue-chart').querySelector('.chart-readout') as Element;
    expect(readout.textContent).toBe('May 2026: ₺120.01');
    expect(at('revenue-chart').querySelectorAll('.dim')).toHaveLength(1);
    at('revenue-chart').querySelector('[role="img"]')?.dispatchEvent(new Event('pointerleave'));
    expect([readout.textContent, at('revenue-chart').querySelectorAll('.dim').length]).toEqual([
      'June 2026, so far: ₺80.00',
      0,
    ]);
  });

  it('have no source where the shop does not say which marketplace an order came from', () => {
    const sources = { ...SOURCES, marketplaces: 'none' };
    new SalesView().load(answer({ marketplaces: [], sources }));
    expect([at('shares-missing').hidden, at('share-rows').hidden, at('revenue-chart').hidden]).toEqual([
      false,
      true,
      false,
    ]);
    const bars = [...at('revenue-chart').querySelectorAll('.bar')].map((bar) => bar.getAttribute('data-series'));
    expect(bars).toEqual(['all', 'all']);
  });

  it('show no zero for what cannot be read', () => {
    const sources = { revenue: 'none', orders: 'none', marketplaces: 'none', conversion: 'none' };
    new SalesView().load(answer({ months: [], marketplaces: [], sources }));
    expect([at('revenue-missing').hidden, at('conversion-missing').hidden, at('revenue-chart').hidden]).toEqual([
      false,
      false,
      true,
    ]);
    expect(at('month-rows').textContent).toBe('no source');
  });

  it('follow the language', () => {
    const view = new SalesView();
    view.load(answer());
    document.documentElement.lang = 'tr';
    view.render();
    expect(cells('#month-rows [data-month="2026-06"]')[0]).toBe('Haziran 2026, şimdiye kadar');
    expect(at('share-rows').textContent).toContain('%70,0');
  });
});

describe('stock at risk', () => {
  it('shows how long it lasts, names as text, and how many more there are', () => {
    new StockAtRisk().load(answer());
    expect(cells('[data-product="7"]')).toEqual(['<b>Bowl</b>S7', '0', '9', '0.30', 'Out of stock']);
    expect(cells('[data-product="8"]')).toEqual(['CupS8', '3', '60', '2.00', '1.5 days']);
    expect(['stock-outOfStock', 'stock-lowStock', 'stock-atRisk'].map((id) => at(id).textContent)).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(at('risk-rest').textContent).toBe('And 1 more.');
    expect(at('stock-note').textContent).toBe('Lasts less than 14 days, as it sold in the last 30.');
  });

  it('says so when nothing is at risk, and when it is not known', () => {
    const { stock } = answer();
    const view = new StockAtRisk();
    view.load(answer({ stock: { ...stock, atRisk: 0, products: [] } }));
    expect([at('risk-rows').textContent, at('risk-rest').textContent]).toEqual([
      'All stock lasts longer than that.',
      '',
    ]);
    const unknown = { outOfStock: null, lowStock: null, atRisk: null, riskDays: 0, saleDays: 0, products: [] };
    view.load(answer({ stock: unknown }));
    expect([at('risk-rows').textContent, at('stock-note').textContent, at('stock-atRisk').textContent]).toEqual([
      'no source',
      'no source',
      '—',
    ]);
  });
});

describe('reading again', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => vi.useRealTimers();
  });

  it('waits for more of its kind, once for all of them', () => {
    const load = vi.fn();
    const reload = new Reload(load);
    reload.changed();
    vi.advanceTimersByTime(1000);
    reload.changed();
    vi.advanceTimersByTime(999);
    expect(load).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(load).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('does not ask for what would be answered the same', () => {
    const load = vi.fn();
    const reload = new Reload(load);
    reload.answered({ ageSeconds: 5, freshSeconds: 30 });
    reload.changed();
    vi.advanceTimersByTime(29_999);
    expect(load).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('asks once more when the answer is older than what happened', () => {
    const load = vi.fn();
    const reload = new Reload(load);
    reload.changed();
    vi.advanceTimersByTime(2000);
    reload.answered({ ageSeconds: 3, freshSeconds: 10 });
    vi.advanceTimersByTime(10_000);
    expect(load).toHaveBeenCalledTimes(2);
    reload.answered({ ageSeconds: 0, freshSeconds: 10 });
    vi.advanceTimersByTime(60_000);
    expect(load).toHaveBeenCalledTimes(2);
  });
});
