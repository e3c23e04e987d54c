// Names of vendors and states of the inbox, for people.

import { marketplaceName } from '../format.ts';
import { t } from '../i18n.ts';
import type { TextKey } from '../texts.ts';

const KINDS: Record<string, string> = { waiting: 'info', done: 'good', dead: 'error', dropped: '' };

/** A vendor by the word in its address; one of several of a marketplace has more than the marketplace's code. */
export function vendorName(vendor: string): string {
  const [code = '', ...rest] = vendor.split('-');
  return [marketplaceName(code), ...rest.map((word) => word.toUpperCase())].join(' ');
}

/** Look and word of a delivery's status. */
export function stateOf(status: string): { kind: string; word: string } {
  const kind = KINDS[status];
  return kind === undefined ? { kind: '', word: status } : { kind, word: t(`inbox.state.${status}` as TextKey) };
}
