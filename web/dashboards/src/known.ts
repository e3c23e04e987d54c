// Words for what servers name: a newer one may say what no page has a text for.

import { currentLanguage, t } from './i18n.ts';
import { TEXTS, type TextKey } from './texts.ts';

/** The text of that key, or what stands for it where there is none. */
export function known(key: string, otherwise: string): string {
  return key in TEXTS[currentLanguage()] ? t(key as TextKey) : otherwise;
}
