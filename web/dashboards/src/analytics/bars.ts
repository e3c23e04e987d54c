// A chart of stacked bars, one for each month. Its colours are CSS, so themes need no redrawing. The table beside it holds
// the same figures for those who cannot see or point at it.

import { h } from '../dom.ts';
import { labelStep, monthName, ticks } from './scale.ts';

const SVG = 'http://www.w3.org/2000/svg';
const AXIS = 58;
const FOOT = 24;
/** Half of a label may stand beyond the last bar. */
const EDGE = 12;
const LABEL_WIDTH = 58;
const WIDEST_BAR = 56;

/** A line of the stack; `code` picks its colour. Null: nothing is known of that month. */
export interface Layer {
  code: string;
  values: (number | null)[];
}

export interface BarsOptions {
  tick(value: number): string;
  /** A month in words, for the readout. */
  describe(index: number): string;
}

export class Bars {
  private readonly readout = h('p', { class: 'chart-readout' });
  private readonly figure = h('div', { class: 'bars-plot', role: 'img' });
  private months: readonly string[] = [];
  private layers: readonly Layer[] = [];
  private shown: number | null = null;

  constructor(
    host: HTMLElement,
    private readonly options: BarsOptions,
  ) {
    host.append(this.readout, this.figure);
    new ResizeObserver(() => this.draw()).observe(this.figure);
    this.figure.addEventListener('pointerleave', () => this.show(null));
  }

  /** Draws these months; `label` says the whole in one sentence. */
  load(months: readonly string[], layers: readonly Layer[], label: string): void {
    this.months = months;
    this.layers = layers;
    this.figure.setAttribute('aria-label', label);
    this.draw();
    this.show(null);
  }

  private show(index: number | null): void {
    this.shown = index;
    const at = index ?? this.months.length - 1;
    this.readout.textContent = at < 0 ? '' : this.options.describe(at);
    for (const column of this.figure.querySelectorAll('.column')) {
      column.classList.toggle('dim', index !== null && column.getAttribute('data-index') !== String(index));
    }
  }

  private draw(): void {
    const width = Math.max(180, this.figure.clientWidth);
    const height = Math.max(120, this.figure.clientHeight);
    const sums = this.months.map((_, index) =>
      this.layers.reduce((sum, layer) => sum + Math.max(0, layer.values[index] ?? 0), 0),
    );
    const steps = ticks(Math.max(0, ...sums));
    const top = steps.at(-1) ?? 1;
    const bottom = height - FOOT;
    const y = (value: number): number => bottom - ((bottom - 8) * value) / top;
    const slot = (width - AXIS - EDGE) / Math.max(1, this.months.length);
    const bar = Math.min(WIDEST_BAR, slot * 0.68);
    const every = labelStep(this.months.length, width - AXIS - EDGE, LABEL_WIDTH);

    const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' });
    for (const value of steps) {
      svg.append(
        draw('line', { class: 'grid', x1: AXIS, x2: width - EDGE, y1: y(value), y2: y(value) }),
        draw('text', { class: 'tick', x: AXIS - 8, y: y(value) + 4, 'text-anchor': 'end' }, this.options.tick(value)),
      );
    }
    this.months.forEach((month, index) => {
      const left = AXIS + index * slot;
      const column = draw('g', { class: 'column', 'data-index': index });
      let base = 0;
      for (const layer of this.layers) {
        const value = Math.max(0, layer.values[index] ?? 0);
        if (value === 0) continue;
        column.append(
          draw('rect', {
            class: 'bar',
            'data-series': layer.code,
            x: left + (slot - bar) / 2,
            width: bar,
            y: y(base + value),
            height: Math.max(0.5, y(base) - y(base + value) - (base > 0 ? 1 : 0)),
          }),
        );
        base += value;
      }
      // The newest month always has its label; the others are counted back from it.
      if ((this.months.length - 1 - index) % every === 0) {
        const middle = left + slot / 2;
        column.append(
          draw('text', { class: 'tick', x: middle, y: height - 6, 'text-anchor': 'middle' }, monthName(month, 'short')),
        );
      }
      const area = draw('rect', { class: 'area', x: left, y: 0, width: slot, height: bottom });
      area.addEventListener('pointerenter', () => this.show(index));
      area.addEventListener('pointerdown', () => this.show(index));
      column.append(area);
      svg.append(column);
    });
    this.figure.replaceChildren(svg);
    if (this.shown !== null) this.show(this.shown < this.months.length ? this.shown : null);
  }
}

function draw(name: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, typeof value === 'number' ? String(Math.round(value * 100) / 100) : value);
  }
  if (text !== undefined) element.textContent = text;
  return element;
}
