// The sync jobs: what runs, with its progress, what has run, and how often a marketplace is synced by itself.

import { type Loose, text } from '@meschain/client';
import {
  ROLES_OF_OPERATION,
  type ScheduleRow,
  type SessionInfo,
  type SyncJobAccepted,
  type SyncJobList,
  type SyncJobRow,
  type SyncUpdate,
} from '@meschain/contracts';
import { byId, emptyState, h } from '../dom.ts';
import { formatPercent, formatTime, marketplaceName } from '../format.ts';
import { onLanguageChange, t } from '../i18n.ts';
import { send } from '../session.ts';
import { toast } from '../toast.ts';
import { countsText, durationText, everyText, isUnfinished, jobState, percentOf } from './job_words.ts';
import { Names } from './names.ts';
import { pathWith } from './pager.ts';
import { actionButton, emptyRow, moment, stateChip } from './parts.ts';
import { failureText, Reading } from './reading.ts';
import { Rows } from './rows.ts';

const HISTORY = 100;
const EVERY_SECONDS = 15;
const COLUMNS = 5;
/** What a schedule may be set to here; another that is set already is offered too. */
const MINUTES = [0, 15, 30, 60, 180, 360, 720, 1440];

export class SyncJobs {
  readonly reading: Reading<SyncJobList>;
  private readonly filter = byId('jobs-marketplace') as HTMLSelectElement;
  private readonly start = byId('jobs-start') as HTMLSelectElement;
  private readonly names = new Names(() => this.refresh());
  private readonly running: Rows<SyncJobRow>;
  private readonly history: Rows<SyncJobRow>;
  private readonly schedules: Rows<ScheduleRow>;
  private readonly maySchedule: boolean;
  private jobs = new Map<string, SyncJobRow>();

