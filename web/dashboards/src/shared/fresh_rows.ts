// Rows of a list that came in just now, and when the list is written anew for them: the first at once, those of a burst
// together. Knows no list.

const SHORTEST_PAUSE_MS = 500;
/** In a burst nearly all is new, and to mark it would only flicker. */
const MOST_MARKED = 5;

export class FreshRows {
  private readonly keys = new Set<string>();
  private renderedAt = Number.NEGATIVE_INFINITY;
  private scheduled = false;

  constructor(private readonly render: () => void) {}

  /** This row is new, or another; it is rendered soon. */
  add(key: string): void {
    this.keys.add(key);
    if (this.scheduled) return;
    const left = this.renderedAt + SHORTEST_PAUSE_MS - performance.now();
    if (left <= 0) {
      this.renderNow();
      return;
    }
    this.scheduled = true;
    setTimeout(() => {
      this.scheduled = false;
      this.renderNow();
    }, left);
  }

  /** The class of a row. */
  mark(key: string): string {
    return this.keys.size <= MOST_MARKED && this.keys.has(key) ? 'fresh' : '';
  }

  private renderNow(): void {
    this.renderedAt = performance.now();
    this.render();
    this.keys.clear();
  }
}
