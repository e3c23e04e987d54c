// The two charts of our own traffic, on the dashboard and on the analytics page.

import { hasNoSource, type Loose, number } from '@meschain/client';
import type { PerformanceMetrics } from '@meschain/contracts';
import { LiveChart } from '../chart.ts';
import { formatNumber, formatRate, tickNumber } from '../format.ts';

export function chartHost(id: string): HTMLElement {
  const host = document.querySelector<HTMLElement>(`[data-chart="${id}"]`);
  if (host === null) throw new Error(`the page has no place for the chart ${id}`);
  return host;
}

/** Seconds of a payload's ISO time; now without one. */
export function secondsOf(iso: unknown): number {
  const milliseconds = typeof iso === 'string' ? Date.parse(iso) : Number.NaN;
  return (Number.isNaN(milliseconds) ? Date.now() : milliseconds) / 1000;
}

/** A figure for a chart: null, a gap, where it has no source. */
export function point(group: { sources?: unknown } | undefined, key: string): number | null {
  const value = number((group as Record<string, unknown> | undefined)?.[key]);
  return hasNoSource(group?.sources, key) ? null : value;
}

export class PerformanceCharts {
  private readonly responseTime: LiveChart;
  private readonly throughput: LiveChart;

  constructor() {
    this.responseTime = new LiveChart(chartHost('response-time-chart'), {
      id: 'response-time-chart',
      title: 'figure.responseTime',
      lines: [
        { label: 'chart.median', color: '--chart-1' },
        { label: 'chart.p95', color: '--chart-2' },
      ],
      format: (value) => `${formatNumber(value, 1)} ms`,
      tick: (value) => `${tickNumber(value)} ms`,
      height: 190,
    });
    this.throughput = new LiveChart(chartHost('throughput-chart'), {
      id: 'throughput-chart',
      title: 'figure.throughput',
      lines: [{ label: 'figure.throughput', color: '--chart-3' }],
      format: formatRate,
      tick: tickNumber,
      height: 190,
    });
  }

  push(time: number, metrics: Loose<PerformanceMetrics> | undefined): void {
    if (metrics === undefined) return;
    this.responseTime.push(time, [point(metrics, 'responseTime'), point(metrics, 'responseTimeP95')]);
    this.throughput.push(time, [point(metrics, 'throughput')]);
  }
}
