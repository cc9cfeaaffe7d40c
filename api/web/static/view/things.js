// The pages of one service, one host, and one guest.

import { textOf } from '../api/client.js';
import { bitRate, labelText } from '../model/format.js';
import { routeTo } from '../model/route.js';
import { historyPanel } from './audit.js';
import { remove, setEnabled } from './bulk.js';
import { counterTable, ExplanationView, scrolled, spark } from './explanation.js';
import { rateOf } from './flows.js';
import { fill, h, setText } from './h.js';
import { guestHosts } from './places.js';
import { targetOf } from './services.js';
import { badge } from './status.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./h.js').Child} Child */
/** @typedef {import('../model/types.js').Flow} Flow */
/**
 * @template T
 * @typedef {object} Thing
 * @property {string} kind as the audit log calls it
 * @property {() => Map<string, T>} all
 * @property {(item: T) => [string, Child][]} facts
 * @property {(item: T) => Child[]} tools
 * @property {(item: T) => Flow[]} flows
 * @property {(item: T) => Child[]} [more]
 */

/**
 * @template {{id: string, name: string}} T
 * @param {App} app
 * @param {string} ref id or name
 * @param {Thing<T>} thing
 * @param {HTMLElement} [extra]
 * @returns {import('./app.js').View}
 */
function thingView(app, ref, thing, extra) {
  const heading = h('h1');
  const tools = h('div', { class: 'buttons' });
  const facts = h('dl', { class: 'facts' });
  const more = h('div');
  const flows = h('tbody');
  let sign = '';

  const view = {
    title: ref,
    element: h(
      'article',
      {},
      h('div', { class: 'title' }, heading, tools),
      h('section', { class: 'panel' }, facts),
      more,
      h(
        'section',
        { class: 'panel' },
        h('h2', {}, 'Tap flows'),
        scrolled('Tap flows', h('table', {}, flows)),
      ),
      extra,
      historyPanel(app, thing.kind, ref),
    ),
    update() {
      const item =
        thing.all().get(ref) ?? [...thing.all().values()].find(({ name }) => name === ref);
      if (!item) return;
      view.title = item.name;
      setText(heading, item.name);
      const next = JSON.stringify({ ...item, counters: null });
      if (next !== sign) {
        fill(
          facts,
          thing
            .facts(item)
            .filter(([, v]) => v)
            .map(([title, v]) => h('div', {}, h('dt', {}, title), h('dd', {}, v))),
        );
        fill(tools, thing.tools(item));
      }
      sign = next;
      if (thing.more) fill(more, thing.more(item));
      fill(
        flows,
        thing
          .flows(item)
          .slice(0, 200)
          .map((f) =>
            h(
              'tr',
              {},
              h('td', {}, h('a', { href: routeTo('flows', f.id) }, f.name)),
              h('td', {}, badge(f.status)),
              h('td', {}, f.tap_name),
              h('td', { class: 'number' }, bitRate(rateOf(f))),
            ),
          ),
      );
    },
  };
  view.update();
  return view;
}

