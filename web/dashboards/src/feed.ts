// Lists of payloads that live events keep adding to: newest first, no doubles, a limit. Pure.

export class Feed<Item> {
  private items: Item[] = [];

  constructor(
    private readonly limit: number,
    private readonly keyOf: (item: Item) => string,
    private readonly timeOf: (item: Item) => string,
  ) {}

  /** Adds those that are not there yet, and returns whether anything was new. */
  add(...fresh: Item[]): boolean {
    const known = new Set(this.items.map(this.keyOf));
    const added = fresh.filter((item) => {
      const key = this.keyOf(item);
      return key === '' || !known.has(key);
    });
    if (added.length === 0) return false;
    // Stable: of two with the same time the one that came last stands first.
    this.items = [...added.reverse(), ...this.items]
      .sort((left, right) => this.timeOf(right).localeCompare(this.timeOf(left)))
      .slice(0, this.limit);
    return true;
  }

  list(): readonly Item[] {
    return this.items;
  }
}
