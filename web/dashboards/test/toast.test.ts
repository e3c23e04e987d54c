import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { notify, toast } from '../src/toast.ts';

const shown = (): string[] => [...document.querySelectorAll('.toast p')].map((line) => line.textContent);
const closeButtons = (): HTMLButtonElement[] => [...document.querySelectorAll<HTMLButtonElement>('.toast button')];

beforeEach(() => {
  document.documentElement.lang = 'en';
  document.body.replaceChildren();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('messages', () => {
  it('pass by themselves, critical ones do not', async () => {
    toast('Saved', 'success');
    toast('Fire', 'critical');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(shown()).toEqual(['Fire']);
  });

  it('make room for new ones without losing what waits to be closed', () => {
    notify({ message: 'Read me', persistent: true });
    for (let number = 1; number <= 6; number += 1) toast(`Passing ${number}`);
    expect(shown()).toEqual(['Read me', 'Passing 3', 'Passing 4', 'Passing 5', 'Passing 6']);
  });

  it('stay while somebody reads them', async () => {
    toast('A long one');
    document.querySelector('.toast')?.dispatchEvent(new Event('pointerenter'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(shown()).toEqual(['A long one']);
    document.querySelector('.toast')?.dispatchEvent(new Event('pointerleave'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(shown()).toEqual([]);
  });

  it('name their button and say errors at once', () => {
    toast('It broke', 'error');
    expect(closeButtons().map((button) => button.getAttribute('aria-label'))).toEqual(['Close']);
    expect(document.querySelector('.toast')?.getAttribute('role')).toBe('alert');
    closeButtons()[0]?.click();
    expect(shown()).toEqual([]);
  });
});

describe('notifications', () => {
  it('are shown as long as they ask for', async () => {
    notify({ message: 'Short', duration: 1000 });
    notify({ message: 'Until closed', duration: 0 });
    notify({ message: 'Persistent', duration: 1000, persistent: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(shown()).toEqual(['Until closed', 'Persistent']);
  });

  it('show their title, and text as text', () => {
    notify({ title: '<b>Stock</b>', message: '<i>empty</i>', type: 'no such type' });
    expect(document.querySelector('.toast strong')?.textContent).toBe('<b>Stock</b>');
    expect(document.querySelector('.toast i')).toBeNull();
  });

  it('without a message are nothing', () => {
    notify({});
    expect(shown()).toEqual([]);
  });
});
