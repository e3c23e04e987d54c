import type { AlertRow } from '@meschain/contracts';
import { beforeEach, describe, expect, it } from 'vitest';
import { StockChanges } from '../src/admin/stock_changes.ts';
import { h } from '../src/dom.ts';
import { setLanguage } from '../src/i18n.ts';
import { known } from '../src/known.ts';
import { measured, openAlerts, ruleTitle } from '../src/operations/alert_words.ts';
import { actionText, outcomeState, reasonOf } from '../src/operations/audit.ts';
import { indented } from '../src/operations/delivery_dialog.ts';
import { stateOf, vendorName } from '../src/operations/inbox_words.ts';
import { countsText, durationText, everyText, jobState, percentOf, secondsText } from '../src/operations/job_words.ts';
import { nameOfId } from '../src/operations/names.ts';
import { Pager, pathWith } from '../src/operations/pager.ts';
import { agoText, hubName } from '../src/operations/people.ts';
import { Reading } from '../src/operations/reading.ts';
import { Rows } from '../src/operations/rows.ts';
import { mayEnter } from '../src/session.ts';

beforeEach(() => {
  document.documentElement.lang = 'en';
  document.body.replaceChildren();
  localStorage.clear();
});

describe('rows', () => {
  interface Item {
    id: string;
    name: string;
  }
  const rowsIn = (host: HTMLElement): Rows<Item> =>
    new Rows<Item>(host, {
      key: (item) => item.id,
      build: (item) =>
        h('li', {}, item.name, h('button', { 'data-action': 'go' }), h('button', { 'data-action': 'end' })),
      empty: () => h('li', {}, 'none'),
    });

  it('stay as they are when their item has not changed', () => {
    const host = h('ul');
    const rows = rowsIn(host);
    rows.show([
      { id: 'a', name: 'A' },
      { id: 'b', name: 'B' },
    ]);
    const [first, second] = [...host.children];
    rows.show([
      { id: 'c', name: 'C' },
      { id: 'a', name: 'A' },
      { id: 'b', name: 'changed' },
    ]);
    expect([...host.children].map((row) => row.textContent)).toEqual(['C', 'A', 'changed']);
    expect(host.children[1]).toBe(first);
    expect(host.children[2]).not.toBe(second);
  });

  it('say that there is none, and take that away again', () => {
    const host = h('tbody');
    const rows = rowsIn(host);
    rows.show([]);
    expect(host.textContent).toBe('none');
    rows.show([{ id: 'a', name: 'A' }]);
    expect(host.textContent).toBe('A');
  });

  it('keep the keyboard where it was when a row is written anew', () => {
    const host = h('ul');
    document.body.append(host);
    const rows = rowsIn(host);
    rows.show([{ id: 'a', name: 'A' }]);
    host.querySelector<HTMLElement>('[data-action=end]')?.focus();
    rows.show([{ id: 'a', name: 'changed' }]);
    expect(document.activeElement).toBe(host.querySelector('[data-action=end]'));
  });
});

describe('paths and pages', () => {
  it('have the parameters that say something', () => {
    expect(pathWith('/inbox', { vendor: '', status: 'dead', before: '7' })).toBe('/inbox?status=dead&before=7');
    expect(pathWith('/inbox', { vendor: '' })).toBe('/inbox');
  });

  it('go to older ones and back to the newest', () => {
    const asked: Record<string, string>[] = [];
    const pager: Pager = new Pager(() => asked.push(pager.query));
    const [newest, older] = [...pager.element.querySelectorAll('button')];
    expect(pager.element.hidden).toBe(true);
    pager.showing('51');
    older?.click();
    pager.showing(null);
    expect([pager.isAtNewest, older?.disabled, newest?.disabled]).toEqual([false, true, false]);
    newest?.click();
    expect(asked).toEqual([{ before: '51' }, {}]);
    expect(pager.isAtNewest).toBe(true);
  });
});

