// What a chart draws.

export interface Series {
  label: string;
  values: (number | null)[];
  /** A token: --c1. */
  colour: string;
}

/** The colour of the i-th group; what has none of its own is drawn as the rest. */
export function colourOf(i: number): string {
  return i < 7 ? `--c${i + 1}` : '--c8';
}

/**
 * Values as heights of stacked bars. uPlot draws its series one over the other, so the first holds the sum of all and is
 * drawn first; the last is the lowest.
 */
export function stack(values: (number | null)[][]): number[][] {
  const n = values[0]?.length ?? 0;
  const out: number[][] = values.map(() => []);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let s = values.length - 1; s >= 0; s--) {
      sum += values[s]![i] ?? 0;
      out[s]![i] = sum;
    }
  }
  return out;
}

/** Where an axis from 0 to max has lines: 0 and the multiples of the least 1, 2 or 5 times a power of ten of which at most n fit, n being 2 or more. */
export function ticks(max: number, n: number): number[] {
  if (!(max > 0)) return [0];
  const unit = 10 ** Math.floor(Math.log10(max / n));
  const step = [1, 2, 5, 10].map((x) => x * unit).find((x) => Math.floor(max / x) <= n)!;
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, i) => i * step);
}

/** The colours that tokens have in the present theme. */
export function resolve(at: HTMLElement, tokens: string[]): string[] {
  const probe = at.appendChild(document.createElement('span'));
  const out = tokens.map((t) => {
    probe.style.color = `var(${t})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return out;
}

/** Text that fits into so many pixels at the size of the diagram, its end cut if it is longer. */
export function fit(text: string, pixels: number): string {
  const most = Math.max(1, Math.floor(pixels / 6.6));
  return text.length > most ? text.slice(0, most - 1) + '…' : text;
}
