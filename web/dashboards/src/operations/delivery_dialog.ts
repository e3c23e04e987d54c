// One delivery with all that is kept of it, and what may be done with it.

import type { InboxDelivery } from '@meschain/contracts';
import { h } from '../dom.ts';
import { formatNumber } from '../format.ts';
import { t } from '../i18n.ts';
import { loadJson, send } from '../session.ts';
import { toast } from '../toast.ts';
import { closeOnBackdrop, confirmed } from './confirm.ts';
import { stateOf, vendorName } from './inbox_words.ts';
import { actionButton, moment, stateChip } from './parts.ts';

/** Opens it. `changed` is called once something was done. */
export async function openDelivery(number: number, changed: () => void): Promise<void> {
  const delivery = await loadJson<InboxDelivery>(`/inbox/${number}`);
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'delivery-title' });
  const done = (message: string): void => {
    dialog.close();
    toast(message, 'success');
    changed();
  };
  dialog.append(
    h(
      'div',
      { class: 'dialog-head' },
      h('h2', { id: 'delivery-title' }, t('inbox.delivery', { number })),
      stateChip(stateOf(delivery.status).kind, stateOf(delivery.status).word),
      h(
        'button',
        { type: 'button', class: 'icon-button', 'aria-label': t('close'), onclick: () => dialog.close() },
        '×',
      ),
    ),
    h('div', { class: 'dialog-body', tabindex: '0' }, ...contentOf(delivery)),
    h(
      'div',
      { class: 'dialog-foot' },
      h('small', { class: 'muted' }, t('inbox.audited')),
      ...actionsOf(delivery, done),
    ),
  );
  closeOnBackdrop(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function actionsOf({ number, status }: InboxDelivery, done: (message: string) => void): HTMLElement[] {
  if (status === 'dropped') return [];
  const drop = async (): Promise<void> => {
    if (!(await confirmed(t('inbox.dropSure', { number }), t('inbox.drop')))) return;
    await send('POST', `/inbox/${number}/drop`);
    done(t('inbox.dropped', { number }));
  };
  const replay = async (): Promise<void> => {
    await replayDelivery(number);
    done(t('inbox.replayed', { number }));
  };
  return [
    actionButton('drop', { text: 'inbox.drop', label: t('inbox.dropLabel', { number }) }, drop),
    actionButton('replay', { text: 'inbox.replay', label: t('inbox.replayLabel', { number }) }, replay, ''),
  ];
}

export async function replayDelivery(number: number): Promise<void> {
  await send('POST', `/inbox/${number}/replay`);
}

function contentOf(delivery: InboxDelivery): (HTMLElement | null)[] {
  const fact = (name: string, value: Node | string): HTMLElement => h('div', {}, h('dt', {}, name), h('dd', {}, value));
  return [
    h(
      'dl',
      { class: 'facts' },
      fact(t('inbox.from'), `${vendorName(delivery.vendor)}, ${delivery.store}`),
      fact(t('inbox.kind'), delivery.kind),
      fact(t('inbox.received'), moment(delivery.receivedAt)),
      delivery.finishedAt ? fact(t('inbox.finished'), moment(delivery.finishedAt)) : null,
      delivery.nextAttemptAt ? fact(t('inbox.next'), moment(delivery.nextAttemptAt)) : null,
      fact(t('inbox.key'), delivery.key),
      fact(t('inbox.address'), `${delivery.method} ${delivery.path}`.trim()),
    ),
    h('h3', {}, t('inbox.tries')),
    triesOf(delivery),
    h('h3', {}, t('inbox.headers')),
    Object.keys(delivery.headers).length > 0
      ? h('dl', { class: 'facts mono' }, ...Object.entries(delivery.headers).map(([name, value]) => fact(name, value)))
      : h('p', { class: 'muted' }, t('inbox.noHeaders')),
    h('h3', {}, t('inbox.body')),
    ...bodyOf(delivery),
  ];
}

/** The latest first: that is what somebody has opened it for. */
function triesOf({ tries }: InboxDelivery): HTMLElement {
  if (tries.length === 0) return h('p', { class: 'muted' }, t('inbox.noTries'));
  const rows = [...tries].reverse().map((attempt) => {
    // One that waits was tried and failed: it comes again.
    const state = attempt.status === 'waiting' ? { kind: 'warning', word: t('inbox.again') } : stateOf(attempt.status);
    return h('li', {}, moment(attempt.at), stateChip(state.kind, state.word), h('span', {}, attempt.note));
  });
  return h('ol', { class: 'tries' }, ...rows);
}

function bodyOf({ body, bodyBytes, bodyEncoding }: InboxDelivery): HTMLElement[] {
  if (bodyBytes === 0) return [h('p', { class: 'muted' }, t('inbox.noBody'))];
  const shownBytes = bodyEncoding === 'text' ? new TextEncoder().encode(body).length : atob(body).length;
  const isCut = shownBytes < bodyBytes;
  const remarks = [
    bodyEncoding === 'text' ? '' : t('inbox.base64'),
    isCut ? t('inbox.cut', { shown: formatNumber(shownBytes), whole: formatNumber(bodyBytes) }) : '',
  ].filter(Boolean);
  return [
    ...(remarks.length > 0 ? [h('p', { class: 'muted' }, remarks.join(' '))] : []),
    h('pre', { class: 'body' }, isCut ? body : indented(body)),
  ];
}

/** JSON with a line for each field; anything else as it is. */
export function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
