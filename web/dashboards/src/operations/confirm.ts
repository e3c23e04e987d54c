// Asks before something is done that cannot be taken back, or that is much.

import { h } from '../dom.ts';
import { t } from '../i18n.ts';

/** Whether the person agreed. Escape and a click beside it mean no. */
export function confirmed(question: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = h(
      'dialog',
      { class: 'dialog small', 'aria-label': question },
      h('p', {}, question),
      h(
        'div',
        { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button quiet', onclick: () => dialog.close() }, t('cancel')),
        h('button', { type: 'button', class: 'button', onclick: () => dialog.close('yes') }, action),
      ),
    );
    closeOnBackdrop(dialog);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A click beside a dialog closes it. */
export function closeOnBackdrop(dialog: HTMLDialogElement): void {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}
