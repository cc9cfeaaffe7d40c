// The packets of a guest or a virtual switch, as they pass.

import { textOf } from '../api/client.js';
import { count, octets } from '../model/format.js';
import { PcapngParser } from '../model/pcapng.js';
import { decode, hexDump } from '../model/packet.js';
import { FilterField, field, select } from './fields.js';
import { GuestPicker } from './guest-picker.js';
import { fill, h, setText } from './h.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/pcapng.js').Frame} Frame */

const rowsKept = 500; // the newest ones
const bytesKept = 64 << 20; // for saving
const drawPause = 150; // ms

/** @type {import('./app.js').ViewMaker} */
export const packetsView = (app, route) => new PacketsView(app, route.query);

class PacketsView {
  #app;
  #query;
  /** @type {AbortController | null} */
  #running = null;
  #paused = false;
  /** @type {Frame[]} not drawn yet */
  #waiting = [];
  #number = 0;
  #first = 0;
  /** @type {Uint8Array[]} */
  #raw = [];
  #rawSize = 0;
  #parser = new PcapngParser();
  #timer;

  title = 'Packets';
  heading = h('h1', {}, 'Packets');
  direction = select([
    ['BOTH', 'both directions'],
    ['IN', 'in'],
    ['OUT', 'out'],
  ]);
  snaplen = h('input', { type: 'number', min: 0, max: 65535, value: '0' });
  startButton = h('button', { type: 'submit', class: 'primary' }, 'Start');
  pauseButton = h(
    'button',
    { type: 'button', disabled: true, 'aria-pressed': 'false', onclick: () => this.#pause() },
    'Pause',
  );
  stopButton = h('button', { type: 'button', disabled: true, onclick: () => this.#stop() }, 'Stop');
  saveButton = h(
    'button',
    { type: 'button', disabled: true, onclick: () => this.#save() },
    'Save as pcapng',
  );
  state = h('p', { role: 'status', class: 'hint' }, 'Nothing is stored; it ends with this view.');
  error = h('p', { class: 'problem', role: 'alert' });
  rows = h('tbody');
  details = h('section', { class: 'panel', hidden: true, 'aria-label': 'Packet' });
  element;

  /**
   * @param {App} app
   * @param {URLSearchParams} query
   */
  constructor(app, query) {
    this.#app = app;
    this.#query = query;
    this.picker = new GuestPicker(app, () => this.filter.check());
    this.filter = new FilterField(
      app,
      () => this.#source(),
      () => {},
      query.get('filter') ?? '',
    );
    this.direction.value = query.get('direction') ?? 'BOTH';
    this.where = h('div');
    this.element = this.#build();
    this.#timer = setInterval(() => this.#draw(), drawPause);
    this.update();
  }

  #build() {
    const titles = ['No.', 'Time', 'From', 'To', 'Protocol', 'Octets', 'What'];
    return h(
      'section',
      { class: 'packets' },
      h('div', { class: 'title' }, this.heading),
      h(
        'form',
        {
          class: 'panel fields',
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            this.#start();
          },
        },
        this.where,
        this.filter.element,
        h(
          'div',
          { class: 'row' },
          field('Direction', this.direction),
          field('Octets kept', this.snaplen),
        ),
        h(
          'div',
          { class: 'buttons' },
          this.startButton,
          this.pauseButton,
          this.stopButton,
          this.saveButton,
        ),
        this.state,
        this.error,
      ),
      h(
        'div',
        {
          class: 'scroll tall',
          tabindex: 0,
          role: 'region',
          'aria-label': 'Packets, the newest first',
        },
        h(
          'table',
          { class: 'mono' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              titles.map((t) => h('th', { scope: 'col' }, t)),
            ),
          ),
          this.rows,
        ),
      ),
      this.details,
    );
  }

  update() {
    const { guests, hosts } = this.#app.store;
    const host = hosts.get(this.#query.get('host') ?? '');
    if (host) {
      fill(
        this.where,
        h('p', {}, `Virtual switch of ${host.name}, wire ${this.#query.get('wire')}`),
      );
      return;
    }

    const wanted = this.#query.get('guest');
    const guest = guests.get(wanted ?? '');
    if (guest && !this.picker.guest) {
      this.picker.pick(guest);
      this.#query.delete('guest');
    }
    if (!this.where.hasChildNodes() && !this.#query.get('host'))
      fill(this.where, this.picker.element);
    this.picker.refresh();
  }

  /** @returns {Record<string, string> | null} */
  #source() {
    const host = this.#query.get('host');
    if (host) return { host_id: host, wire_id: this.#query.get('wire') ?? '' };
    const guest = this.picker.guest;
    return guest
      ? {
          guest_id: guest.id,
          mac_addr: this.#query.get('mac') || (guest.nics.length > 1 ? guest.nics[0].mac : ''),
        }
      : null;
  }

  async #start() {
    const source = this.#source();
    if (!source) {
      setText(this.error, 'Choose a guest.');
      return;
    }

    this.#reset();
    const running = new AbortController();
    this.#running = running;
    this.#showButtons();
    setText(this.state, 'Waiting for the switch to copy …');
    try {
      const response = await this.#app.client.open('api/v1/capture', {
        query: {
          ...source,
          direction: this.direction.value,
          filter: this.filter.value,
          snaplen: Number(this.snaplen.value),
        },
        signal: running.signal,
      });
      setText(this.state, 'Capturing');
      await this.#read(/** @type {ReadableStream<Uint8Array>} */ (response.body), running.signal);
    } catch (error) {
      if (!running.signal.aborted) setText(this.error, textOf(error));
    }
    if (this.#running === running) this.#running = null;
    this.#showButtons();
  }

  /**
   * @param {ReadableStream<Uint8Array>} body
   * @param {AbortSignal} signal
   */
  async #read(body, signal) {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;

      if (this.#rawSize + value.length <= bytesKept) {
        this.#raw.push(value);
        this.#rawSize += value.length;
      }
      this.#waiting.push(...this.#parser.feed(value));
    }
  }

  #reset() {
    this.#stop();
    this.#parser = new PcapngParser();
    this.#waiting = [];
    this.#raw = [];
    this.#rawSize = this.#number = this.#first = 0;
    if (this.#paused) this.#pause();
    setText(this.error, '');
    fill(this.rows);
    this.details.hidden = true;
  }

  #pause() {
    this.#paused = !this.#paused;
    setText(this.pauseButton, this.#paused ? 'Go on' : 'Pause');
    this.pauseButton.setAttribute('aria-pressed', String(this.#paused));
  }

  #stop() {
    this.#running?.abort();
    this.#running = null;
    this.#showButtons();
  }

  #showButtons() {
    this.pauseButton.disabled = this.stopButton.disabled = !this.#running;
    this.startButton.textContent = this.#running ? 'Start again' : 'Start';
    this.saveButton.disabled = this.#raw.length === 0;
  }

  #draw() {
    if (this.#number + this.#waiting.length === 0) return;
    const full = this.#rawSize > bytesKept - (1 << 16) ? ' Later packets are not saved.' : '';
    const ended = this.#running
      ? this.#paused
        ? 'Paused'
        : 'Capturing'
      : this.#parser.comment || 'Ended';
    setText(
      this.state,
      `${ended}: ${count(this.#number + this.#waiting.length)} packets, ${octets(this.#rawSize)}.${full}`,
    );
    if (this.saveButton.disabled) this.#showButtons();
    if (this.#paused || this.#waiting.length === 0) return;

    const frames = this.#waiting;
    this.#waiting = [];
    this.#first ||= frames[0].at;
    const from = Math.max(0, frames.length - rowsKept);
    const rows = frames
      .slice(from)
      .map((frame, i) => this.#row(frame, this.#number + from + i + 1));
    this.#number += frames.length;
    this.rows.prepend(...rows.reverse());
    while (this.rows.children.length > rowsKept) this.rows.lastElementChild?.remove();
  }

  /**
   * @param {Frame} frame
   * @param {number} number
   */
  #row(frame, number) {
    const packet = decode(frame.data);
    const time = ((frame.at - this.#first) / 1000).toFixed(6);
    const show = () => this.#show(frame, number);
    return h(
      'tr',
      { onclick: show },
      h('td', {}, h('button', { type: 'button', class: 'plain', onclick: show }, String(number))),
      [time, packet.from, packet.to, packet.protocol, String(frame.length), packet.info].map(
        (text) => h('td', {}, text),
      ),
    );
  }

  /**
   * @param {Frame} frame
   * @param {number} number
   */
  #show(frame, number) {
    const packet = decode(frame.data);
    this.details.hidden = false;
    fill(
      this.details,
      h('h2', {}, `Packet ${number}, ${new Date(frame.at).toISOString()}`),
      packet.layers.map(({ name, fields }) => [
        h('h3', {}, name),
        h(
          'dl',
          { class: 'facts' },
          fields.map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v))),
        ),
      ]),
      h('h3', {}, 'Octets'),
      h('pre', { tabindex: 0 }, hexDump(frame.data)),
    );
  }

  #save() {
    // A block that has not come whole would make the file invalid.
    const blob = new Blob(/** @type {BlobPart[]} */ (this.#raw)).slice(
      0,
      this.#parser.complete,
      'application/x-pcapng',
    );
    const url = URL.createObjectURL(blob);
    const link = h('a', { href: url, download: 'tapline.pcapng' });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  leave() {
    this.#running?.abort();
    clearInterval(this.#timer);
  }
}
