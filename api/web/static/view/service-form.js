// The fields of a new tap service.

import { field, select } from './fields.js';
import { fill, h } from './h.js';

/** @typedef {import('./app.js').App} App */

/** @type {[string, string][]} */
const types = [
  ['guest', 'an extra NIC of a guest'],
  ['host', 'a physical NIC of a host'],
  ['remote', 'a collector elsewhere'],
  ['pool', 'a pool of services'],
];

/** @type {[string, string][]} */
const encaps = ['gre', 'vxlan', 'geneve', 'erspan1', 'erspan2'].map((e) => [e, e]);

/** Asks for what a service needs by its type. */
export class ServiceForm {
  #app;
  #onChange;
  /** @type {() => Record<string, unknown>} */
  #target = () => ({});

  type;
  name = h('input', { required: true, value: 'collector', oninput: () => this.#onChange() });
  limit = h('input', { placeholder: '10Mbit/s or 2000pps', onchange: () => this.#onChange() });
  dedup = h('input', { type: 'checkbox', onchange: () => this.#onChange() });
  details = h('div', { class: 'fields' });
  element;

  /**
   * @param {App} app
   * @param {() => void} onChange
   */
  constructor(app, onChange) {
    this.#app = app;
    this.#onChange = onChange;
    this.type = select(types, { onchange: () => this.#draw() });
    this.element = h(
      'div',
      { class: 'fields' },
      field('Service name', this.name),
      field('Copies go to', this.type),
      this.details,
      field(
        'Rate limit of each source host',
        this.limit,
        'Empty for none. Guests are never slowed down.',
      ),
      h(
        'label',
        { class: 'check' },
        this.dedup,
        ' Deliver a packet between two mirrored guests once',
      ),
    );
    this.#draw();
  }

  /** @returns {Record<string, unknown>} the body of the request that creates it */
  body() {
    /** @type {Record<string, unknown>} */
    const body = { name: this.name.value.trim(), type: this.type.value, ...this.#target() };
    if (this.limit.value) body.rate_limit = this.limit.value.trim();
    if (this.dedup.checked) body.dedup = true;
    return body;
  }

  #draw() {
    /** @type {Record<string, () => HTMLElement[]>} */
    const drawers = {
      guest: () => this.#drawGuest(),
      host: () => this.#drawHost(),
      remote: () => this.#drawRemote(),
      pool: () => this.#drawPool(),
    };
    fill(this.details, drawers[this.type.value]());
    this.#onChange();
  }

  #drawGuest() {
    const list = h(
      'datalist',
      { id: 'guests' },
      [...this.#app.store.guests.values()]
        .slice(0, 1000)
        .map((g) => h('option', { value: g.id }, g.name)),
    );
    const guest = h('input', { list: 'guests', required: true, oninput: () => this.#onChange() });
    this.#target = () => ({ target_id: guest.value.trim() });
    return [field('Guest', guest, 'Its id or name. The hypervisor plugs the NIC.'), list];
  }

  #drawHost() {
    const hosts = [...this.#app.store.hosts.values()];
    const nic = select([]);
    const host = select(
      hosts.map((v) => [v.id, v.name]),
      {
        onchange: () => {
          drawNICs();
          this.#onChange();
        },
      },
    );
    const drawNICs = () => {
      const nics = hosts.find(({ id }) => id === host.value)?.nics ?? [];
      fill(
        nic,
        nics.map((n) =>
          h(
            'option',
            { value: n.mac },
            `${n.name} ${n.mac}${n.used_by ? ` (used by ${n.used_by})` : ''}`,
          ),
        ),
      );
    };
    drawNICs();
    nic.addEventListener('change', () => this.#onChange());
    this.#target = () => ({ target_id: host.value, ...(nic.value && { mac_addr: nic.value }) });
    return [field('Host', host), field('NIC', nic)];
  }

  #drawRemote() {
    const change = { oninput: () => this.#onChange() };
    const address = h('input', { required: true, placeholder: '192.0.2.10', ...change });
    const encap = select(encaps, { value: 'vxlan', onchange: () => this.#onChange() });
    const key = h('input', { type: 'number', min: 0, ...change });
    const port = h('input', { type: 'number', min: 1, max: 65535, ...change });
    this.#target = () => ({
      address: address.value.trim(),
      encap: encap.value,
      ...(key.value && { key: Number(key.value) }),
      ...(port.value && { port: Number(port.value) }),
    });
    return [
      field('Address', address),
      field('Encapsulation', encap),
      field('Key, VNI or session', key, 'Empty for the lowest that is free.'),
      field('UDP port', port, 'Empty for that of the encapsulation.'),
    ];
  }

  #drawPool() {
    const members = [...this.#app.store.services.values()].filter(({ type }) => type !== 'pool');
    const boxes = members.map((v) =>
      h('input', { type: 'checkbox', value: v.id, onchange: () => this.#onChange() }),
    );
    this.#target = () => ({ members: boxes.filter((b) => b.checked).map((b) => b.value) });
    return [
      h(
        'fieldset',
        { class: 'radios' },
        h('legend', {}, 'Members'),
        members.map((v, i) => h('label', {}, boxes[i], ` ${v.name}`)),
      ),
    ];
  }
}
