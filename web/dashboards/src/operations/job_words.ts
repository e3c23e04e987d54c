// What is said of a sync job. Pure.

import { number } from '@meschain/client';
import type { SyncJobRow } from '@meschain/contracts';
import { formatNumber } from '../format.ts';
import { currentLanguage, t } from '../i18n.ts';
import type { TextKey } from '../texts.ts';

const KINDS: Record<string, string> = {
  queued: 'info',
  running: 'info',
  success: 'good',
  error: 'error',
  cancelled: 'warning',
};

export function isUnfinished(job: Pick<SyncJobRow, 'status'>): boolean {
  return job.status === 'queued' || job.status === 'running';
}

/** Look and word of a job's status. */
export function jobState(status: string): { kind: string; word: string } {
  const kind = KINDS[status];
  return kind === undefined ? { kind: '', word: status } : { kind, word: t(`jobs.state.${status}` as TextKey) };
}

/** How far it is, in items. */
export function countsText({ processed, failed, total }: Pick<SyncJobRow, 'processed' | 'failed' | 'total'>): string {
  const done = total > 0 ? t('jobs.counts', { processed: formatNumber(processed), total: formatNumber(total) }) : '';
  const errors = failed > 0 ? t('jobs.failed', { failed: formatNumber(failed) }) : '';
  return [done, errors].filter(Boolean).join(', ');
}

/** How long it took; empty while it has not ended, or never began. */
export function durationText(job: Pick<SyncJobRow, 'startedAt' | 'finishedAt'>): string {
  const from = Date.parse(job.startedAt ?? '');
  const to = Date.parse(job.finishedAt ?? '');
  return Number.isNaN(from) || Number.isNaN(to) ? '' : secondsText((to - from) / 1000);
}

/** Seconds in the unit that fits: 0.4 s, 12 s, 3 min, 2 h. */
export function secondsText(seconds: number): string {
  const [unit, size] = seconds < 60 ? (['second', 1] as const) : seconds < 3600 ? MINUTES : HOURS;
  const value = Math.max(0, seconds) / size;
  return new Intl.NumberFormat(currentLanguage(), {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 ? 1 : 0,
  }).format(value);
}

const MINUTES = ['minute', 60] as const;
const HOURS = ['hour', 3600] as const;

/** How often a schedule begins a sync. */
export function everyText(minutes: number): string {
  return minutes === 0 ? t('jobs.never') : t('jobs.every', { time: secondsText(minutes * 60) });
}

/** Percent of a payload, within bounds. */
export function percentOf(progress: unknown): number {
  return Math.max(0, Math.min(100, Math.round(number(progress) ?? 0)));
}
