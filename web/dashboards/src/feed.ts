// Lists of payloads that live events keep adding to: newest first, no doubles, a limit. Pure.

export class Feed<Item> {
  private readonly items: Item[] = [];

  constructor(
    private readonly limit: number,
    private readonly keyOf: (item: Item) => string,
    private readonly timeOf: (item: Item) => string,
  ) {}

  /** Adds those that are not there yet, puts later versions in place of earlier ones; whether the list is another now. */
  add(...fresh: Item[]): boolean {
    const before = JSON.stringify(this.items);
    for (const item of fresh) {
      // A row that is none must not keep the others out.
      if (typeof item !== 'object' || item === null) continue;
      const key = this.keyOf(item);
      const index = key === '' ? -1 : this.items.findIndex((known) => this.keyOf(known) === key);
      if (index >= 0) this.items[index] = item;
      else this.items.unshift(item);
    }
    // Stable: of two with the same time the one that came last stands first.
    this.items.sort((left, right) => this.timeOf(right).localeCompare(this.timeOf(left)));
    this.items.length = Math.min(this.items.length, this.limit);
    return JSON.stringify(this.items) !== before;
  }

  list(): readonly Item[] {
    return this.items;
  }
}
