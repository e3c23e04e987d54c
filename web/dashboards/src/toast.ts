// Short messages at the edge of the page. Read out politely; errors at once.

import { h, icon } from './dom.ts';

const SHOWN_MS = 6000;
const MOST = 4;

const KINDS = new Set(['info', 'success', 'warning', 'error', 'critical']);

function region(): HTMLElement {
  const existing = document.getElementById('toasts');
  if (existing) return existing;
  const created = h('div', { id: 'toasts', class: 'toasts', role: 'status', 'aria-live': 'polite' });
  document.body.append(created);
  return created;
}

/** Shows the text; a critical one and one with `keep` stay until they are closed. */
export function toast(message: string, kind = 'info', keep = kind === 'critical'): void {
  if (message === '') return;
  const known = KINDS.has(kind) ? kind : 'info';
  const close = h('button', { type: 'button', class: 'toast-close', 'aria-label': '×' }, '×');
  const symbol = known === 'success' ? 'check' : known === 'info' ? 'info' : 'alert';
  const element = h('div', { class: `toast ${known}` }, icon(symbol), h('p', {}, message), close);
  const remove = (): void => element.remove();
  close.addEventListener('click', remove);
  const list = region();
  list.append(element);
  while (list.children.length > MOST) list.firstElementChild?.remove();
  if (!keep) setTimeout(remove, SHOWN_MS);
}
