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

/** At most so much of the time to the deadline is waited before a move. The server tells a few at a time as it is. */
const MOVE_SPREAD = 0.02;
/** More time than that is not believed: the page's clock may be wrong. */
const LONGEST_LEFT_MS = 30_000;
const SHORTEST_MOVE_RETRY_MS = 500;

/** Milliseconds to wait before the first attempt of a move; `random` from 0 to below 1. */
export function moveDelayMs(leftMs: number, random: number): number {
  return Math.min(Math.max(0, leftMs), LONGEST_LEFT_MS) * MOVE_SPREAD * random;
}

/** The same before another attempt. */
export function moveRetryMs(failures: number, random: number): number {
  return Math.min(SHORTEST_MOVE_RETRY_MS * 2 ** Math.min(failures, 10), LONGEST_DELAY_MS) * (0.5 + random / 2);
}