describe('reading', () => {
  const answers: ((answer: Response) => void)[] = [];
  const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status });

  beforeEach(() => {
    answers.length = 0;
    localStorage.setItem('auth_token', 'h.e30.s');
    window.fetch = () => new Promise((resolve) => answers.push(resolve));
  });

  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

  it('shows what was asked for last, whatever comes later', async () => {
    let path = '/first';
    const shown: unknown[] = [];
    const reading = new Reading(
      h('section'),
      () => path,
      (payload) => shown.push(payload),
    );
    const both = [reading.load()];
    await settled();
    path = '/second';
    both.push(reading.load());
    answers[0]?.(json(200, 'first'));
    await settled();
    answers[1]?.(json(200, 'second'));
    await Promise.all(both);
    expect(shown).toEqual(['second']);
  });

  it('says why it failed, and that it works again', async () => {
    const host = h('section');
    const reading = new Reading(
      host,
      () => '/jobs',
      () => undefined,
    );
    for (const [answer, text] of [
      [json(500, { error: 'It broke.' }), 'This could not be loaded. It broke.'],
      [json(403, { error: 'No.' }), 'Your role may not see this. An administrator can give you another one.'],
      [new Response('<html>', { status: 502 }), 'This could not be loaded. status 502'],
    ] as const) {
      const load = reading.load();
      await settled();
      answers.shift()?.(answer);
      await load;
      expect(host.querySelector('.notice p')?.textContent).toBe(text);
      expect(host.hasAttribute('data-stale')).toBe(true);
    }
    host.querySelector('button')?.click();
    await settled();
    answers.shift()?.(json(200, {}));
    await settled();
    expect(host.querySelector<HTMLElement>('.notice')?.hidden).toBe(true);
    expect(host.hasAttribute('data-stale')).toBe(false);
  });

  it('says that the server is away', async () => {
    window.fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    const host = h('section');
    await new Reading(
      host,
      () => '/jobs',
      () => undefined,
    ).load();
    expect(host.querySelector('.notice p')?.textContent).toBe('The server could not be reached.');
  });
});

