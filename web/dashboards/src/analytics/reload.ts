// When to read analytics again after something was sold. The server gives the same answer for a while, so a question before
// its end would be in vain; and an answer that was read before the sale asks for one more. Pure but for its timer.

/** An order rarely comes alone, and the answer to the first should hold the second. */
const SETTLE_MS = 2000;

export interface Age {
  ageSeconds: number;
  freshSeconds: number;
}

export class Reload {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private changedAt: number | null = null;
  private freshUntil = 0;

  constructor(private readonly load: () => void) {}

  /** Something was sold. */
  changed(): void {
    this.changedAt = performance.now();
    this.schedule();
  }

  /** An answer has come. */
  answered({ ageSeconds, freshSeconds }: Age): void {
    const now = performance.now();
    this.freshUntil = now + freshSeconds * 1000;
    if (this.changedAt === null) return;
    if (now - ageSeconds * 1000 >= this.changedAt) this.changedAt = null;
    else this.schedule();
  }

  private schedule(): void {
    if (this.timer !== null) return;
    const wait = Math.max(SETTLE_MS, this.freshUntil - performance.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.load();
    }, wait);
  }
}
