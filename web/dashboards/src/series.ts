// The last points of a chart. Pure.

export const POINTS = 20;

/** One time axis in seconds and a row of values per line; null where a value is missing. */
export type Columns = [number[], ...(number | null)[][]];

export class Series {
  private readonly points: { time: number; values: (number | null)[] }[] = [];

  constructor(
    private readonly lines: number,
    private readonly limit = POINTS,
  ) {}

  /** Adds a point; one that is not later than the last replaces it, so that a repeated update draws no loop. */
  push(time: number, values: (number | null)[]): void {
    const last = this.points.at(-1);
    if (last && time <= last.time) this.points.pop();
    this.points.push({ time: last ? Math.max(time, last.time) : time, values });
    if (this.points.length > this.limit) this.points.shift();
  }

  get length(): number {
    return this.points.length;
  }

  columns(): Columns {
    const rows = Array.from({ length: this.lines }, (_, line) =>
      this.points.map((point) => point.values[line] ?? null),
    );
    return [this.points.map((point) => point.time), ...rows];
  }
}
