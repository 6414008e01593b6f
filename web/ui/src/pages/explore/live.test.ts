import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Live } from './live.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the list still waits while the pointer is on its way to the button', () => {
  const live = new Live();
  live.hover(true);
  live.hover(false);
  vi.advanceTimersByTime(900);
  expect(live.hovering).toBe(true);
  live.hover(true); // the button
  vi.advanceTimersByTime(10_000);
  expect(live.hovering).toBe(true);
  live.flush(); // clicked: the button goes, and no pointer leaves it
  vi.advanceTimersByTime(1_000);
  expect(live.hovering).toBe(false);
});
