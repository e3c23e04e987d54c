// A live chart of the last 20 points. Draws at most five times a second, whatever comes in.

import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { h } from './dom.ts';
import { currentLanguage, onLanguageChange, t } from './i18n.ts';
import { Series } from './series.ts';
import type { TextKey } from './texts.ts';
import { onThemeChange } from './theme.ts';

const SHORTEST_REDRAW_MS = 200;

export interface Line {
  label: TextKey;
  /** CSS custom property of its colour. */
  color: string;
}

export interface ChartOptions {
  /** Id of the canvas; older pages look for it. */
  id: string;
  title: TextKey;
  lines: Line[];
  /** A value in words. */
  format(value: number): string;
  /** A value at the axis. */
  tick(value: number): string;
  height: number;
  /** Without axes, for small cards. */
  small?: boolean;
}

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class LiveChart {
  private readonly series: Series;
  private readonly plot: uPlot;
  private readonly figure: HTMLElement;
  private readonly readout: HTMLElement;
  private waiting: ReturnType<typeof setTimeout> | null = null;
  private drawnAt = 0;

  constructor(
    host: HTMLElement,
    private readonly options: ChartOptions,
  ) {
    this.series = new Series(options.lines.length);
    this.readout = h('p', { class: 'chart-readout' });
    this.figure = h('div', { class: 'chart-plot waiting', role: 'img' });
    host.append(this.readout, this.figure);
    this.plot = new uPlot(this.layout(), this.series.columns() as uPlot.AlignedData, this.figure);
    this.plot.ctx.canvas.id = options.id;
    new ResizeObserver(() => this.resize()).observe(this.figure);
    onThemeChange(() => this.plot.redraw(false));
    onLanguageChange(() => this.draw());
    this.describe(null);
  }

  push(time: number, values: (number | null)[]): void {
    this.series.push(time, values);
    this.figure.classList.remove('waiting');
    if (this.waiting !== null) return;
    const wait = Math.max(0, this.drawnAt + SHORTEST_REDRAW_MS - performance.now());
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.draw();
    }, wait);
  }

  private draw(): void {
    this.drawnAt = performance.now();
    this.plot.setData(this.series.columns() as uPlot.AlignedData);
    this.describe(null);
  }

  private resize(): void {
    const width = Math.floor(this.figure.clientWidth);
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.options.height });
  }

  /** The point under the pointer, else the latest, in words; also what screen readers are told. */
  private describe(index: number | null): void {
    const [times, ...rows] = this.series.columns();
    const at = index ?? times.length - 1;
    const title = t(this.options.title);
    const time = times[at];
    if (time === undefined) {
      this.readout.textContent = t('chart.waiting');
      this.figure.setAttribute('aria-label', `${title}: ${t('chart.waiting')}`);
      return;
    }
    const values = this.options.lines.map((line, row) => {
      const value = rows[row]?.[at];
      const shown = value === null || value === undefined ? '—' : this.options.format(value);
      return this.options.lines.length > 1 ? `${t(line.label)} ${shown}` : shown;
    });
    // The latest value of a single line stands large beside it already.
    const isSaid = index === null && this.options.lines.length === 1;
    this.readout.textContent = isSaid ? '' : [clock(time), ...values].join('  ·  ');
    this.figure.setAttribute('aria-label', t('chart.latest', { label: title, value: values.join(', ') }));
  }

  private layout(): uPlot.Options {
    const axis = { stroke: () => css('--muted'), font: '11px system-ui, sans-serif', ticks: { show: false }, gap: 6 };
    const grid = { stroke: () => css('--grid'), width: 1 };
    return {
      width: 300,
      height: this.options.height,
      legend: { show: false },
      padding: this.options.small ? [6, 2, 2, 2] : [10, 26, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { y: { range: (_, low, high) => spread(low, high) } },
      axes: this.options.small
        ? [{ show: false }, { show: false }]
        : [
            { ...axis, size: 28, space: 90, grid: { show: false }, values: (_, splits) => splits.map(clock) },
            {
              ...axis,
              size: 56,
              space: 40,
              grid,
              values: (_, splits) => splits.map((value) => this.options.tick(value)),
            },
          ],
      series: [
        {},
        ...this.options.lines.map((line, row) => ({
          stroke: () => css(line.color),
          width: row === 0 ? 2 : 1.5,
          dash: row === 0 ? [] : [4, 4],
          fill: row === 0 ? () => css(`${line.color}-soft`) : undefined,
          points: { show: false },
          paths: uPlot.paths.spline?.(),
        })),
      ],
      hooks: { setCursor: [(plot) => this.describe(plot.cursor.idx ?? null)] },
    };
  }
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(currentLanguage(), { hourCycle: 'h23' });
}

/** From zero, with air above; a flat line of zeros still gets a scale. */
function spread(_low: number | null, high: number | null): [number, number] {
  return [0, Math.max(1, (high ?? 0) * 1.2)];
}
