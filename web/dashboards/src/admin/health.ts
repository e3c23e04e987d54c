// The overall state of several. Pure.

const SEVERITY = ['unknown', 'healthy', 'warning', 'error'];

/** The worst of the states; `unknown` only when nothing is known. */
export function worst(...states: string[]): string {
  return SEVERITY[Math.max(...states.map((state) => SEVERITY.indexOf(state)), 0)] ?? 'unknown';
}
