// What the page knows of the cloud: the objects that the watch stream has told, and counters.

/** @typedef {import('./types.js').Host} Host */
/** @typedef {import('./types.js').Guest} Guest */
/** @typedef {import('./types.js').Service} Service */
/** @typedef {import('./types.js').Flow} Flow */
/** @typedef {import('./types.js').Counters} Counters */
/** @typedef {'host' | 'guest' | 'tap_service' | 'tap_flow'} Kind */
/** @typedef {{host: Map<string, Host>, guest: Map<string, Guest>, tap_service: Map<string, Service>, tap_flow: Map<string, Flow>}} Objects */

/** @returns {Objects} */
const nothing = () => ({
  host: new Map(),
  guest: new Map(),
  tap_service: new Map(),
  tap_flow: new Map(),
});

/** Holds objects by kind and id, and tells its listeners when they change. */
export class Store {
  /** @type {Objects} */
  #objects = nothing();
  /** @type {Objects | null} what a stream that began anew has told before it was complete */
  #coming = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** Whether everything that exists has been told once. */
  complete = false;

  get hosts() {
    return this.#objects.host;
  }

  get guests() {
    return this.#objects.guest;
  }

  get services() {
    return this.#objects.tap_service;
  }

  get flows() {
    return this.#objects.tap_flow;
  }

  /**
   * Takes over an event of the watch stream.
   *
   * @param {string} type
   * @param {{kind?: Kind, object?: any}} event
   */
  apply(type, { kind, object }) {
    switch (type) {
      case 'reset':
        this.#coming = nothing();
        return;
      case 'current':
        this.#coming ??= nothing();
        if (kind) this.#coming[kind].set(object.id, object);
        return;
      case 'synced':
        // Without a snapshot nothing has changed.
        if (this.#coming) this.#objects = this.#coming;
        this.#coming = null;
        this.complete = true;
        break;
      case 'created':
      case 'updated':
        if (kind) this.#objects[kind].set(object.id, object);
        break;
      case 'deleted':
        if (kind) this.#objects[kind].delete(object.id);
        break;
      default:
        return;
    }
    this.changed();
  }

  /**
   * Takes over the counters that a list has told. The stream does not tell them by themselves.
   *
   * @param {'tap_service' | 'tap_flow'} kind
   * @param {{id: string, counters: Counters}[]} list
   */
  count(kind, list) {
    for (const { id, counters } of list) {
      const known = this.#objects[kind].get(id);
      if (known) known.counters = counters;
    }
    this.changed();
  }

  /** Tells all listeners that something has changed. */
  changed() {
    for (const listener of this.#listeners) listener();
  }

  /**
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
