// What a client does so that no event is lost and none is handled twice over any number of connections: it asks for
// what it missed, holds back what comes live meanwhile, and drops what it knows. Knows no connection and no page.
// The server's half of the promise stands in its `services/resume.py`.

import type { ResumeAnswer } from '@meschain/contracts';
import { record } from './fields.ts';

/** Ids kept to tell doubles: some minutes of a busy shop. What is older lies below the position of the last resume. */
export const REMEMBERED_EVENTS = 5000;
/** Live events held back during a resume. With more, the replay goes on instead until it has reached them. */
export const HELD_EVENTS = 2000;

/** Hands an event to the page. */
export type Deliver = (target: string, payload: Record<string, unknown>) => void;
/** Calls `ResumeEvents`; what was missed comes in its answer, or before it as events of their own. */
export type Ask = (position: number | null) => Promise<unknown>;

interface StampedEvent {
  target: string;
  payload: Record<string, unknown>;
  eventId: string;
  position: number;
}

export class CatchUp {
  private last: number | null = null;
  private replayedTo = 0;
  private held: StampedEvent[] = [];
  private overflowed = false;
  private holding: 'nothing' | 'all' | 'next' = 'nothing';
  private attempt = 0;
  private readonly known = new Set<string>();

  constructor(private readonly deliver: Deliver) {}

  /** Where this client stands in the order of all events; null: it has seen none and asked for none. */
  get position(): number | null {
    return this.last;
  }

  /** Begins where an older page left off; before the first connect. */
  startFrom(position: number): void {
    this.last = position;
  }

  /** A connection is about to open: what comes live on it waits until the replay is done. */
  opening(): void {
    this.hold('all');
  }

  /** Another one is about to open beside the one that is there: only what comes live on the new one waits. */
  openingBeside(): void {
    this.hold('next');
  }

  private hold(holding: 'all' | 'next'): void {
    this.attempt += 1;
    this.holding = holding;
    this.held = [];
    this.overflowed = false;
  }

  /**
   * An event with or without a stamp. One without is of an older server, or is not kept, and passes as it is; on a
   * connection that is opened beside another it is dropped, since the other one brings it too.
   */
  received(target: string, payload: Record<string, unknown>, isNext = false): void {
    const { eventId, position } = payload;
    if (typeof eventId !== 'string' || typeof position !== 'number') {
      if (!isNext) this.deliver(target, payload);
      return;
    }
    const event = { target, payload, eventId, position };
    const isHeld = this.holding === 'all' || (this.holding === 'next' && isNext);
    if (isHeld && payload.replayed !== true) {
      if (this.held.length < HELD_EVENTS) this.held.push(event);
      else this.overflowed = true;
      return;
    }
    this.take(event);
  }

  /**
   * Asks for what was missed until there is no more, and lets go what was held. Returns the last answer, or null when a
   * later connection has begun meanwhile. Rejects as `ask` does; call `opened` then, so that nothing stays held.
   */
  async resume(ask: Ask): Promise<ResumeAnswer | null> {
    const attempt = this.attempt;
    let complete = true;
    let answer: ResumeAnswer;
    do {
      // What did not fit lies behind this round, which replays it.
      if (this.overflowed) this.held = [];
      this.overflowed = false;
      answer = answerOf(await ask(this.last));
      if (attempt !== this.attempt) return null;
      for (const { target, payload } of answer.events) this.received(target, payload);
      complete &&= answer.complete;
      this.last = answer.position;
    } while (answer.more || this.overflowed);
    this.replayedTo = answer.position;
    this.opened();
    return { ...answer, complete };
  }

  /** Nothing is replayed, or nothing more: what was held is handled in its order. */
  opened(): void {
    this.holding = 'nothing';
    const held = this.held.sort((a, b) => a.position - b.position);
    this.held = [];
    for (const event of held) this.take(event);
  }

  private take({ target, payload, eventId, position }: StampedEvent): void {
    const isDouble = this.known.has(eventId) || (payload.replayed !== true && position <= this.replayedTo);
    if (isDouble) return;
    this.known.add(eventId);
    const [oldest] = this.known;
    if (this.known.size > REMEMBERED_EVENTS && oldest !== undefined) this.known.delete(oldest);
    this.last = Math.max(this.last ?? 0, position);
    this.deliver(target, payload);
  }
}

function answerOf(value: unknown): ResumeAnswer {
  const fields = record(value);
  if (typeof fields.position !== 'number') throw new Error('The server answered ResumeEvents without a position.');
  return {
    position: fields.position,
    complete: fields.complete === true,
    more: fields.more === true,
    orders: Array.isArray(fields.orders) ? (fields.orders as ResumeAnswer['orders']) : [],
    events: Array.isArray(fields.events) ? (fields.events as ResumeAnswer['events']) : [],
  };
}
