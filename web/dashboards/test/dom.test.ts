import { beforeEach, describe, expect, it } from 'vitest';
import { h } from '../src/dom.ts';
import { figure, money, sourceText } from '../src/format.ts';
import { onLanguageChange, setLanguage, t, translate } from '../src/i18n.ts';
import { OrderList } from '../src/shared/orders.ts';
import { SyncControl } from '../src/shared/sync.ts';

beforeEach(() => {
  document.documentElement.lang = 'en';
  document.body.replaceChildren();
});

describe('elements', () => {
  it('take text as text', () => {
    const element = h('p', { title: '"><b>' }, '<img src=x onerror=alert(1)>');
    expect(element.children).toHaveLength(0);
    expect(element.textContent).toBe('<img src=x onerror=alert(1)>');
  });

  it('take listeners and leave out what is false', () => {
    let clicks = 0;
    const button = h('button', { hidden: false, disabled: undefined, onclick: () => (clicks += 1) });
    button.click();
    expect([clicks, button.hidden, button.disabled]).toEqual([1, false, false]);
  });
});

describe('languages', () => {
  it('fill marked elements and tell listeners', () => {
    document.body.append(h('p', { 'data-t': 'logout' }), h('input', { 'data-t-placeholder': 'log.searchPlaceholder' }));
    translate(document);
    expect(document.body.textContent).toBe('Log out');
    let told = 0;
    onLanguageChange(() => {
      told += 1;
    });
    setLanguage('tr');
    expect([document.body.textContent, document.querySelector('input')?.placeholder, told]).toEqual([
      'Çıkış yap',
      'Ara',
      1,
    ]);
  });

  it('fill places once, and no place of a value', () => {
    expect(t('source', { source: '{source} $& {x}' })).toBe('Source: {source} $& {x}');
  });
});

describe('figures', () => {
  const group = { revenue: 12.5, orders: 0, sources: { orders: 'none', revenue: 'order.total' } };

  it('without a source are a dash, never a zero', () => {
    expect(figure(group, 'orders')).toBe('—');
    expect(figure(group, 'missing')).toBe('—');
    expect(figure(undefined, 'x')).toBe('—');
    expect(figure(group, 'revenue')).toBe('13');
    expect(sourceText(group, 'orders')).toBe('no source');
    expect(sourceText(group, 'revenue')).toBe('Source: order.total');
  });

  it('of money have the payload’s currency and decimals', () => {
    expect(money(1234.5, { currency: 'TRY', currencyDecimals: 2 })).toBe('₺1,234.50');
    expect(money(1234, { currency: 'JPY', currencyDecimals: 0 })).toBe('¥1,234');
    expect(money(5, { currency: 'not a code', currencyDecimals: 1 })).toBe('5.0 not a code');
    expect(money(null, {})).toBe('—');
    document.documentElement.lang = 'tr';
    expect(money(1234.5, { currency: 'TRY', currencyDecimals: 2 })).toBe('₺1.234,50');
  });
});

describe('orders', () => {
  it('survive missing fields and show each once', () => {
    const host = h('ul');
    const list = new OrderList(host, 5);
    list.load([]);
    expect(host.textContent).toContain('No orders yet');
    list.receive({});
    list.receive({ eventId: 'e1', marketplace: 'etsy', orderNumber: '7', customer: '<b>Ayşe</b>', total: 3 });
    list.receive({ eventId: 'e1', marketplace: 'etsy', orderNumber: '7' });
    expect(host.querySelectorAll('[data-order="7"]')).toHaveLength(1);
    expect(host.querySelector('b')).toBeNull();
  });
});

describe('a sync', () => {
  it('says its progress in the language of the page', () => {
    const control = new SyncControl('n11', () => {
      throw new Error('nobody starts one here');
    });
    document.body.append(control.progress, control.button);
    control.set(40, true);
    expect([control.progress.textContent, control.button.textContent]).toEqual(['40%', 'Syncing']);
    setLanguage('tr');
    expect([control.progress.textContent, control.button.textContent]).toEqual(['%40', 'Eşitleniyor']);
  });
});