  constructor(session: SessionInfo) {
    const roles: readonly string[] = ROLES_OF_OPERATION['PUT /api/schedules'];
    this.maySchedule = roles.includes(session.role);
    this.running = new Rows<SyncJobRow>(byId('jobs-running'), {
      key: (job) => job.id,
      build: (job) => this.runningRow(job),
      update: writeProgress,
      version: (job) => `${job.status} ${job.canCancel} ${job.attempts}`,
      empty: () => emptyState(t('jobs.noneRunning'), 'check'),
    });
    this.history = new Rows<SyncJobRow>(byId('jobs-rows'), {
      key: (job) => job.id,
      build: (job) => this.historyRow(job),
      empty: () => emptyRow(COLUMNS, t('jobs.none')),
    });
    this.schedules = new Rows<ScheduleRow>(byId('jobs-schedules'), {
      key: (schedule) => schedule.marketplace,
      build: (schedule) => this.scheduleRow(schedule),
      empty: () => emptyState(t('panel.none'), 'store'),
    });
    this.reading = new Reading<SyncJobList>(
      byId('jobs'),
      () => pathWith('/jobs', { marketplace: this.filter.value, limit: String(HISTORY) }),
      (list) => this.show(list),
    );
    this.filter.addEventListener('change', () => void this.reading.load());
    byId('jobs-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.begin();
    });
    this.fillChoices(session.marketplaces);
    this.reading.every(EVERY_SECONDS);
    onLanguageChange(() => {
      this.fillChoices(session.marketplaces);
      this.refresh();
    });
  }

  /** Progress of a job that is known is shown at once; all else is read. */
  receive(update: Loose<SyncUpdate>): void {
    const known = this.jobs.get(text(update.jobId));
    const isOver = update.completed === true || ['error', 'cancelled'].includes(text(update.status));
    if (known === undefined || isOver || text(update.status) !== known.status) {
      this.reading.soon();
    }
    if (known === undefined || isOver) return;
    const {
      progress = known.progress,
      processed = known.processed,
      failed = known.failed,
      total = known.total,
    } = update;
    this.jobs.set(known.id, { ...known, progress, processed, failed, total });
    this.showRunning();
  }

  private show({ jobs, schedules }: SyncJobList): void {
    this.jobs = new Map(jobs.map((job) => [job.id, job]));
    this.names.want([...jobs.map((job) => job.requestedBy), ...schedules.map((schedule) => schedule.setBy)]);
    this.showRunning();
    this.history.show(jobs.filter((job) => !isUnfinished(job)));
    this.schedules.show(schedules);
  }

  private showRunning(): void {
    this.running.show([...this.jobs.values()].filter(isUnfinished));
  }

  private refresh(): void {
    this.running.refresh();
    this.history.refresh();
    this.schedules.refresh();
  }

  private fillChoices(marketplaces: readonly string[]): void {
    for (const [select, first] of [
      [this.filter, [h('option', { value: '' }, t('panel.all'))]],
      [this.start, []],
    ] as const) {
      const chosen = select.value;
      select.replaceChildren(
        ...first,
        ...marketplaces.map((code) => h('option', { value: code }, marketplaceName(code))),
      );
      if (chosen !== '') select.value = chosen;
    }
  }

  private async begin(): Promise<void> {
    const marketplace = this.start.value;
    if (marketplace === '') return;
    try {
      await send<SyncJobAccepted>('POST', '/jobs', { marketplace });
      await this.reading.load();
    } catch (error) {
      const reason = failureText(error);
      toast(t('sync.refused', { marketplace: marketplaceName(marketplace), error: reason }), 'error');
    }
  }

  private async cancel(job: SyncJobRow): Promise<void> {
    await send('POST', `/jobs/${encodeURIComponent(job.id)}/cancel`);
    toast(t('jobs.cancelling', { marketplace: marketplaceName(job.marketplace) }));
    await this.reading.load();
  }

  private runningRow(job: SyncJobRow): HTMLElement {
    const marketplace = marketplaceName(job.marketplace);
    const { kind, word } = jobState(job.status);
    const since = t('jobs.askedBy', { name: this.names.of(job.requestedBy), time: formatTime(job.createdAt) });
    const again = job.attempts > 1 ? t('jobs.attempt', { attempts: job.attempts }) : '';
    return h(
      'li',
      { 'data-job': job.id, 'data-marketplace': job.marketplace },
      h(
        'div',
        { class: 'market-name' },
        h('span', { class: 'monogram', 'aria-hidden': 'true' }, marketplace.slice(0, 2)),
        h(
          'div',
          { class: 'main' },
          h('strong', {}, marketplace),
          h('small', {}, [since, again].filter(Boolean).join(', ')),
        ),
      ),
      stateChip(kind, word),
      h(
        'div',
        { class: 'job-progress', 'data-running': true },
        h(
          'div',
          {
            class: 'track',
            role: 'progressbar',
            'aria-label': t('sync.progress', { marketplace }),
            'aria-valuemin': '0',
            'aria-valuemax': '100',
          },
          h('div', { class: 'fill' }),
        ),
        h('span', { class: 'percent' }),
        h('small', { class: 'counts' }),
      ),
      job.canCancel
        ? actionButton('cancel', { text: 'jobs.cancel', label: t('jobs.cancelLabel', { marketplace }) }, () =>
            this.cancel(job),
          )
        : h('small', { class: 'muted' }, t('jobs.ending')),
    );
  }

  private historyRow(job: SyncJobRow): HTMLElement {
    const { kind, word } = jobState(job.status);
    const who = this.names.of(job.requestedBy);
    return h(
      'tr',
      { 'data-job': job.id },
      h(
        'td',
        {},
        h('strong', {}, marketplaceName(job.marketplace)),
        h('small', {}, moment(job.finishedAt ?? job.createdAt)),
        h('small', { class: 'narrow-only' }, who),
      ),
      h('td', { class: 'wide-only' }, who),
      h('td', { class: 'wide-only' }, durationText(job)),
      h(
        'td',
        { class: 'wide-only grow' },
        countsText(job),
        h('small', { class: 'clamped', title: job.message }, job.message),
      ),
      h('td', {}, stateChip(kind, word), h('small', { class: 'narrow-only grow' }, job.message || countsText(job))),
    );
  }

  private scheduleRow(schedule: ScheduleRow): HTMLElement {
    const name = marketplaceName(schedule.marketplace);
    const details = [
      schedule.nextAt ? t('jobs.next', { time: formatTime(schedule.nextAt) }) : '',
      schedule.setBy ? t('jobs.setBy', { name: this.names.of(schedule.setBy) }) : '',
    ];
    return h(
      'li',
      { 'data-schedule': schedule.marketplace },
      h('div', { class: 'main' }, h('strong', {}, name), h('small', {}, details.filter(Boolean).join(', '))),
      this.maySchedule
        ? this.scheduleChoice(schedule, name)
        : h('span', { class: 'chip' }, everyText(schedule.everyMinutes)),
    );
  }

  private scheduleChoice({ marketplace, everyMinutes }: ScheduleRow, name: string): HTMLElement {
    const minutes = [...new Set([...MINUTES, everyMinutes])].sort((left, right) => left - right);
    const select = h(
      'select',
      { class: 'input', 'data-action': 'schedule', 'aria-label': t('jobs.scheduleLabel', { marketplace: name }) },
      ...minutes.map((each) => h('option', { value: String(each) }, everyText(each))),
    );
    select.value = String(everyMinutes);
    select.addEventListener('change', () => {
      send('PUT', `/schedules/${marketplace}`, { everyMinutes: Number(select.value) })
        .catch((error: unknown) => {
          select.value = String(everyMinutes);
          toast(failureText(error), 'error');
        })
        .finally(() => void this.reading.load());
    });
    return select;
  }
}

function writeProgress(row: HTMLElement, job: SyncJobRow): void {
  const percent = percentOf(job.progress);
  const fill = row.querySelector<HTMLElement>('.fill');
  if (fill) fill.style.width = `${percent}%`;
  row.querySelector('[role=progressbar]')?.setAttribute('aria-valuenow', String(percent));
  write(row, '.percent', formatPercent(percent, 0));
  write(row, '.counts', countsText(job));
}

function write(row: HTMLElement, selector: string, value: string): void {
  const element = row.querySelector(selector);
  if (element !== null && element.textContent !== value) element.textContent = value;
}
