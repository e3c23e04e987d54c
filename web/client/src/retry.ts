// When to try again. Pure: knows neither timers nor connections.

/** Attempts of the first connect before `signalr:connectionFailed`. */
export const FIRST_CONNECT_ATTEMPTS = 10;

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;

/** Milliseconds to wait after `failures` attempts that failed (0: none yet): min(1 s x 2^n, 30 s). */
export function retryDelayMs(failures: number): number {
  const exponent = Math.min(Math.max(0, Math.floor(failures)), 30);
  return Math.min(FIRST_DELAY_MS * 2 ** exponent, LONGEST_DELAY_MS);
}

/** The same for a connect that has never succeeded: null once the attempts are used up. */
export function firstConnectDelayMs(failures: number): number | null {
  return failures >= FIRST_CONNECT_ATTEMPTS ? null : retryDelayMs(failures - 1);
}
