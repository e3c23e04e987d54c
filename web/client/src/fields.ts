// Reads fields of payloads that may lack them. Pure.

export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A finite number, or null. */
export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A string; empty when it is anything else. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Whether an alert was raised just now: it comes again with the same id once it is acknowledged or over. */
export function isNewAlert(alert: { state?: unknown }): boolean {
  return (text(alert.state) || 'firing') === 'firing';
}

/** Whether `sources` says that the figure has no source; its value is 0 then and must not be shown as one. */
export function hasNoSource(sources: unknown, figure: string): boolean {
  return record(sources)[figure] === 'none';
}
