// Leafs through what is read page by page, from the newest to older ones.

import { h } from '../dom.ts';

export class Pager {
  readonly element: HTMLElement;
  private before: string | null = null;
  private next: string | null = null;
  private readonly newest: HTMLButtonElement;
  private readonly older: HTMLButtonElement;

  /** @param changed called once another page is wanted */
  constructor(private readonly changed: () => void) {
    this.newest = h('button', { type: 'button', class: 'button quiet small', 'data-t': 'page.newest' });
    this.older = h('button', { type: 'button', class: 'button quiet small', 'data-t': 'page.older' });
    this.newest.addEventListener('click', () => this.go(null));
    this.older.addEventListener('click', () => this.go(this.next));
    this.element = h('div', { class: 'pager' }, this.newest, this.older);
    this.showing(null);
  }

  /** Query parameters of the page that is wanted. */
  get query(): Record<string, string> {
    return this.before === null ? {} : { before: this.before };
  }

  get isAtNewest(): boolean {
    return this.before === null;
  }

  /** What is shown now goes on before this; null: nothing is older. */
  showing(next: string | null): void {
    this.next = next;
    const hadFocus = this.element.contains(document.activeElement);
    this.newest.disabled = this.before === null;
    this.older.disabled = next === null;
    if (hadFocus && next === null) this.newest.focus();
    this.element.hidden = this.before === null && next === null;
  }

  /** Other filters begin at the newest. */
  reset(): void {
    this.before = null;
  }

  private go(before: string | null): void {
    this.before = before;
    this.changed();
  }
}

/** A path with those parameters that say something. */
export function pathWith(path: string, parameters: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''));
  return query.size > 0 ? `${path}?${query}` : path;
}
