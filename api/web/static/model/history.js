// The rates of the last minutes, as this page has seen them.

/** @typedef {{at: number, value: number}} Sample at is in milliseconds */

const kept = 10 * 60_000; // ms
const most = 300; // samples of one series

/** Keeps the last samples of many series. */
export class History {
  /** @type {Map<string, Sample[]>} */
  #series = new Map();

  /**
   * @param {string} id
   * @param {number} at
   * @param {number} value
   */
  add(id, at, value) {
    const series = this.#series.get(id);
    if (!series) {
      this.#series.set(id, [{ at, value }]);
      return;
    }

    series.push({ at, value });
    while (series.length > most || series[0].at < at - kept) series.shift();
  }

  /**
   * @param {string} id
   * @returns {Sample[]} the oldest first
   */
  of(id) {
    return this.#series.get(id) ?? [];
  }
}

/**
 * @param {Sample[]} samples
 * @param {number} width
 * @param {number} height
 * @returns {string} the points of a polyline, from the left edge to the right one; the highest
 *   value touches the top, and 0 is the bottom
 */
export function sparkline(samples, width, height) {
  if (samples.length === 0) return '';
  const first = samples[0].at;
  const span = Math.max(1, samples[samples.length - 1].at - first);
  const top = Math.max(1, ...samples.map(({ value }) => value));

  return samples
    .map(({ at, value }) => {
      const x = ((at - first) / span) * width;
      const y = height - (value / top) * height;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(' ');
}
