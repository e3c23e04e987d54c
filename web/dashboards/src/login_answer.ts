// What an answer of POST /api/login means. Knows nothing of the page.

import type { SessionInfo } from '@meschain/contracts';

export type LoginOutcome =
  | { kind: 'session'; session: SessionInfo }
  | { kind: 'wrong' | 'missing' | 'secondFactor' | 'unreachable' | 'ended' }
  | { kind: 'throttled'; seconds: number }
  | { kind: 'failed'; error: string };

/** Seconds of a Retry-After header without a number in it. */
const DEFAULT_WAIT_SECONDS = 30;

export async function readLoginAnswer(answer: Response): Promise<LoginOutcome> {
  const body = (await answer.json().catch(() => ({}))) as Partial<SessionInfo> & { error?: string; code?: string };
  if (answer.ok && body.accessToken) return { kind: 'session', session: body as SessionInfo };
  if (answer.status === 401) return { kind: 'wrong' };
  if (answer.status === 403 && body.code === 'second_factor_required') return { kind: 'secondFactor' };
  if (answer.status === 429) {
    const seconds = Number.parseInt(answer.headers.get('Retry-After') ?? '', 10);
    return { kind: 'throttled', seconds: Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_WAIT_SECONDS };
  }
  return { kind: 'failed', error: body.error ?? `status ${answer.status}` };
}
