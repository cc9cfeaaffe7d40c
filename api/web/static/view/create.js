// Mirrors a guest, or a virtual switch: a form that shows its plan before anything is done.

import { textOf } from '../api/client.js';
import { parseLabels } from '../model/labels.js';
import { routeTo } from '../model/route.js';
import { FilterField, after, field, radios, select, times } from './fields.js';
import { GuestPicker } from './guest-picker.js';
import { fill, h, setText } from './h.js';
import { PlanPanel } from './plan.js';
import { ServiceForm } from './service-form.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Change} Change */

const newService = 'new';
const planPause = 400; // ms

/** @type {import('./app.js').ViewMaker} */
export const createView = (app, route) => new CreateView(app, route.query.get('guest') ?? '');

class CreateView {
  #app;
  #wanted;
  #type = 'vnic';
  #direction = 'BOTH';
  #services = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  title = 'Mirror a guest';
  error = h('p', { class: 'problem', role: 'alert' });
  button = h('button', { type: 'submit', class: 'primary', disabled: true }, 'Mirror');
  name = h('input', { required: true, oninput: () => this.#planSoon() });
  labels = h('input', { placeholder: 'ticket=4711', onchange: () => this.#planSoon() });
  snaplen = h('input', {
    type: 'number',
    min: 0,
    max: 65535,
    value: '0',
    onchange: () => this.#planSoon(),
  });
  time = select(times, { onchange: () => this.#planSoon() });
  service = select([], { onchange: () => this.#drawService() });
  nic = select([], { onchange: () => this.#sourceChanged() });
  host = select([], { onchange: () => this.#drawWires() });
  wire = select([], { onchange: () => this.#sourceChanged() });
  serviceFields = h('div', { class: 'fields' });
  source = h('div', { class: 'fields' });

  /**
   * @param {App} app
   * @param {string} guest id of the one to begin with; '' for none
   */
  constructor(app, guest) {
    this.#app = app;
    this.#wanted = guest;
    this.picker = new GuestPicker(app, () => this.#sourceChanged());
    this.filter = new FilterField(
      app,
      () => this.#capture(),
      () => this.#planSoon(),
    );
    this.plan = new PlanPanel(app);
    this.serviceForm = new ServiceForm(app, () => this.#planSoon());
    this.plan.onDone = () => (this.button.disabled = !this.plan.done);
    this.element = this.#build();
    this.#drawSource();
    this.update();
  }

  #build() {
    /** @type {[string, string][]} */
    const types = [
      ['vnic', 'A guest’s NIC'],
      ['vswitch', 'The virtual switch of a host'],
    ];
    /** @type {[string, string][]} */
    const directions = [
      ['BOTH', 'both directions'],
      ['IN', 'in'],
      ['OUT', 'out'],
    ];
    return h(
      'form',
      { class: 'create', onsubmit: (/** @type {SubmitEvent} */ event) => this.#submit(event) },
      h('h1', {}, 'Mirror a guest'),
      h(
        'div',
        { class: 'columns' },
        h(
          'div',
          { class: 'fields panel' },
          radios('What', 'type', types, 'vnic', (value) => {
            this.#type = value;
            this.#drawSource();
          }),
          this.source,
          radios('Direction', 'direction', directions, 'BOTH', (value) => {
            this.#direction = value;
            this.#planSoon();
          }),
          this.filter.element,
          field('Copies go to', this.service),
          this.serviceFields,
          field('Runs for', this.time),
          h(
            'details',
            {},
            h('summary', {}, 'More'),
            field('Name', this.name),
            field(
              'Octets kept of each frame',
              this.snaplen,
              '0 keeps whole frames, otherwise 64 or more.',
            ),
            field('Labels', this.labels),
          ),
        ),
        h(
          'div',
          { class: 'panel' },
          h('h2', {}, 'Plan'),
          this.plan.element,
          this.error,
          this.button,
        ),
      ),
    );
  }

  update() {
    const { guests, services } = this.#app.store;
    const wanted = this.#wanted && guests.get(this.#wanted);
    if (wanted) {
      this.#wanted = '';
      this.picker.pick(wanted);
    }
    this.picker.refresh();

    const list = [...services.values()].map((v) => `${v.id}\n${v.name} (${v.status})`);
    const sign = list.join('\n\n');
    if (sign === this.#services && this.service.options.length > 0) return;
    this.#services = sign;
    const before = this.service.value;
    fill(
      this.service,
      list.map((line) => {
        const [id, text] = line.split('\n');
        return h('option', { value: id }, text);
      }),
      h('option', { value: newService }, 'a new service …'),
    );
    const ready = [...services.values()].find(({ status }) => status === 'ready');
    this.service.value = services.has(before)
      ? before
      : (ready?.id ?? this.service.options[0].value);
    this.#drawService();
  }

  #drawService() {
    fill(this.serviceFields, this.service.value === newService && this.serviceForm.element);
    this.#planSoon();
  }

  #drawSource() {
    if (this.#type === 'vnic') {
      fill(this.source, this.picker.element);
    } else {
      const hosts = [...this.#app.store.hosts.values()];
      fill(
        this.host,
        hosts.map((v) => h('option', { value: v.id }, v.name)),
      );
      fill(this.source, field('Host', this.host), field('Wire', this.wire));
      this.#drawWires();
    }
    this.#sourceChanged();
  }

  #drawWires() {
    const wires = this.#app.store.hosts.get(this.host.value)?.wires ?? {};
    fill(
      this.wire,
      Object.entries(wires).map(([wire, bridge]) =>
        h('option', { value: wire }, `${wire} (${bridge})`),
      ),
    );
    this.#sourceChanged();
  }

  #sourceChanged() {
    const guest = this.picker.guest;
    if (this.#type === 'vnic') {
      const macs = guest?.nics.map((n) => n.mac) ?? [];
      if (macs.join() !== [...this.nic.options].map((o) => o.value).join()) {
        fill(
          this.nic,
          guest?.nics.map((n) =>
            h('option', { value: n.mac }, `${n.mac} ${n.ip_addrs.join(' ')} ${n.bridge}`),
          ) ?? [],
        );
        fill(this.source, this.picker.element, macs.length > 1 && field('NIC', this.nic));
      }
    }
    if (!this.name.value || this.name.value === this.suggested)
      this.name.value = this.suggested = this.#suggest();
    this.filter.check();
  }

  /** A name that is free. */
  #suggest() {
    const base =
      this.#type === 'vnic'
        ? (this.picker.guest?.name ?? '')
        : `${this.#app.store.hosts.get(this.host.value)?.name ?? ''}-${this.wire.value}`;
    const taken = new Set([...this.#app.store.flows.values()].map(({ name }) => name));
    let name = base.replace(/\//g, '-').replace(/^-+/, '');
    for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
    return name;
  }

  suggested = '';

  /** @returns {Record<string, string> | null} the source, if it is chosen */
  #sourceFields() {
    if (this.#type === 'vswitch') {
      return this.wire.value ? { host_id: this.host.value, wire_id: this.wire.value } : null;
    }
    return this.picker.guest ? { guest_id: this.picker.guest.id, mac_addr: this.nic.value } : null;
  }

  #capture() {
    return this.#sourceFields();
  }

  /** @param {string} service id, or name of a new one */
  #flowBody(service) {
    /** @type {Record<string, unknown>} */
    const body = {
      name: this.name.value.trim(),
      type: this.#type,
      tap_id: service,
      direction: this.#direction,
      ...this.#sourceFields(),
    };
    if (this.filter.value) body.filter = this.filter.value;
    if (Number(this.snaplen.value)) body.snaplen = Number(this.snaplen.value);
    if (this.time.value) body.expires_at = after(this.time.value);
    if (this.labels.value) body.labels = parseLabels(this.labels.value);
    return body;
  }

  /** @returns {Change[]} what the button does, in order */
  #changes() {
    const isNew = this.service.value === newService;
    const body = this.serviceForm.body();
    const service = isNew ? String(body.name) : this.service.value;
    /** @type {Change[]} */
    const changes = [];
    if (isNew) changes.push({ action: 'create', kind: 'tap_service', body });
    if (isNew || !this.#app.store.services.get(service)?.enabled) {
      changes.push({ action: 'enable', kind: 'tap_service', ref: service });
    }
    changes.push({ action: 'create', kind: 'tap_flow', body: this.#flowBody(service) });
    return changes;
  }

  #planSoon() {
    clearTimeout(this.#timer);
    if (!this.#sourceFields()) return this.plan.wait('Choose what to mirror.');
    if (this.filter.wrong) return this.plan.wait('The filter is not right yet.');

    this.plan.wait('Planning …');
    this.#timer = setTimeout(() => this.plan.show(this.#changes()), planPause);
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    if (!this.plan.done) return;

    this.button.disabled = true;
    setText(this.error, '');
    try {
      let made;
      for (const change of this.#changes()) made = await this.#do(change);
      location.hash = routeTo('flows', made.id);
    } catch (error) {
      setText(this.error, textOf(error));
      this.button.disabled = false;
    }
  }

  /** @param {Change} change */
  #do({ action, kind, ref = '', body }) {
    if (action === 'create') return this.#app.client.post(`${kind}s`, body);
    return this.#app.client.post(`${kind}s/${encodeURIComponent(ref)}/${action}`);
  }

  leave() {
    clearTimeout(this.#timer);
    this.plan.wait('');
  }
}

/** @type {import('./app.js').ViewMaker} */
export function newServiceView(app) {
  const error = h('p', { class: 'problem', role: 'alert' });
  const form = new ServiceForm(app, () => {});
  const enable = h('input', { type: 'checkbox', checked: true });

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    try {
      const made = await app.client.post('tap_services', form.body());
      if (enable.checked) await app.client.post(`tap_services/${made.id}/enable`);
      location.hash = routeTo('services', made.id);
    } catch (problem) {
      setText(error, textOf(problem));
    }
  };

  return {
    title: 'New tap service',
    element: h(
      'form',
      { class: 'create', onsubmit: submit },
      h('h1', {}, 'New tap service'),
      h(
        'div',
        { class: 'panel fields' },
        form.element,
        h('label', { class: 'check' }, enable, ' Enable it'),
        error,
        h('button', { type: 'submit', class: 'primary' }, 'Create'),
      ),
    ),
  };
}
