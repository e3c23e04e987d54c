import { describe, expect, it } from 'vitest';
import { worst } from '../src/admin/health.ts';
import { Feed } from '../src/feed.ts';
import { readLoginAnswer } from '../src/login_answer.ts';
import { inOrder, isInStep, type StockLine } from '../src/panel/stock_lines.ts';
import { total } from '../src/panel/totals.ts';
import { POINTS, Series } from '../src/series.ts';
import { TEXTS } from '../src/texts.ts';

describe('Series', () => {
  it('keeps the last twenty points', () => {
    const series = new Series(1);
    for (let time = 0; time < 50; time += 1) series.push(time, [time]);
    const [times, values] = series.columns();
    expect(times).toHaveLength(POINTS);
    expect([times[0], values?.at(-1)]).toEqual([30, 49]);
  });

  it('replaces a point that comes again, and never goes back in time', () => {
    const series = new Series(1);
    series.push(10, [1]);
    series.push(10, [2]);
    series.push(9, [3]);
    expect(series.columns()).toEqual([[10], [3]]);
  });

  it('leaves a gap where a value is missing', () => {
    const series = new Series(2);
    series.push(1, [null]);
    expect(series.columns()).toEqual([[1], [null], [null]]);
  });
});

describe('Feed', () => {
  const feed = (): Feed<{ id: string; at: string }> =>
    new Feed(
      3,
      (item) => item.id,
      (item) => item.at,
    );

  it('keeps the newest, each once', () => {
    const subject = feed();
    subject.add({ id: 'a', at: '1' }, { id: 'b', at: '3' }, { id: 'c', at: '2' });
    expect(subject.add({ id: 'b', at: '3' })).toBe(false);
    expect(subject.add({ id: 'd', at: '4' })).toBe(true);
    expect(subject.list().map((item) => item.id)).toEqual(['d', 'b', 'c']);
  });

  it('puts the later of two with one time first', () => {
    const subject = feed();
    subject.add({ id: 'a', at: '1' });
    subject.add({ id: 'b', at: '1' });
    expect(subject.list().map((item) => item.id)).toEqual(['b', 'a']);
  });

  it('puts a later version in the place of an earlier one', () => {
    const subject = new Feed<{ id: string; at: string; status: string }>(
      3,
      (item) => item.id,
      (item) => item.at,
    );
    subject.add({ id: 'a', at: '1', status: 'Pending' }, { id: 'b', at: '2', status: 'Pending' });
    expect(subject.add({ id: 'a', at: '1', status: 'Shipped' })).toBe(true);
    expect(subject.list().map((item) => item.status)).toEqual(['Pending', 'Shipped']);
  });

  it('passes over what is no item', () => {
    const subject = feed();
    subject.add(null as never, { id: 'a', at: '1' }, 'b' as never);
    expect(subject.list().map((item) => item.id)).toEqual(['a']);
  });

  it('keeps items without an id apart', () => {
    const subject = feed();
    subject.add({ id: '', at: '1' });
    expect(subject.add({ id: '', at: '2' })).toBe(true);
  });
});

describe('answers of the log-in', () => {
  const answer = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
    new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });

  it.each([
    ['a session', answer(200, { accessToken: 't' }), { kind: 'session', session: { accessToken: 't' } }],
    ['no token', answer(200, {}), { kind: 'failed', error: 'status 200' }],
    ['wrong', answer(401, { error: 'x' }), { kind: 'wrong' }],
    ['second factor', answer(403, { code: 'second_factor_required' }), { kind: 'secondFactor' }],
    ['refused otherwise', answer(403, { error: 'disabled' }), { kind: 'failed', error: 'disabled' }],
    ['throttled', answer(429, {}, { 'Retry-After': '7' }), { kind: 'throttled', seconds: 7 }],
    ['throttled without a number', answer(429, 'x'), { kind: 'throttled', seconds: 30 }],
    ['no JSON', answer(502, '<html>'), { kind: 'failed', error: 'status 502' }],
  ])('%s', async (_, response, outcome) => {
    expect(await readLoginAnswer(response)).toEqual(outcome);
  });
});

describe('sums over marketplaces', () => {
  const snapshot = (ordersToday: number, currency: string, sources: Record<string, string>): never =>
    ({ ordersToday, revenueToday: ordersToday * 2, currency, sources }) as never;

  it('passes over those without a source', () => {
    const marketplaces = [snapshot(3, 'TRY', {}), snapshot(0, 'TRY', { ordersToday: 'none' })];
    expect(total(marketplaces, 'ordersToday')).toBe(3);
  });

  it('is nothing when none has a source, or when currencies differ', () => {
    expect(total([snapshot(0, 'TRY', { ordersToday: 'none' })], 'ordersToday')).toBeNull();
    expect(total([snapshot(1, 'TRY', {}), snapshot(1, 'EUR', {})], 'revenueToday')).toBeNull();
    expect(total([], 'ordersToday')).toBeNull();
  });
});

describe('stock', () => {
  const line = (name: string, quantity: number, listedQuantity: number): StockLine => ({
    marketplace: 'n11',
    productId: 1,
    sku: '',
    name,
    quantity,
    listedQuantity,
  });

  it('shows what is out of step first, then what is short', () => {
    const lines = [line('full', 9, 9), line('short', 1, 1), line('wrong', 50, 49)];
    expect(inOrder(lines).map((entry) => entry.name)).toEqual(['wrong', 'short', 'full']);
    expect(isInStep(line('x', 0, 0))).toBe(true);
    // The shop owes two: nothing is listed, as it should be.
    expect(isInStep(line('owed', -2, 0))).toBe(true);
  });
});

describe('health', () => {
  it.each([
    [['healthy', 'error'], 'error'],
    [['unknown', 'healthy'], 'healthy'],
    [['warning', 'healthy'], 'warning'],
    [['', ''], 'unknown'],
    [['odd'], 'unknown'],
  ])('of %j is %s', (states, expected) => {
    expect(worst(...states)).toBe(expected);
  });
});

describe('texts', () => {
  it('have the same places in both languages', () => {
    const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();
    for (const key of Object.keys(TEXTS.en) as (keyof typeof TEXTS.en)[]) {
      expect([key, places(TEXTS.tr[key])]).toEqual([key, places(TEXTS.en[key])]);
    }
  });
});
