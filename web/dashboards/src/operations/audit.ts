// The audit trail: who did what, page by page.

import type { AuditPage, AuditRow } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { onLanguageChange, t, translate } from '../i18n.ts';
import { known } from '../known.ts';
import { Names } from './names.ts';
import { Pager, pathWith } from './pager.ts';
import { emptyRow, moment, stateChip } from './parts.ts';
import { Reading } from './reading.ts';
import { Rows } from './rows.ts';

const PAGE = 50;
const EVERY_SECONDS = 5;
const COLUMNS = 5;

export class AuditTable {
  readonly reading: Reading<AuditPage>;
  private readonly pager = new Pager(() => void this.reading.load());
  private readonly user = byId('audit-user') as HTMLInputElement;
  private readonly action = byId('audit-action') as HTMLInputElement;
  private readonly names: Names;
  private readonly rows: Rows<AuditRow>;
  private readonly people = new Map<string, string>();
  private readonly actions = new Set<string>();

  constructor() {
    this.rows = new Rows<AuditRow>(byId('audit-rows'), {
      key: (entry) => String(entry.id),
      build: (entry) => this.row(entry),
      empty: () => emptyRow(COLUMNS, t(this.isFiltered ? 'audit.noneMatches' : 'audit.none')),
    });
    this.names = new Names(() => this.rows.refresh());
    this.reading = new Reading<AuditPage>(
      byId('audit'),
      () =>
        pathWith('/audit', {
          user: this.userId(this.user.value.trim()),
          action: this.action.value.trim(),
          limit: String(PAGE),
          ...this.pager.query,
        }),
      ({ entries, next }) => {
        this.names.want(entries.map((entry) => entry.userId));
        this.rows.show(entries);
        this.offer(entries);
        this.pager.showing(next === null ? null : String(next));
      },
    );
    for (const filter of [this.user, this.action]) {
      filter.addEventListener('change', () => {
        this.pager.reset();
        void this.reading.load();
      });
    }
    byId('audit').append(this.pager.element);
    translate(this.pager.element);
    this.reading.every(EVERY_SECONDS);
    onLanguageChange(() => this.rows.refresh());
  }

  /** Something was done: shown soon, unless somebody reads older pages. */
  happened(): void {
    if (this.pager.isAtNewest) this.reading.soon();
  }

  private get isFiltered(): boolean {
    return this.user.value.trim() !== '' || this.action.value.trim() !== '';
  }

  /** People are found by their name too, once it has been seen here. */
  private userId(typed: string): string {
    for (const id of this.people.keys()) if (this.names.of(id) === typed) return id;
    return typed;
  }

  /** What was seen can be chosen. */
  private offer(entries: readonly AuditRow[]): void {
    for (const { userId, action } of entries) {
      if (userId !== '') this.people.set(userId, userId);
      this.actions.add(action);
    }
    byId('audit-actions').replaceChildren(
      ...[...this.actions].sort().map((action) => h('option', { value: action }, actionText(action))),
    );
    byId('audit-users').replaceChildren(
      ...[...this.people.keys()].map((id) => h('option', { value: this.names.of(id) }, id)),
    );
  }

  private row(entry: AuditRow): HTMLElement {
    const { kind, word } = outcomeState(entry.outcome);
    const who = this.names.of(entry.userId);
    const details = Object.entries(entry.details)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ');
    return h(
      'tr',
      { 'data-entry': String(entry.id) },
      h(
        'td',
        { class: 'grow' },
        h('strong', {}, actionText(entry.action)),
        h('small', { class: 'narrow-only' }, `${who}, `, moment(entry.at)),
        h('small', { class: 'narrow-only clamped' }, details),
      ),
      h('td', { class: 'wide-only grow', title: entry.userId }, who),
      h('td', { class: 'wide-only grow' }, h('span', { class: 'clamped', title: details }, details)),
      h('td', { class: 'wide-only' }, moment(entry.at)),
      h('td', {}, stateChip(kind, word), h('small', { class: 'grow' }, reasonOf(entry.outcome))),
    );
  }
}

/** What was done, in words where this page knows it. */
export function actionText(action: string): string {
  return known(`audit.action.${action}`, action);
}

/** Look and word of an outcome, which is `ok…`, `refused: …` or `failed: …`. */
export function outcomeState(outcome: string): { kind: string; word: string } {
  const [verdict = ''] = outcome.split(/[:\s;,]/, 1);
  const kinds: Record<string, string> = { ok: 'good', refused: 'warning', failed: 'error' };
  return { kind: kinds[verdict] ?? '', word: known(`audit.outcome.${verdict}`, verdict || outcome) };
}

/** The server's reason, behind the verdict. */
export function reasonOf(outcome: string): string {
  const [, reason = ''] = /^[^:]*:\s*(.*)$/s.exec(outcome) ?? [];
  return reason;
}
