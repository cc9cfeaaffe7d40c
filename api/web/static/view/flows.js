// The list of tap flows.

import { bitRate, labelText, relative } from '../model/format.js';
import { hasLabel } from '../model/list.js';
import { routeTo } from '../model/route.js';
import { bulkChanges } from './bulk.js';
import { nameColumn, statusColumn } from './columns.js';
import { h } from './h.js';
import { tableView } from './table.js';

/** @typedef {import('../model/types.js').Flow} Flow */

/** @param {Flow} f */
export const sourceOf = (f) => {
  if (f.type === 'selector') return f.selector ?? '';
  return f.type === 'vnic'
    ? `${f.guest_name || f.guest_id}${f.mac_addr ? ` ${f.mac_addr}` : ''}`
    : `${f.host_name || f.host_id} ${f.wire_id}${f.vlan_id ? ` VLAN ${f.vlan_id}` : ''}`;
};

/** @param {Flow} f */
export const rateOf = (f) => (f.counters.by_mac?.captured ?? f.counters.captured).bits_per_second;

/** @param {Flow} f */
const lossOf = (f) => f.counters.lost?.packets ?? 0;

/** @type {import('../model/list.js').Searchable<Flow>} */
export const flowSearch = {
  text: (f) =>
    [
      f.name,
      f.id,
      sourceOf(f),
      f.ip_addr,
      f.host_name,
      f.tap_name,
      f.filter,
      f.description,
      labelText(f.labels),
      f.reason,
    ].join(' '),
  keys: {
    status: (f, value) => f.status === value,
    host: (f, value) => f.host_name === value || f.host_id === value,
    service: (f, value) => f.tap_name === value || f.tap_id === value,
    label: (f, value) => hasLabel(f.labels, value),
  },
};

/** @type {import('./table.js').Column<Flow>[]} */
const columns = [
  nameColumn('flows'),
  statusColumn,
  { key: 'source', title: 'Source', cell: sourceOf, order: sourceOf },
  { key: 'direction', title: 'Direction', cell: (f) => f.direction, order: (f) => f.direction },
  {
    key: 'service',
    title: 'Service',
    cell: (f) => h('a', { href: routeTo('services', f.tap_id) }, f.tap_name),
    order: (f) => f.tap_name,
  },
  { key: 'rate', title: 'Rate', cell: (f) => bitRate(rateOf(f)), order: rateOf, number: true },
  { key: 'lost', title: 'Lost', cell: (f) => String(lossOf(f)), order: lossOf, number: true },
  {
    key: 'filter',
    title: 'Filter',
    cell: (f) => f.filter && h('code', {}, f.filter),
    order: (f) => f.filter,
  },
  {
    key: 'expires',
    title: 'Expires',
    cell: (f) => relative(f.expires_at, Date.now()),
    order: (f) => f.expires_at ?? '',
    sign: (f) => relative(f.expires_at, Date.now()),
  },
];

/** @type {import('./app.js').ViewMaker} */
export function flowsView(app, route) {
  const may = app.may('operator');
  return tableView(
    {
      title: 'Tap flows',
      view: 'flows',
      hint: 'words, status:error, host:h1, service:ids, label:app=db',
      items: () => app.store.flows.values(),
      columns,
      by: flowSearch,
      bulk: may ? bulkChanges(app, 'tap_flows') : [],
      extra: [may && h('a', { class: 'button primary', href: routeTo('new') }, 'Mirror a guest')],
    },
    route,
  );
}
