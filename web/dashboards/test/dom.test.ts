import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('survive missing fields and show each once', () => {
    const host = h('ul');
    const list = new OrderList(host, 5);
    list.load([]);
    expect(host.textContent).toContain('No orders yet');
    list.receive({});
    list.receive({ eventId: 'e1', marketplace: 'etsy', orderNumber: '7', customer: '<b>Ayşe</b>', total: 3 });
    list.receive({ eventId: 'e1', marketplace: 'etsy', orderNumber: '7' });
    vi.runAllTimers();
    expect(host.querySelectorAll('[data-order="7"]')).toHaveLength(1);
    expect(host.querySelector('b')).toBeNull();
  });

  it('show the latest change of each', () => {
    const host = h('ul');
    const list = new OrderList(host, 5);
    const order = { orderId: 7, marketplace: 'etsy', orderNumber: 'E-7' };
    list.receive({ ...order, eventId: 'opencart:order_history:1', shopStatus: 'Pending' });
    list.receive({ ...order, eventId: 'opencart:order_history:2', shopStatus: 'Shipped' });
    vi.runAllTimers();
    expect(host.querySelectorAll('li[data-order]')).toHaveLength(1);
    expect(host.textContent).toContain('Shipped');
    expect(host.textContent).not.toContain('Pending');
  });

  it('are marked as new, and in a burst written together without marks', () => {
    const host = h('ul');
    const list = new OrderList(host, 50);
    list.receive({ orderId: 1, orderNumber: '1' });
    expect(host.querySelectorAll('.fresh[data-order="1"]')).toHaveLength(1);
    for (let orderId = 2; orderId < 30; orderId += 1) list.receive({ orderId, orderNumber: `${orderId}` });
    expect(host.querySelectorAll('li')).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(host.querySelectorAll('li')).toHaveLength(29);
    expect(host.querySelectorAll('.fresh')).toHaveLength(0);
    list.receive({ orderId: 99, orderNumber: '99' });
    vi.runAllTimers();
    expect(host.querySelectorAll('.fresh')).toHaveLength(1);
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

  it('are not set back by what was read before their last event', () => {
    const control = new SyncControl('n11', () => {
      throw new Error('nobody starts one here');
    });
    document.body.append(control.progress, control.button);
    control.receive({ jobId: 'one', progress: 60, completed: false, status: 'running' });
    control.set(40, true, 'one');
    expect(control.progress.textContent).toBe('60%');
    control.receive({ jobId: 'one', progress: 60, completed: true, status: 'cancelled' });
    control.set(60, true, 'one');
    expect(control.button.textContent).toBe('Sync');
    control.set(10, true, 'two');
    expect([control.progress.textContent, control.button.textContent]).toEqual(['10%', 'Syncing']);
  });
});
