// The list of what marketplaces sent, with its counts and filters.

import type { InboxList, InboxReplay, InboxRow } from '@meschain/contracts';
import { byId, h } from '../dom.ts';
import { formatNumber, formatTime } from '../format.ts';
import { onLanguageChange, t, translate } from '../i18n.ts';
import { send } from '../session.ts';
import { toast } from '../toast.ts';
import { confirmed } from './confirm.ts';
import { openDelivery, replayDelivery } from './delivery_dialog.ts';
import { stateOf, vendorName } from './inbox_words.ts';
import { Pager, pathWith } from './pager.ts';
import { actionButton, emptyRow, moment, stateChip } from './parts.ts';
import { failureText, Reading } from './reading.ts';
import { Rows } from './rows.ts';

const PAGE = 50;
const COLUMNS = 6;
/** No event tells of deliveries that lead to none. */
const EVERY_SECONDS = 5;

export class InboxTable {
  readonly reading: Reading<InboxList>;
  private readonly pager = new Pager(() => void this.reading.load());
  private readonly vendor = byId('inbox-vendor') as HTMLSelectElement;
  private readonly state = byId('inbox-state') as HTMLSelectElement;
  private readonly replayDead = byId('inbox-replay-dead') as HTMLButtonElement;
  private readonly rows: Rows<InboxRow>;
  private shown: InboxList | null = null;

  constructor() {
    this.rows = new Rows<InboxRow>(byId('inbox-rows'), {
      key: (row) => String(row.number),
      build: (row) => this.row(row),
      empty: () => emptyRow(COLUMNS, this.emptyText()),
    });
    this.reading = new Reading<InboxList>(
      byId('inbox'),
      () =>
        pathWith('/inbox', {
          vendor: this.vendor.value,
          status: this.state.value,
          limit: String(PAGE),
          ...this.pager.query,
        }),
      (list) => this.show(list),
    );
    for (const filter of [this.vendor, this.state]) {
      filter.addEventListener('change', () => {
        this.pager.reset();
        void this.reading.load();
      });
    }
    byId('inbox').append(this.pager.element);
    translate(this.pager.element);
    this.replayDead.addEventListener('click', () => void this.replayAll());
    this.reading.every(EVERY_SECONDS);
    onLanguageChange(() => {
      this.writeCounts();
      this.rows.refresh();
    });
  }

  private show(list: InboxList): void {
    this.shown = list;
    this.writeCounts();
    this.rows.show(list.deliveries);
    const oldest = list.deliveries.at(-1);
    this.pager.showing(oldest !== undefined && list.deliveries.length === PAGE ? String(oldest.number) : null);
  }

  private writeCounts(): void {
    if (this.shown === null) return;
    const { waiting, dead, oldestWaiting, vendors } = this.shown;
    byId('inbox-waiting').textContent = formatNumber(waiting);
    byId('inbox-dead').textContent = formatNumber(dead);
    byId('inbox-oldest').textContent = oldestWaiting ? t('inbox.oldest', { time: formatTime(oldestWaiting) }) : '';
    byId('inbox-stores').textContent = formatNumber(vendors.length);
    byId('inbox-vendors').textContent = vendors.length > 0 ? vendors.map(vendorName).join(', ') : t('inbox.noStore');
    this.replayDead.disabled = dead === 0;
    const chosen = this.vendor.value;
    const options = ['', ...vendors].map((vendor) =>
      h('option', { value: vendor }, vendor === '' ? t('panel.all') : vendorName(vendor)),
    );
    if (options.map((option) => option.text).join() !== [...this.vendor.options].map((option) => option.text).join()) {
      this.vendor.replaceChildren(...options);
      this.vendor.value = vendors.includes(chosen) ? chosen : '';
    }
  }

  private emptyText(): string {
    if (this.vendor.value !== '' || this.state.value !== '') return t('inbox.noneMatches');
    return t(this.shown?.vendors.length === 0 ? 'inbox.noStore' : 'inbox.none');
  }

  private row(row: InboxRow): HTMLElement {
    const { kind, word } = stateOf(row.status);
    const vendor = vendorName(row.vendor);
    const reload = (): void => void this.reading.load();
    const open = h(
      'button',
      { type: 'button', class: 'link', 'data-action': 'open', 'aria-haspopup': 'dialog' },
      row.kind || t('inbox.noKind'),
    );
    open.addEventListener('click', () => {
      openDelivery(row.number, reload).catch((error: unknown) => toast(failureText(error), 'error'));
    });
    const replay = async (): Promise<void> => {
      await replayDelivery(row.number);
      reload();
    };
    return h(
      'tr',
      { 'data-delivery': String(row.number) },
      h(
        'td',
        { class: 'grow' },
        open,
        h('small', { class: 'wide-only' }, `${row.number}, ${row.key}`),
        h('small', { class: 'narrow-only' }, `${vendor}, `, moment(row.receivedAt)),
      ),
      h('td', { class: 'wide-only' }, vendor, h('small', {}, row.store)),
      h('td', { class: 'wide-only' }, moment(row.receivedAt)),
      h('td', { class: 'wide-only grow' }, h('span', { class: 'clamped', title: row.note }, row.note)),
      h('td', {}, stateChip(kind, word), h('small', {}, triesText(row))),
      h(
        'td',
        { class: 'number wide-only' },
        row.status === 'dead'
          ? actionButton(
              'replay',
              { text: 'inbox.replay', label: t('inbox.replayLabel', { number: row.number }) },
              replay,
            )
          : null,
      ),
    );
  }

  private async replayAll(): Promise<void> {
    const count = this.shown?.dead ?? 0;
    if (!(await confirmed(t('inbox.deadSure', { count: formatNumber(count) }), t('inbox.replay')))) return;
    let replayed = 0;
    try {
      for (let before: number | null | undefined; before !== null;) {
        const path = pathWith('/inbox/replay-dead', { before: before === undefined ? '' : String(before) });
        const page: InboxReplay | null = await send<InboxReplay>('POST', path);
        replayed += page?.replayed ?? 0;
        before = page?.before ?? null;
      }
      toast(t('inbox.deadReplayed', { count: formatNumber(replayed) }), 'success');
    } catch (error) {
      toast(failureText(error), 'error');
    }
    await this.reading.load();
  }
}

/** How often it was worked on, and when again. */
function triesText(row: InboxRow): string {
  const tries = row.attempts > 1 ? t('inbox.attempts', { count: formatNumber(row.attempts) }) : '';
  const next =
    row.attempts > 0 && row.nextAttemptAt ? t('inbox.nextAt', { time: formatTime(row.nextAttemptAt, 'time') }) : '';
  return [tries, next].filter(Boolean).join(', ');
}
