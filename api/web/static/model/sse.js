// A parser of server-sent events (HTML Standard, section 9.2.6). EventSource itself cannot send an
// Authorization header.

/** @typedef {{type: string, data: string}} Message */

/** Reads a stream piece by piece. */
export class EventParser {
  /** @type {string} what was read of a line that has not ended */
  #rest = '';
  #type = '';
  /** @type {string[]} */
  #data = [];

  /** The last id that the stream has told; '' before the first. */
  lastID = '';

  /**
   * @param {string} text the next piece, which may end anywhere
   * @returns {Message[]} the events that it completes
   */
  feed(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = /** @type {string} */ (lines.pop());

    /** @type {Message[]} */
    const messages = [];
    for (const line of lines) {
      const message = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (message) messages.push(message);
    }
    return messages;
  }

  /**
   * @param {string} line
   * @returns {Message | null} the event that the line ends
   */
  #line(line) {
    if (line === '') {
      const message = { type: this.#type || 'message', data: this.#data.join('\n') };
      const empty = this.#data.length === 0;
      this.#type = '';
      this.#data = [];
      return empty ? null : message;
    }

    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#type = value;
    if (field === 'data') this.#data.push(value);
    if (field === 'id') this.lastID = value;
    return null;
  }
}
