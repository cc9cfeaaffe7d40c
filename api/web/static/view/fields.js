// Fields of forms.

import { APIError, textOf } from '../api/client.js';
import { place } from '../model/filter.js';
import { fill, h } from './h.js';

/** @typedef {import('./app.js').App} App */

const typingPause = 300; // ms

let made = 0;

/**
 * @param {string} label
 * @param {HTMLElement} input
 * @param {string} [hint]
 * @returns {HTMLElement} the input with its label above it
 */
export function field(label, input, hint) {
  input.id ||= `field-${++made}`;
  const hintID = `${input.id}-hint`;
  if (hint) input.setAttribute('aria-describedby', hintID);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: input.id }, label),
    input,
    hint && h('span', { class: 'hint', id: hintID }, hint),
  );
}

/**
 * @param {[string, string][]} options values and texts
 * @param {Record<string, any>} [attributes]
 */
export function select(options, attributes = {}) {
  const { value, ...others } = attributes;
  const element = h(
    'select',
    others,
    options.map(([v, text]) => h('option', { value: v }, text)),
  );
  if (value !== undefined) element.value = value;
  return element;
}

/**
 * @param {string} legend
 * @param {string} name
 * @param {[string, string][]} options values and texts
 * @param {string} value
 * @param {(value: string) => void} onChange
 */
export function radios(legend, name, options, value, onChange) {
  return h(
    'fieldset',
    { class: 'radios' },
    h('legend', {}, legend),
    options.map(([v, text]) =>
      h(
        'label',
        {},
        h('input', {
          type: 'radio',
          name,
          value: v,
          checked: v === value,
          onchange: () => onChange(v),
        }),
        ` ${text}`,
      ),
    ),
  );
}

/** @type {[string, string][]} seconds and texts; '' is no end */
export const times = [
  ['', 'until switched off'],
  ['900', '15 minutes'],
  ['3600', '1 hour'],
  ['7200', '2 hours'],
  ['28800', '8 hours'],
  ['86400', '1 day'],
  ['604800', '1 week'],
];

/**
 * @param {string} seconds from now; '' is no end
 * @returns {string | null} RFC 3339
 */
export const after = (seconds) =>
  seconds === ''
    ? null
    : new Date(Date.now() + Number(seconds) * 1000).toISOString().replace(/\.\d+/, '');

/**
 * A filter that the controller checks while it is typed. What is wrong is marked at its place.
 */
export class FilterField {
  /** @type {AbortController | null} */
  #checking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #app;
  #source;

  /** Whether the controller has refused the filter. */
  wrong = false;

  input = h('input', {
    type: 'text',
    spellcheck: 'false',
    autocomplete: 'off',
    class: 'mono',
    placeholder: 'tcp port 443 and not net 10.0.0.0/8',
    oninput: () => this.checkSoon(),
  });
  message = h('div', { class: 'filter-message', role: 'status' });
  element = h(
    'div',
    {},
    field('Filter', this.input, 'As for tcpdump; empty copies everything.'),
    this.message,
  );

  /**
   * @param {App} app
   * @param {() => Record<string, string> | null} source parameters of a capture at the source; null
   *   while none is chosen
   * @param {() => void} onChange called after each check
   * @param {string} [value]
   */
  constructor(app, source, onChange, value = '') {
    this.#app = app;
    this.#source = source;
    this.onChange = onChange;
    this.input.value = value;
  }

  get value() {
    return this.input.value.trim();
  }

  checkSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), typingPause);
  }

  async check() {
    this.#checking?.abort();
    this.wrong = false;
    const source = this.#source();
    if (this.value === '' || !source) {
      this.#show();
      this.onChange();
      return;
    }

    const checking = new AbortController();
    this.#checking = checking;
    const text = this.input.value;
    try {
      await this.#app.client.get(
        'capture',
        { ...source, filter: text, check: true },
        checking.signal,
      );
      this.#show(h('span', { class: 'status-ready' }, '✓ Switches can match this.'));
    } catch (error) {
      if (checking.signal.aborted) return;
      this.#refused(text, error);
    }
    this.onChange();
  }

  /**
   * @param {string} text
   * @param {unknown} error
   */
  #refused(text, error) {
    const wrong = error instanceof APIError ? error.problem.filter_error : undefined;
    this.wrong = true;
    this.input.setAttribute('aria-invalid', 'true');
    if (!wrong) {
      this.#show(h('span', { class: 'problem' }, textOf(error)));
      return;
    }

    const { before, at, after: rest } = place(text, wrong);
    this.#show(
      h('code', { class: 'filter-place' }, before, h('mark', {}, at), rest),
      h('span', { class: 'problem' }, wrong.problem),
      wrong.hint && h('span', { class: 'hint' }, wrong.hint),
    );
  }

  /** @param {...import('./h.js').Child} children */
  #show(...children) {
    if (!this.wrong) this.input.removeAttribute('aria-invalid');
    fill(this.message, children);
  }
}
