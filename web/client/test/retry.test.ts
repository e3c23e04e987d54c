import { describe, expect, it } from 'vitest';
import { FIRST_CONNECT_ATTEMPTS, firstConnectDelayMs, retryDelayMs } from '../src/retry.ts';

describe('retry policy', () => {
  it.each([
    [0, 1000],
    [1, 2000],
    [2, 4000],
    [3, 8000],
    [4, 16_000],
    [5, 30_000],
    [6, 30_000],
    [10_000, 30_000],
    [-1, 1000],
  ])('waits after %i failures %i ms', (failures, delay) => {
    expect(retryDelayMs(failures)).toBe(delay);
  });

  it('gives the first connect ten attempts', () => {
    const delays = Array.from({ length: FIRST_CONNECT_ATTEMPTS }, (_, index) => firstConnectDelayMs(index + 1));
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, null]);
  });
});
