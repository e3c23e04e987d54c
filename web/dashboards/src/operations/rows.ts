// The rows of a list or table, one for each key: one that has not changed stays as it is, with focus and selection in it.

export interface RowsOf<Item> {
  key: (item: Item) => string;
  build: (item: Item) => HTMLElement;
  /** What stands there while there is none. */
  empty: () => HTMLElement;
  /** Two that give the same look the same but for what `update` writes; without it all of the item counts. */
  version?: (item: Item) => string;
  /** Writes what changes often into the row that is there. */
  update?: (row: HTMLElement, item: Item) => void;
}

interface Row {
  version: string;
  element: HTMLElement;
}

export class Rows<Item> {
  private shown = new Map<string, Row>();
  private items: readonly Item[] | null = null;

  constructor(
    private readonly host: HTMLElement,
    private readonly of: RowsOf<Item>,
  ) {}

  show(items: readonly Item[]): void {
    this.items = items;
    const next = new Map<string, Row>();
    for (const item of items) next.set(this.of.key(item), this.rowOf(item));
    const focused = focusIn(this.host);
    const wanted = next.size > 0 ? [...next.values()].map((row) => row.element) : [this.of.empty()];
    // From the front, moving as little as possible: a row that is moved loses the focus.
    for (const child of [...this.host.children]) if (!wanted.includes(child as HTMLElement)) child.remove();
    wanted.forEach((element, index) => {
      if (this.host.children[index] !== element) this.host.insertBefore(element, this.host.children[index] ?? null);
    });
    this.shown = next;
    restoreFocus(focused, next);
  }

  /** Builds all of them anew, in another language for instance. */
  refresh(): void {
    this.shown = new Map();
    if (this.items !== null) this.show(this.items);
  }

  private rowOf(item: Item): Row {
    const version = this.of.version?.(item) ?? JSON.stringify(item);
    const known = this.shown.get(this.of.key(item));
    const isSame = known?.version === version;
    const element = isSame ? known.element : this.of.build(item);
    element.dataset.key = this.of.key(item);
    this.of.update?.(element, item);
    return { version, element };
  }
}

interface Focus {
  element: HTMLElement;
  key: string;
  action: string;
}

function focusIn(host: HTMLElement): Focus | null {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || !host.contains(element)) return null;
  const key = element.closest<HTMLElement>('[data-key]')?.dataset.key;
  return key === undefined ? null : { element, key, action: element.dataset.action ?? '' };
}

/** On the same button of the row that took its place, else on its first one: the keyboard must not begin anew. */
function restoreFocus(focus: Focus | null, rows: Map<string, Row>): void {
  if (focus === null || document.activeElement === focus.element) return;
  const row = rows.get(focus.key)?.element;
  const buttons = [...(row?.querySelectorAll<HTMLElement>('[data-action]') ?? [])];
  (buttons.find((button) => button.dataset.action === focus.action) ?? buttons[0])?.focus();
}