describe('words', () => {
  it('of the inbox', () => {
    expect([vendorName('ebay-soap'), vendorName('etsy'), vendorName('odd')]).toEqual(['eBay SOAP', 'Etsy', 'odd']);
    expect(stateOf('dead')).toEqual({ kind: 'error', word: 'Given up' });
    expect(stateOf('new word')).toEqual({ kind: '', word: 'new word' });
    expect(indented('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(indented('<xml/>')).toBe('<xml/>');
  });

  it('of jobs', () => {
    expect(countsText({ processed: 1200, failed: 2, total: 3000 })).toBe('1,200 of 3,000, 2 failed');
    expect(countsText({ processed: 0, failed: 0, total: 0 })).toBe('');
    const started = '2026-01-01T10:00:00Z';
    expect(durationText({ startedAt: started, finishedAt: '2026-01-01T10:02:30Z' })).toBe('2.5 min');
    expect(durationText({ startedAt: started, finishedAt: null })).toBe('');
    expect([secondsText(0.42), secondsText(59), secondsText(7200)]).toEqual(['0.4 sec', '59 sec', '2 hr']);
    expect([everyText(0), everyText(60)]).toEqual(['Never', 'Every 1 hr']);
    expect([percentOf(40.4), percentOf(-1), percentOf(200), percentOf('x')]).toEqual([40, 0, 100, 0]);
    expect(jobState('cancelled')).toEqual({ kind: 'warning', word: 'Cancelled' });
  });

  it('of rules and what they measured', () => {
    expect(measured(1234.567, 'ms')).toBe('1,234.57 ms');
    expect([measured(1, ''), measured(0, ''), measured(null, '%')]).toEqual(['yes', 'no', '—']);
    expect([measured(5, '%'), measured(0.25, '%'), measured(1, 'probes')]).toEqual(['5%', '0.3%', '1 address']);
    expect(measured(4, 'a unit of tomorrow')).toBe('4 a unit of tomorrow');
    setLanguage('tr');
    expect(measured(3, 'products')).toBe('3 ürün');
    expect(ruleTitle({ name: 'stock_low', title: 'Products short of stock' })).toBe('Stoku az ürünler');
    expect(ruleTitle({ name: 'new_rule', title: 'A new rule' })).toBe('A new rule');
    expect(known('nothing.of.this', 'otherwise')).toBe('otherwise');
  });

  it('of people and what they did', () => {
    expect([nameOfId(''), nameOfId('service:schedule'), nameOfId('service:erp'), nameOfId('shell:root')]).toEqual([
      'nobody known',
      'Schedule',
      'erp (program)',
      'root (on the server)',
    ]);
    expect(nameOfId('external:acme/a:b')).toBe('external:acme/a:b');
    expect([agoText(3), agoText(61), agoText(7300), agoText(Number.NaN)]).toEqual([
      'now',
      '1 minute ago',
      '2 hours ago',
      'now',
    ]);
    expect([hubName('MesChainAdminHub'), hubName('Another')]).toEqual(['Dashboard', 'Another']);
    expect([actionText('DropWebhook'), actionText('Unknown')]).toEqual(['Delivery dropped', 'Unknown']);
    expect(outcomeState('refused: no right')).toEqual({ kind: 'warning', word: 'Refused' });
    expect([reasonOf('refused: no: right'), reasonOf('ok')]).toEqual(['no: right', '']);
  });
});

describe('stock changes', () => {
  it('show each product of a marketplace once, the newest first, and text as text', () => {
    const host = h('ul');
    const list = new StockChanges(host, 3);
    expect(host.textContent).toContain('No stock has changed');
    const change = { marketplace: 'n11', productId: 7, name: '<b>Mug</b>', quantity: 3, listedQuantity: 5 };
    list.receive({ ...change, occurredAt: '2026-01-01T10:00:00Z', reason: 'order' });
    list.receive({ ...change, quantity: 2, occurredAt: '2026-01-01T10:00:01Z', reason: 'a reason of tomorrow' });
    list.receive({});
    expect(host.querySelectorAll('[data-stock="n11:7:0"]')).toHaveLength(1);
    expect(host.textContent).toContain('n11, a reason of tomorrow2 in the shop5 listed');
    expect(host.querySelector('b')).toBeNull();
  });
});

describe('open alerts', () => {
  const alert = (id: string, state: string, level: string, timestamp: string): AlertRow =>
    ({ id, state, level, timestamp }) as AlertRow;

  it('are those that nobody looked at, then by how bad they are, then by time', () => {
    const shown = openAlerts([
      alert('seen', 'acknowledged', 'critical', '9'),
      alert('old', 'firing', 'warning', '1'),
      alert('new', 'firing', 'warning', '2'),
      alert('worst', 'firing', 'critical', '0'),
      alert('over', 'resolved', 'critical', '8'),
    ]);
    expect(shown.map((each) => each.id)).toEqual(['worst', 'new', 'old', 'seen']);
  });
});

describe('pages', () => {
  it.each([
    ['super_admin', ['admin', 'marketplace', 'analytics', 'inbox', 'jobs', 'alerts', 'people', 'audit']],
    ['marketplace_manager', ['marketplace', 'analytics', 'jobs']],
    ['dropshipper', ['marketplace', 'analytics']],
    ['viewer', ['analytics']],
    ['a role of tomorrow', []],
  ])('of %s are %j', (role, pages) => {
    const all = ['admin', 'marketplace', 'analytics', 'inbox', 'jobs', 'alerts', 'people', 'audit'] as const;
    expect(all.filter((page) => mayEnter({ role }, page))).toEqual(pages);
  });
});
