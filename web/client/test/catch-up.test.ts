import { beforeEach, describe, expect, it } from 'vitest';
import { CatchUp, HELD_EVENTS, REMEMBERED_EVENTS } from '../src/catch-up.ts';

let seen: number[];
let subject: CatchUp;

function live(position: number, eventId = `e${position}`): void {
  subject.received('orderNotification', { eventId, position });
}

function replayed(...positions: number[]): void {
  for (const position of positions) {
    subject.received('orderNotification', { eventId: `e${position}`, position, replayed: true });
  }
}

function answer(position: number, more = false, complete = true): unknown {
  return { position, complete, more, orders: [] };
}

beforeEach(() => {
  seen = [];
  subject = new CatchUp((_, payload) => seen.push(Number(payload.position)));
});

async function begin(position: number): Promise<void> {
  subject.opening();
  await subject.resume(async () => answer(position));
}

describe('the first connection', () => {
  it('has nothing to ask for and learns where it stands', async () => {
    const asked: unknown[] = [];
    subject.opening();
    await subject.resume(async (position) => {
      asked.push(position);
      return answer(7);
    });
    expect(asked).toEqual([null]);
    expect(subject.position).toBe(7);
    live(8);
    expect(seen).toEqual([8]);
    expect(subject.position).toBe(8);
  });

  it('goes on where an earlier page left off', async () => {
    subject.startFrom(5);
    subject.opening();
    await subject.resume(async (position) => {
      expect(position).toBe(5);
      replayed(6);
      return answer(6);
    });
    expect(seen).toEqual([6]);
  });
});

describe('a later connection', () => {
  it('handles what the answer brings as if it had been sent', async () => {
    await begin(2);
    subject.opening();
    live(5);
    const target = 'orderNotification';
    const events = [3, 4].map((position) => ({
      target,
      payload: { eventId: `e${position}`, position, replayed: true },
    }));
    await subject.resume(async () => ({ ...(answer(4) as object), events }));
    expect(seen).toEqual([3, 4, 5]);
  });

  it('handles what it missed first, then what came live meanwhile, each once', async () => {
    await begin(2);
    subject.opening();
    live(5);
    await subject.resume(async () => {
      replayed(3);
      live(6);
      replayed(4, 5);
      return answer(5);
    });
    live(7);
    expect(seen).toEqual([3, 4, 5, 6, 7]);
  });

  it('asks again until there is no more', async () => {
    await begin(2);
    subject.opening();
    const asked: unknown[] = [];
    await subject.resume(async (position) => {
      asked.push(position);
      replayed(Number(position) + 1);
      return answer(Number(position) + 1, position !== 4);
    });
    expect(asked).toEqual([2, 3, 4]);
    expect(seen).toEqual([3, 4, 5]);
  });

  it('drops what comes live late, though it was replayed, and what is told twice', async () => {
    await begin(2);
    subject.opening();
    await subject.resume(async () => {
      replayed(3);
      return answer(4);
    });
    live(3);
    live(4);
    live(5);
    live(5);
    live(6, 'e5');
    expect(seen).toEqual([3, 5]);
  });

  it('leaves a resume whose connection was lost to the next', async () => {
    await begin(2);
    subject.opening();
    let lost: Promise<unknown> = Promise.resolve();
    await new Promise<void>((asked) => {
      lost = subject.resume(
        () =>
          new Promise((resolve) => {
            replayed(3);
            asked();
            queueMicrotask(() => {
              subject.opening();
              resolve(answer(9));
            });
          }),
      );
    });
    expect(await lost).toBeNull();
    live(5);
    await subject.resume(async (position) => {
      expect(position).toBe(3);
      replayed(4, 5);
      return answer(5);
    });
    expect(seen).toEqual([3, 4, 5]);
  });

  it('says that something was missed for good, whichever round it was', async () => {
    await begin(2);
    subject.opening();
    const rounds = [answer(5, true, false), answer(6)];
    expect(await subject.resume(async () => rounds.shift())).toMatchObject({ complete: false, position: 6 });
  });

  it('handles what was held, when nothing can be replayed', async () => {
    await begin(2);
    subject.opening();
    live(5);
    live(4);
    subject.opened();
    live(6);
    expect(seen).toEqual([4, 5, 6]);
  });

  it('refuses an answer without a position', async () => {
    subject.opening();
    await expect(subject.resume(async () => null)).rejects.toThrow('without a position');
  });
});

describe('limits', () => {
  it('lets the replay go on to what it cannot hold', async () => {
    await begin(0);
    subject.opening();
    const end = HELD_EVENTS + 5;
    let rounds = 0;
    await subject.resume(async (position) => {
      rounds += 1;
      if (rounds === 1) for (let n = 1; n <= end; n += 1) live(n);
      else for (let n = Number(position) + 1; n <= end; n += 1) replayed(n);
      return answer(rounds === 1 ? 0 : end);
    });
    expect(rounds).toBe(2);
    expect(seen).toEqual(Array.from({ length: end }, (_, n) => n + 1));
  });

  it('forgets the oldest ids, which lie far behind', async () => {
    await begin(0);
    for (let n = 1; n <= REMEMBERED_EVENTS + 1; n += 1) live(n);
    live(REMEMBERED_EVENTS + 1);
    live(2);
    expect(seen.length).toBe(REMEMBERED_EVENTS + 1);
    live(1);
    expect(seen.length).toBe(REMEMBERED_EVENTS + 2);
  });
});

it('passes events that carry no stamp', () => {
  subject.opening();
  subject.received('systemAlert', { message: 'old server' });
  expect(seen).toHaveLength(1);
  expect(subject.position).toBeNull();
});
