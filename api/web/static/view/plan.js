// Shows what a change would do before it is done.

import { APIError, textOf } from '../api/client.js';
import { plural } from '../model/format.js';
import { fill, h } from './h.js';
import { badge } from './status.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Plan} Plan */
/** @typedef {import('../model/types.js').Change} Change */

/** @type {Record<string, string>} */
const signs = { add: '+', change: '~', remove: '−' };

/** Asks the controller for a plan, and shows it. */
export class PlanPanel {
  #app;
  /** @type {AbortController | null} */
  #asking = null;
  /** Whether the plan that is shown is of the changes that were given last. */
  done = false;
  onDone = () => {};
  element = h('div', { class: 'plan', role: 'status' });

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  /** @param {string} text what is missing for a plan */
  wait(text) {
    this.#asking?.abort();
    this.done = false;
    fill(this.element, h('p', { class: 'hint' }, text));
    this.onDone();
  }

  /** @param {Change[]} changes */
  async show(changes) {
    this.wait('Planning …');
    const asking = new AbortController();
    this.#asking = asking;

    try {
      const plan = await this.#ask(changes, asking.signal);
      if (asking.signal.aborted) return;
      fill(this.element, drawPlan(plan));
      this.done = true;
    } catch (error) {
      if (asking.signal.aborted) return;
      fill(this.element, h('p', { class: 'problem' }, textOf(error)));
    }
    this.onDone();
  }

  /**
   * Each token has one plan at a time. One that was given up may still be at work.
   *
   * @param {Change[]} changes
   * @param {AbortSignal} signal
   * @returns {Promise<Plan>}
   */
  async #ask(changes, signal) {
    for (;;) {
      try {
        return await this.#app.client.post('plan', { changes }, {}, signal);
      } catch (error) {
        if (!(error instanceof APIError && error.status === 429) || signal.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  }
}

/** @param {Plan} plan */
function drawPlan(plan) {
  const items = plan.hosts.reduce((sum, host) => sum + host.items.length, 0);
  return [
    h(
      'ul',
      { class: 'outcome' },
      plan.resources.map((r) =>
        h(
          'li',
          {},
          `${r.action || 'affect'} ${r.kind.replace('_', ' ')} ${r.name}: `,
          r.after.status ? badge(r.after.status) : 'gone',
          r.after.reason && h('span', { class: 'reason' }, ` ${r.after.reason}`),
        ),
      ),
    ),
    plan.hosts.length === 0
      ? h('p', { class: 'hint' }, 'No switch changes.')
      : h(
          'details',
          {},
          h(
            'summary',
            {},
            `${plural(items, 'change')} on ${plural(plan.hosts.length, 'switch', 'switches')}`,
          ),
          plan.hosts.map((host) => [
            h('h3', {}, host.name),
            h(
              'pre',
              { tabindex: 0 },
              host.items
                .map((i) => `${signs[i.action] ?? ' '} ${i.kind} ${i.text || i.name}`)
                .join('\n'),
            ),
          ]),
        ),
  ];
}
