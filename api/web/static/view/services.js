// The list of tap services.

import { bitRate, labelText } from '../model/format.js';
import { hasLabel } from '../model/list.js';
import { routeTo } from '../model/route.js';
import { bulkChanges } from './bulk.js';
import { nameColumn, statusColumn } from './columns.js';
import { h } from './h.js';
import { tableView } from './table.js';

/** @typedef {import('../model/types.js').Service} Service */

/** @param {Service} v */
export function targetOf(v) {
  switch (v.type) {
    case 'remote':
      return `${v.address} ${v.encap} ${v.key ?? ''}`;
    case 'pool':
      return v.member_names.join(', ');
    default:
      return `${v.type} ${v.target_name || v.target_id}`;
  }
}

/** @type {import('../model/list.js').Searchable<Service>} */
const by = {
  text: (v) =>
    [
      v.name,
      v.id,
      targetOf(v),
      v.mac_addr,
      v.host_name,
      ...v.target_ips,
      v.description,
      labelText(v.labels),
      v.reason,
    ].join(' '),
  keys: {
    status: (v, value) => v.status === value,
    type: (v, value) => v.type === value,
    host: (v, value) => v.host_name === value || v.host_id === value,
    label: (v, value) => hasLabel(v.labels, value),
  },
};

/** @param {Service} v */
const rate = (v) => v.counters.delivered?.bits_per_second ?? v.counters.captured.bits_per_second;

/** @type {import('./table.js').Column<Service>[]} */
const columns = [
  nameColumn('services'),
  statusColumn,
  { key: 'type', title: 'Type', cell: (v) => v.type, order: (v) => v.type },
  { key: 'target', title: 'Target', cell: targetOf, order: targetOf },
  { key: 'host', title: 'Host', cell: (v) => v.host_name, order: (v) => v.host_name },
  {
    key: 'flows',
    title: 'Tap flows',
    cell: (v) =>
      h('a', { href: routeTo('flows', '', { q: `service:${v.name}` }) }, String(v.flow_count)),
    order: (v) => v.flow_count,
    number: true,
  },
  { key: 'rate', title: 'Rate', cell: (v) => bitRate(rate(v)), order: rate, number: true },
];

/** @type {import('./app.js').ViewMaker} */
export function servicesView(app, route) {
  const may = app.may('operator');
  return tableView(
    {
      title: 'Tap services',
      view: 'services',
      hint: 'words, status:ready, type:remote, host:h1, label:app=ids',
      items: () => app.store.services.values(),
      columns,
      by,
      bulk: may ? bulkChanges(app, 'tap_services') : [],
      extra: [may && h('a', { class: 'button', href: routeTo('new-service') }, 'New service')],
    },
    route,
  );
}
