import { expect, test } from 'vitest';
import { listen } from '../src/feed.ts';

function say(name: string, hub: string): void {
  document.dispatchEvent(new CustomEvent(name, { detail: { hub } }));
}

test('the state of its own hub is heard until it ends', () => {
  const states: boolean[] = [];
  const end = listen('A', (connected) => states.push(connected));
  say('signalr:connected', 'A');
  say('signalr:connected', 'B');
  say('signalr:reconnecting', 'A');
  expect(states).toEqual([true, false]);
  end();
  say('signalr:connected', 'A');
  expect(states).toEqual([true, false]);
});
