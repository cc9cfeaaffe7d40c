// Finds a guest by its name, address or label.

import { search, sorted } from '../model/list.js';
import { count } from '../model/format.js';
import { field } from './fields.js';
import { fill, h } from './h.js';
import { guestHosts, guestSearch } from './places.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Guest} Guest */

const shown = 8;

/** A search with the first guests that match. */
export class GuestPicker {
  #app;
  #onPick;
  /** @type {Guest | undefined} */
  guest;

  input = h('input', {
    type: 'search',
    autocomplete: 'off',
    placeholder: 'name, IP, MAC, label:app=db',
    oninput: () => this.#draw(),
  });
  results = h('ul', { class: 'results', 'aria-label': 'Guests that match' });
  chosen = h('div', { class: 'chosen', role: 'status' });
  element = h('div', {}, field('Guest', this.input), this.results, this.chosen);

  /**
   * @param {App} app
   * @param {() => void} onPick
   */
  constructor(app, onPick) {
    this.#app = app;
    this.#onPick = onPick;
    this.#draw();
  }

  /** Draws the results anew, as guests may have come or gone. */
  refresh() {
    if (!this.results.contains(document.activeElement)) this.#draw();
  }

  #draw() {
    if (this.guest) return;
    const matches = sorted(
      search(this.#app.store.guests.values(), this.input.value, guestSearch),
      (g) => g.name,
      false,
    );
    fill(
      this.results,
      matches
        .slice(0, shown)
        .map((g) =>
          h(
            'li',
            {},
            h(
              'button',
              { type: 'button', onclick: () => this.pick(g) },
              h('strong', {}, g.name),
              ` ${describe(g)}`,
            ),
          ),
        ),
      matches.length > shown &&
        h('li', { class: 'hint' }, `and ${count(matches.length - shown)} more`),
    );
  }

  /** @param {Guest} guest */
  pick(guest) {
    this.guest = guest;
    fill(this.results);
    fill(
      this.chosen,
      h('strong', {}, guest.name),
      ` ${describe(guest)} `,
      h(
        'button',
        {
          type: 'button',
          onclick: () => {
            this.guest = undefined;
            fill(this.chosen);
            this.#draw();
            this.input.focus();
            this.#onPick();
          },
        },
        'Change',
      ),
    );
    this.#onPick();
  }
}

/** @param {Guest} g */
const describe = (g) =>
  [
    g.nics.flatMap((n) => n.ip_addrs).join(' '),
    g.nics.map((n) => n.mac).join(' '),
    guestHosts(g).join(' '),
  ]
    .filter(Boolean)
    .join(' · ');
