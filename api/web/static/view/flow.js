// The page of one tap flow.

import { APIError, textOf } from '../api/client.js';
import { bitRate, labelText, moment, relative } from '../model/format.js';
import { parseLabels } from '../model/labels.js';
import { routeTo } from '../model/route.js';
import { remove, setEnabled } from './bulk.js';
import { formDialog } from './dialog.js';
import { counterTable, ExplanationView, spark } from './explanation.js';
import { FilterField, after, field, select, times } from './fields.js';
import { rateOf, sourceOf } from './flows.js';
import { fill, h, setText } from './h.js';
import { historyPanel } from './audit.js';
import { badge } from './status.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Flow} Flow */

const explainPause = 3_000; // ms

/** @type {import('./app.js').ViewMaker} */
export const flowView = (app, route) => new FlowView(app, route.id);

class FlowView {
  #app;
  #ref;
  #left = new AbortController();
  /** @type {Flow | undefined} */
  #flow;
  #sign = '';

  title = 'Tap flow';
  heading = h('h1');
  state = h('div', { class: 'standing', role: 'status' });
  tools = h('div', { class: 'buttons' });
  facts = h('dl', { class: 'facts' });
  counters = h('section', { class: 'panel' });
  explanation = new ExplanationView();
  problem = h('p', { class: 'problem', role: 'alert' });
  history;
  element;

  /**
   * @param {App} app
   * @param {string} ref id or name
   */
  constructor(app, ref) {
    this.#app = app;
    this.#ref = ref;
    this.history = historyPanel(app, 'tap_flow', ref);
    this.element = h(
      'article',
      {},
      h('div', { class: 'title' }, this.heading, this.tools),
      this.state,
      this.problem,
      h('section', { class: 'panel' }, this.facts),
      this.counters,
      this.explanation.element,
      this.history,
    );
    this.update();
    this.#explain();
  }

  leave() {
    this.#left.abort();
  }

  async #explain() {
    const { client } = this.#app;
    while (!this.#left.signal.aborted) {
      try {
        const ref = encodeURIComponent(this.#ref);
        this.explanation.show(await client.get(`tap_flows/${ref}/explain`, {}, this.#left.signal));
        setText(this.problem, '');
      } catch (error) {
        if (this.#left.signal.aborted) return;
        const gone = error instanceof APIError && error.status === 404;
        setText(this.problem, gone ? 'This tap flow does not exist any more.' : textOf(error));
      }
      await new Promise((resolve) => setTimeout(resolve, explainPause));
    }
  }

  update() {
    const { flows } = this.#app.store;
    const flow = flows.get(this.#ref) ?? [...flows.values()].find(({ name }) => name === this.#ref);
    if (!flow) return;

    this.#flow = flow;
    this.title = flow.name;
    setText(this.heading, flow.name);
    const { counters, ...others } = flow;
    const sign = JSON.stringify(others);
    if (sign !== this.#sign) this.#draw(flow);
    this.#sign = sign;
    fill(
      this.counters,
      h('h2', {}, `Counters: ${bitRate(rateOf(flow))}`),
      spark(this.#app.sampler.history.of(flow.id)),
      counterTable(counters),
    );
  }

  /** @param {Flow} f */
  #draw(f) {
    fill(this.state, badge(f.status), f.reason && h('span', { class: 'reason' }, f.reason));
    /** @type {[string, import('./h.js').Child][]} */
    const facts = [
      ['Source', sourceOf(f)],
      ['Direction', f.direction],
      ['Service', h('a', { href: routeTo('services', f.tap_id) }, f.tap_name)],
      ['Filter', f.filter && h('code', {}, f.filter)],
      ['Octets kept', f.snaplen ? String(f.snaplen) : ''],
      ['Connections kept', f.sample > 1 ? `one in ${f.sample}` : ''],
      ['VLAN tag', f.vlan === 'keep' ? '' : String(f.vlan)],
      [
        'Starts',
        f.starts_at ? `${moment(f.starts_at)} (${relative(f.starts_at, Date.now())})` : '',
      ],
      [
        'Expires',
        f.expires_at ? `${moment(f.expires_at)} (${relative(f.expires_at, Date.now())})` : 'never',
      ],
      ['Labels', labelText(f.labels)],
      ['Description', f.description],
      ['Id', f.id],
    ];
    fill(
      this.facts,
      facts
        .filter(([, value]) => value)
        .map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value))),
    );
    if (this.#app.may('operator')) this.#drawTools(f);
  }

  /** @param {Flow} f */
  #drawTools(f) {
    const app = this.#app;
    /** @type {Record<string, string>} */
    const capture =
      f.type === 'vnic'
        ? { guest: f.guest_id, mac: f.mac_addr }
        : { host: f.host_id, wire: f.wire_id };
    fill(
      this.tools,
      h(
        'button',
        { type: 'button', onclick: () => setEnabled(app, 'tap_flows', [f], !f.enabled) },
        f.enabled ? 'Disable' : 'Enable',
      ),
      h('button', { type: 'button', onclick: () => this.#edit() }, 'Edit'),
      h('button', { type: 'button', onclick: () => this.#expire() }, 'Expire'),
      h(
        'a',
        {
          class: 'button',
          href: routeTo('packets', '', { ...capture, filter: f.filter, direction: f.direction }),
        },
        'Packets',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'danger',
          onclick: async () => {
            if (await remove(app, 'tap_flows', [f])) location.hash = routeTo('flows');
          },
        },
        'Delete',
      ),
    );
  }

  /** @param {object} body */
  #patch(body) {
    return this.#app.client.patch(`tap_flows/${encodeURIComponent(this.#ref)}`, body);
  }

  #expire() {
    const choice = select(times, { value: '3600' });
    formDialog('When is it switched off?', [field('Runs for', choice)], 'Save', () =>
      this.#patch({ expires_at: after(choice.value) }),
    );
  }

  #edit() {
    const f = /** @type {Flow} */ (this.#flow);
    const services = [...this.#app.store.services.values()];
    const name = h('input', { value: f.name, required: true });
    const service = select(
      services.map((v) => [v.id, v.name]),
      { value: f.tap_id },
    );
    const direction = select(
      [
        ['BOTH', 'both'],
        ['IN', 'in'],
        ['OUT', 'out'],
      ],
      { value: f.direction },
    );
    /** @returns {Record<string, string>} */
    const source = () =>
      f.type === 'vnic'
        ? { guest_id: f.guest_id, mac_addr: f.mac_addr }
        : { host_id: f.host_id, wire_id: f.wire_id };
    const filter = new FilterField(this.#app, source, () => {}, f.filter);
    const snaplen = h('input', { type: 'number', min: 0, max: 65535, value: String(f.snaplen) });
    const sample = h('input', { type: 'number', min: 0, max: 256, value: String(f.sample) });
    const labels = h('input', { value: labelText(f.labels) });
    const description = h('input', { value: f.description });

    formDialog(
      `Edit ${f.name}`,
      [
        field('Name', name),
        field('Service', service),
        field('Direction', direction),
        filter.element,
        field('Octets kept of each frame', snaplen, '0 keeps whole frames, otherwise 64 or more.'),
        field('One connection in', sample, '0 keeps all.'),
        field('Labels', labels, 'Such as app=db, env=test'),
        field('Description', description),
      ],
      'Save',
      () =>
        this.#patch({
          name: name.value,
          tap_id: service.value,
          direction: direction.value,
          filter: filter.value || null,
          snaplen: Number(snaplen.value),
          sample: Number(sample.value),
          labels: parseLabels(labels.value, f.labels),
          description: description.value || null,
        }),
    );
  }
}
