// Short messages at the edge of the page. Read out politely; errors at once.

import { number, text } from '@meschain/client';
import { h, icon } from './dom.ts';
import { t } from './i18n.ts';
import type { TextKey } from './texts.ts';

const SHOWN_MS = 6000;
/** What passes by itself makes room first. */
const MOST_PASSING = 4;
/** What waits to be closed is in nobody's way: the region scrolls. */
const MOST_KEPT = 20;

const KINDS = new Set(['info', 'success', 'warning', 'error', 'critical']);
const URGENT = new Set(['error', 'critical']);

export interface ToastOptions {
  title?: string;
  /** Stays until it is closed; critical ones do without being told. */
  keep?: boolean;
  shownMs?: number;
}

function region(): HTMLElement {
  const existing = document.getElementById('toasts');
  if (existing) return existing;
  const created = h('div', { id: 'toasts', class: 'toasts', role: 'status', 'aria-live': 'polite' });
  document.body.append(created);
  return created;
}

export function toast(message: string, kind = 'info', options: ToastOptions = {}): void {
  if (message === '') return;
  const known = KINDS.has(kind) ? kind : 'info';
  const isKept = options.keep ?? known === 'critical';
  const symbol = known === 'success' ? 'check' : known === 'info' ? 'info' : 'alert';
  const close = h('button', { type: 'button', class: 'toast-close', 'aria-label': t('close') }, '×');
  const element = h(
    'div',
    { class: `toast ${known}`, 'data-kept': isKept, role: URGENT.has(known) ? 'alert' : undefined },
    icon(symbol),
    h(
      'div',
      { class: 'toast-text' },
      h('span', { class: 'visually-hidden' }, `${t(`level.${known}` as TextKey)}: `),
      options.title ? h('strong', {}, options.title) : null,
      h('p', {}, message),
    ),
    close,
  );
  close.addEventListener('click', () => element.remove());
  region().append(element);
  makeRoom('.toast[data-kept]', MOST_KEPT);
  makeRoom('.toast:not([data-kept])', MOST_PASSING);
  if (!isKept) passBy(element, options.shownMs ?? SHOWN_MS);
}

/** A payload of `receiveNotification`, as long as it asks for. */
export function notify(payload: object): void {
  const { message, type, title, duration, persistent } = payload as Record<string, unknown>;
  const shownMs = number(duration);
  const keep = persistent === true || shownMs === 0 || undefined;
  toast(text(message), text(type), { title: text(title), keep, shownMs: shownMs ?? undefined });
}

function makeRoom(selector: string, most: number): void {
  const shown = region().querySelectorAll(selector);
  for (const element of [...shown].slice(0, Math.max(0, shown.length - most))) element.remove();
}

/** Goes after its time, but not from under somebody who reads it. */
function passBy(element: HTMLElement, shownMs: number): void {
  const start = (): ReturnType<typeof setTimeout> => setTimeout(() => element.remove(), shownMs);
  let timer = start();
  for (const event of ['pointerenter', 'focusin']) element.addEventListener(event, () => clearTimeout(timer));
  for (const event of ['pointerleave', 'focusout']) {
    element.addEventListener(event, () => {
      clearTimeout(timer);
      timer = start();
    });
  }
}
