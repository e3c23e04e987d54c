// Small parts that the pages for operators share. They know no page.

import { h } from '../dom.ts';
import { formatTime } from '../format.ts';
import { t } from '../i18n.ts';
import type { TextKey } from '../texts.ts';
import { toast } from '../toast.ts';
import { failureText } from './reading.ts';

/** A moment; nothing for none. The whole of it, to the second, is its title. */
export function moment(iso: string): HTMLElement {
  const title = `${formatTime(iso)} ${formatTime(iso, 'time')}`.trim();
  return h('time', { datetime: iso, title }, formatTime(iso));
}

/** A state with its colour; the word says the same. */
export function stateChip(kind: string, word: string): HTMLElement {
  return h('span', { class: `chip state ${kind}` }, word);
}

/** The one row of a table that has none. */
export function emptyRow(columns: number, text: string): HTMLElement {
  return h('tr', {}, h('td', { class: 'muted nothing', colspan: String(columns) }, text));
}

/** A button of a row. While its work is under way it cannot be pressed again; what fails is said. */
export function actionButton(
  action: string,
  words: { text: TextKey; label: string },
  work: () => Promise<void>,
  look = 'quiet',
): HTMLButtonElement {
  const button = h(
    'button',
    { type: 'button', class: `button small ${look}`, 'data-action': action, 'aria-label': words.label },
    t(words.text),
  );
  button.addEventListener('click', () => {
    if (button.ariaDisabled === 'true') return;
    // Not `disabled`, which would take the focus away.
    button.ariaDisabled = 'true';
    work()
      .catch((error: unknown) => toast(failureText(error), 'error'))
      .finally(() => {
        button.ariaDisabled = null;
      });
  });
  return button;
}
