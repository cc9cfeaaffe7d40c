// Follows all changes, for as long as the user is logged in.

import { EventParser } from '../model/sse.js';
import { APIError } from './client.js';

/** @typedef {import('./client.js').Client} Client */
/** @typedef {import('../model/store.js').Store} Store */
/** @typedef {'connecting' | 'live' | 'down'} State */

const silence = 40_000; // ms without a sign of life, of which one comes each 15 s
const longestPause = 10_000; // ms between two attempts

/** Keeps a store up to date by the watch stream. */
export class Watch {
  #client;
  #store;
  #parser = new EventParser();
  #lastID = '';
  #stop = new AbortController();

  /** @type {State} */
  state = 'connecting';
  /** What is wrong while the state is down. */
  problem = '';
  onState = () => {};

  /**
   * @param {Client} client
   * @param {Store} store
   */
  constructor(client, store) {
    this.#client = client;
    this.#store = store;
  }

  /** Follows until stop is called. */
  async run() {
    let pause = 500;
    while (!this.#stop.signal.aborted) {
      const begun = Date.now();
      try {
        await this.#follow();
        this.#set('down', 'The stream of changes has ended.');
      } catch (error) {
        if (this.#stop.signal.aborted || (error instanceof APIError && error.status === 401))
          return;
        this.#set('down', error instanceof Error ? error.message : String(error));
      }

      pause = Date.now() - begun > longestPause ? 500 : Math.min(pause * 2, longestPause);
      await this.#wait(pause);
    }
  }

  stop() {
    this.#stop.abort();
  }

  /** @param {number} time ms */
  #wait(time) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      this.#stop.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }

  /**
   * @param {State} state
   * @param {string} [problem]
   */
  #set(state, problem = '') {
    this.state = state;
    this.problem = problem;
    this.onState();
  }

  /** Reads one stream to its end. */
  async #follow() {
    const end = new AbortController();
    const abort = () => end.abort();
    this.#stop.signal.addEventListener('abort', abort);
    let timer = setTimeout(abort, silence);

    try {
      const response = await this.#client.open('api/v1/watch', {
        query: { snapshot: true },
        headers: this.#lastID ? { 'Last-Event-ID': this.#lastID } : {},
        signal: end.signal,
      });
      this.#parser = new EventParser();
      if (this.#lastID) this.#set('live');

      const reader = /** @type {ReadableStream} */ (response.body)
        .pipeThrough(new TextDecoderStream())
        .getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;

        clearTimeout(timer);
        timer = setTimeout(abort, silence);
        this.#take(value);
      }
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener('abort', abort);
    }
  }

  /** @param {string} text */
  #take(text) {
    for (const { type, data } of this.#parser.feed(text)) {
      this.#store.apply(type, JSON.parse(data));
      if (type === 'synced') this.#set('live');
    }
    this.#lastID = this.#parser.lastID || this.#lastID;
  }
}
