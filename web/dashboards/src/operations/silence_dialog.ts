// Asks for how long a rule is to be silent, and why.

import { h } from '../dom.ts';
import { t } from '../i18n.ts';
import { closeOnBackdrop } from './confirm.ts';
import { secondsText } from './job_words.ts';

const MINUTES = [15, 60, 240, 480, 1440];

export interface Silence {
  minutes: number;
  reason: string;
}

/** What was chosen; null: nothing is to change. */
export function askForSilence(rule: string): Promise<Silence | null> {
  return new Promise((resolve) => {
    const minutes = h(
      'select',
      { class: 'input', id: 'silence-minutes' },
      ...MINUTES.map((each) => h('option', { value: String(each) }, secondsText(each * 60))),
    );
    minutes.value = '60';
    const reason = h('input', { class: 'input', id: 'silence-reason', maxlength: '200', autocomplete: 'off' });
    const form = h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'silence-title' }, t('alerts.silenceTitle')),
      h('p', {}, rule),
      h('div', { class: 'field' }, h('label', { for: 'silence-minutes' }, t('alerts.silenceFor')), minutes),
      h('div', { class: 'field' }, h('label', { for: 'silence-reason' }, t('alerts.reason')), reason),
      h(
        'div',
        { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button quiet', onclick: () => dialog.close() }, t('cancel')),
        h('button', { type: 'submit', class: 'button', value: 'yes' }, t('alerts.silence')),
      ),
    );
    const dialog = h('dialog', { class: 'dialog small', 'aria-labelledby': 'silence-title' }, form);
    closeOnBackdrop(dialog);
    dialog.addEventListener('close', () => {
      dialog.remove();
      const silence = { minutes: Number(minutes.value), reason: reason.value.trim() };
      resolve(dialog.returnValue === 'yes' ? silence : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
