// Reads counters, which the watch stream does not tell, and keeps those of the last minutes.

import { History } from '../model/history.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {import('../model/store.js').Store} Store */

/**
 * @param {number} flows
 * @returns {number} ms between two readings: lists of up to 100 are fresh each time, and longer ones
 *   are large
 */
export const pauseFor = (flows) => (flows <= 100 ? 2_000 : flows <= 1_000 ? 5_000 : 30_000);

/** Reads the counters of all services and flows again and again. */
export class Sampler {
  #client;
  #store;
  #stop = new AbortController();
  history = new History();

  /**
   * @param {Client} client
   * @param {Store} store
   */
  constructor(client, store) {
    this.#client = client;
    this.#store = store;
  }

  async run() {
    while (!this.#stop.signal.aborted) {
      const pause = this.#store.complete ? pauseFor(this.#store.flows.size) : 300;
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#stop.signal.aborted || !this.#store.complete) continue;
      if (document.visibilityState === 'hidden') continue;

      try {
        await this.read();
      } catch {
        // The watch stream shows that the controller is away.
      }
    }
  }

  /** Reads once. */
  async read() {
    const signal = this.#stop.signal;
    const [flows, services] = await Promise.all([
      this.#client.get('tap_flows', {}, signal),
      this.#client.get('tap_services', {}, signal),
    ]);

    this.#store.count('tap_flow', flows.tap_flows);
    this.#store.count('tap_service', services.tap_services);
    const now = Date.now();
    for (const item of [...flows.tap_flows, ...services.tap_services]) {
      this.history.add(item.id, now, item.counters.captured.bits_per_second);
    }
  }

  stop() {
    this.#stop.abort();
  }
}