/** @type {import('./app.js').ViewMaker} */
export function serviceView(app, route) {
  const explanation = new ExplanationView();
  const problem = h('p', { class: 'problem', role: 'alert' });
  const left = new AbortController();
  const view = thingView(
    app,
    route.id,
    {
      kind: 'tap_service',
      all: () => app.store.services,
      facts: (v) => [
        ['Status', badge(v.status)],
        ['Reason', v.reason],
        ['Type', v.type],
        ['Target', targetOf(v)],
        ['Host', v.host_name],
        ['NIC', [v.ifname, v.mac_addr].filter(Boolean).join(' ')],
        ['Rate limit', v.rate_limit],
        ['Dedup', v.dedup ? 'yes' : ''],
        ['Labels', labelText(v.labels)],
        ['Description', v.description],
        ['NIC to plug', v.nic_xml && h('pre', { tabindex: 0 }, v.nic_xml)],
      ],
      tools: (v) =>
        app.may('operator')
          ? [
              h(
                'button',
                { type: 'button', onclick: () => setEnabled(app, 'tap_services', [v], !v.enabled) },
                v.enabled ? 'Disable' : 'Enable',
              ),
              h(
                'button',
                {
                  type: 'button',
                  class: 'danger',
                  onclick: async () => {
                    if (await remove(app, 'tap_services', [v])) location.hash = routeTo('services');
                  },
                },
                'Delete',
              ),
            ]
          : [],
      flows: (v) => [...app.store.flows.values()].filter((f) => f.tap_id === v.id),
      more: (v) => [
        h(
          'section',
          { class: 'panel' },
          h('h2', {}, 'Counters'),
          spark(app.sampler.history.of(v.id)),
          ...counterTable(v.counters),
        ),
      ],
    },
    h('div', {}, problem, explanation.element),
  );

  const explain = async () => {
    while (!left.signal.aborted) {
      try {
        explanation.show(
          await app.client.get(
            `tap_services/${encodeURIComponent(route.id)}/explain`,
            {},
            left.signal,
          ),
        );
        setText(problem, '');
      } catch (error) {
        if (!left.signal.aborted) setText(problem, textOf(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    }
  };
  explain();
  view.leave = () => left.abort();
  return view;
}

/** @type {import('./app.js').ViewMaker} */
export function hostView(app, route) {
  return thingView(app, route.id, {
    kind: 'host',
    all: () => app.store.hosts,
    facts: (v) => [
      ['Status', badge(v.status)],
      ['Reason', v.reason],
      ['Database', v.ovsdb],
      ['Tunnel address', v.tunnel_ip],
      ['Open vSwitch', v.ovs_version],
      ['Bridges', v.bridges.join(', ')],
      ['Wires', labelText(v.wires)],
      ['May still copy', v.may_still_copy.join(', ')],
      [
        'Lacks',
        v.lacks.length > 0 &&
          h(
            'ul',
            {},
            v.lacks.map((l) =>
              h('li', {}, `${l.code}${l.possible ? ' (perhaps)' : ''}: ${l.costs}`),
            ),
          ),
      ],
      [
        'Guests',
        h(
          'a',
          { href: routeTo('guests', '', { q: `host:${v.name}` }) },
          String(
            [...app.store.guests.values()].filter((g) => guestHosts(g).includes(v.name)).length,
          ),
        ),
      ],
      ['Labels', labelText(v.labels)],
      ['Description', v.description],
    ],
    tools: (v) =>
      app.may('operator')
        ? Object.keys(v.wires).map((wire) =>
            h(
              'a',
              { class: 'button', href: routeTo('packets', '', { host: v.id, wire }) },
              `Packets of ${wire}`,
            ),
          )
        : [],
    flows: (v) => [...app.store.flows.values()].filter((f) => f.host_id === v.id),
  });
}

/** @type {import('./app.js').ViewMaker} */
export function guestView(app, route) {
  return thingView(app, route.id, {
    kind: 'guest',
    all: () => app.store.guests,
    facts: (g) => [
      ['Id', g.id],
      ['State', g.state],
      [
        'NICs',
        h(
          'ul',
          {},
          g.nics.map((n) =>
            h(
              'li',
              {},
              [n.mac, n.ip_addrs.join(' '), n.host, n.bridge, n.port].filter(Boolean).join(' · '),
            ),
          ),
        ),
      ],
      ['Labels', labelText(g.labels)],
      ['Description', g.description],
    ],
    tools: (g) =>
      app.may('operator')
        ? [
            h(
              'a',
              { class: 'button primary', href: routeTo('new', '', { guest: g.id }) },
              'Mirror',
            ),
            h('a', { class: 'button', href: routeTo('packets', '', { guest: g.id }) }, 'Packets'),
          ]
        : [],
    flows: (g) => [...app.store.flows.values()].filter((f) => f.guest_id === g.id),
  });
}
