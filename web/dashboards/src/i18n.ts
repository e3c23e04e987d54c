// The page's language: puts texts into marked elements and tells listeners when it changes.

import { type Language, TEXTS, type TextKey } from './texts.ts';

const KEY = 'meschain_language';
const listeners = new Set<() => void>();

export function currentLanguage(): Language {
  return document.documentElement.lang === 'tr' ? 'tr' : 'en';
}

/** The text with its `{places}` filled. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  return TEXTS[currentLanguage()][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** Fills elements marked by `data-t` (text), `data-t-label` (aria-label) and `data-t-placeholder`. */
export function translate(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>('[data-t], [data-t-label], [data-t-placeholder]')) {
    const { t: content, tLabel, tPlaceholder } = element.dataset;
    if (content) element.textContent = t(content as TextKey);
    if (tLabel) element.setAttribute('aria-label', t(tLabel as TextKey));
    if (tPlaceholder) element.setAttribute('placeholder', t(tPlaceholder as TextKey));
  }
}

export function setLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  translate(document);
  for (const listener of listeners) listener();
}

/** Called after each change of language, to render anew what is not marked. */
export function onLanguageChange(listener: () => void): void {
  listeners.add(listener);
}
