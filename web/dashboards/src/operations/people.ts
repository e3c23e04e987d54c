// Who is online: by hub, role and marketplace, and each person with the connections.

import {
  ADMIN_HUB,
  type ConnectionOnline,
  DASHBOARD_HUB,
  MARKETPLACE_HUB,
  type PeopleOnline,
  type PersonOnline,
} from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { formatNumber, formatTime, marketplaceName } from '../format.ts';
import { currentLanguage, onLanguageChange, t } from '../i18n.ts';
import { known } from '../known.ts';
import { emptyRow, moment } from './parts.ts';
import { Reading } from './reading.ts';
import { Rows } from './rows.ts';

/** Times since somebody was active go on; connects and leaves are told by events. */
const EVERY_SECONDS = 5;
const COLUMNS = 4;
const HUBS: Record<string, string> = {
  [ADMIN_HUB]: 'nav.admin',
  [MARKETPLACE_HUB]: 'nav.marketplace',
  [DASHBOARD_HUB]: 'nav.analytics',
};

export class PeopleBoard {
  readonly reading: Reading<PeopleOnline>;
  private readonly rows: Rows<PersonOnline>;
  private readonly unfolded = new Set<string>();
  private shown: PeopleOnline | null = null;

  constructor() {
    this.rows = new Rows<PersonOnline>(byId('people-rows'), {
      key: (person) => person.userId,
      build: (person) => this.row(person),
      update: (row, person) => this.writeActive(row, person),
      empty: () => emptyRow(COLUMNS, t('people.none')),
    });
    this.reading = new Reading<PeopleOnline>(
      byId('people'),
      () => '/presence',
      (people) => {
        this.shown = people;
        this.render();
      },
    );
    this.reading.every(EVERY_SECONDS);
    onLanguageChange(() => {
      this.render();
      this.rows.refresh();
    });
  }

  private render(): void {
    if (this.shown === null) return;
    const { people, peopleCount, byHub, byRole, byMarketplace } = this.shown;
    byId('people-count').textContent = formatNumber(peopleCount);
    byId('people-connections').textContent = formatNumber(
      people.reduce((sum, person) => sum + person.connectionCount, 0),
    );
    const more = peopleCount - people.length;
    byId('people-more').textContent = more > 0 ? t('people.more', { count: formatNumber(more) }) : '';
    counts('people-by-hub', byHub, hubName);
    counts('people-by-role', byRole, (role) => known(`role.${role}`, role));
    counts('people-by-marketplace', byMarketplace, marketplaceName);
    this.rows.show(people);
  }

  private row(person: PersonOnline): HTMLElement {
    const since = earliest(person.connections.map((connection) => connection.connectedAt));
    const hubs = [...new Set(person.connections.map((connection) => hubName(connection.hub)))].join(', ');
    const codes = [...new Set(person.connections.flatMap((connection) => connection.marketplaces))];
    const role = known(`role.${person.role}`, person.role);
    const lines = person.connections.map((connection) => connectionLine(connection));
    const hidden = person.connectionCount - person.connections.length;
    return h(
      'tr',
      { 'data-person': person.userId },
      h(
        'td',
        { class: 'grow' },
        h('strong', {}, person.name),
        h('small', {}, role),
        h('small', { class: 'narrow-only' }, hubs),
      ),
      h(
        'td',
        { class: 'wide-only grow' },
        this.unfolding(
          person.userId,
          h('summary', {}, `${hubs} (${formatNumber(person.connectionCount)})`),
          h(
            'ul',
            { class: 'lines' },
            ...lines,
            hidden > 0 ? h('li', {}, t('people.moreConnections', { count: formatNumber(hidden) })) : null,
          ),
        ),
        h('small', { class: 'clamped' }, codes.map(marketplaceName).join(', ')),
      ),
      h('td', { class: 'wide-only' }, moment(since)),
      h('td', {}, h('time', { class: 'active' }), h('small', { class: 'narrow-only' }, moment(since))),
    );
  }

  /** Stays open when its row is written anew. */
  private unfolding(userId: string, ...content: HTMLElement[]): HTMLElement {
    const details = h('details', { open: this.unfolded.has(userId) }, ...content);
    details.addEventListener('toggle', () => {
      if (details.open) this.unfolded.add(userId);
      else this.unfolded.delete(userId);
    });
    return details;
  }

  /** How long before the list was made they did something. */
  private writeActive(row: HTMLElement, person: PersonOnline): void {
    const active = latest(person.connections.map((connection) => connection.lastActiveAt));
    const seconds = (Date.parse(this.shown?.timestamp ?? '') - Date.parse(active)) / 1000;
    const element = row.querySelector<HTMLTimeElement>('.active');
    if (element === null) return;
    element.dateTime = active;
    element.title = formatTime(active, 'time');
    element.textContent = agoText(seconds);
  }
}

function connectionLine(connection: ConnectionOnline): HTMLElement {
  const node = connection.node ? t('people.node', { node: connection.node }) : t('people.atService');
  return h('li', {}, `${hubName(connection.hub)}, ${node}, `, moment(connection.connectedAt));
}

function counts(id: string, values: Record<string, number>, nameOf: (key: string) => string): void {
  const rows = Object.entries(values).map(([key, count]) =>
    h('div', { 'data-count': key }, h('dt', {}, nameOf(key)), h('dd', {}, formatNumber(count))),
  );
  const none = h('div', {}, h('dt', {}, t('people.none')), h('dd', {}, ''));
  byId(id).replaceChildren(...(rows.length > 0 ? rows : [none]));
}

export function hubName(hub: string): string {
  return known(HUBS[hub] ?? '', hub);
}

function latest(times: readonly string[]): string {
  return times.reduce((best, time) => (time > best ? time : best), '');
}

function earliest(times: readonly string[]): string {
  return times.reduce((best, time) => (best === '' || time < best ? time : best), '');
}

/** Seconds in the past in words: now, 2 minutes ago. */
export function agoText(seconds: number): string {
  const format = new Intl.RelativeTimeFormat(currentLanguage(), { numeric: 'auto' });
  if (!Number.isFinite(seconds) || seconds < 60) return format.format(0, 'second');
  if (seconds < 3600) return format.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86_400) return format.format(-Math.floor(seconds / 3600), 'hour');
  return format.format(-Math.floor(seconds / 86_400), 'day');
}
