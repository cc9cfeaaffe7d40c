// The lists of hosts and of guests.

import { labelText } from '../model/format.js';
import { hasLabel } from '../model/list.js';
import { routeTo } from '../model/route.js';
import { labelsColumn, nameColumn, statusColumn } from './columns.js';
import { h } from './h.js';
import { badge } from './status.js';
import { tableView } from './table.js';

/** @typedef {import('../model/types.js').Host} Host */
/** @typedef {import('../model/types.js').Guest} Guest */

/** @type {import('./table.js').Column<Host>[]} */
const hostColumns = [
  nameColumn('hosts'),
  statusColumn,
  { key: 'tunnel', title: 'Tunnel address', cell: (v) => v.tunnel_ip, order: (v) => v.tunnel_ip },
  { key: 'ovs', title: 'Open vSwitch', cell: (v) => v.ovs_version, order: (v) => v.ovs_version },
  {
    key: 'bridges',
    title: 'Bridges',
    cell: (v) => v.bridges.join(', '),
    order: (v) => v.bridges.join(),
  },
  labelsColumn,
];

/** @type {import('./app.js').ViewMaker} */
export function hostsView(app, route) {
  return tableView(
    {
      title: 'Hosts',
      view: 'hosts',
      hint: 'words, status:ready, label:rack=a',
      items: () => app.store.hosts.values(),
      columns: hostColumns,
      by: {
        text: (v) =>
          [v.name, v.id, v.tunnel_ip, v.ovsdb, v.ovs_version, labelText(v.labels), v.reason].join(
            ' ',
          ),
        keys: {
          status: (v, value) => v.status === value,
          label: (v, value) => hasLabel(v.labels, value),
        },
      },
      bulk: [],
    },
    route,
  );
}

/** @param {Guest} g */
export const guestHosts = (g) => [
  ...new Set([g.host, ...g.nics.map((n) => n.host)].filter(Boolean)),
];

/** @param {Guest} g */
const addresses = (g) => g.nics.flatMap((n) => n.ip_addrs).join(', ');

/** @type {import('../model/list.js').Searchable<Guest>} */
export const guestSearch = {
  text: (g) =>
    [
      g.name,
      g.id,
      labelText(g.labels),
      ...guestHosts(g),
      ...g.nics.flatMap((n) => [n.mac, n.port, ...n.ip_addrs]),
    ].join(' '),
  keys: {
    host: (g, value) => guestHosts(g).includes(value) || g.host_id === value,
    label: (g, value) => hasLabel(g.labels, value),
  },
};

/** @type {import('./app.js').ViewMaker} */
export function guestsView(app, route) {
  const may = app.may('operator');
  /** @type {import('./table.js').Column<Guest>[]} */
  const columns = [
    nameColumn('guests'),
    {
      key: 'host',
      title: 'Host',
      cell: (g) => guestHosts(g).join(', '),
      order: (g) => guestHosts(g).join(),
    },
    {
      key: 'mac',
      title: 'MAC',
      cell: (g) => g.nics.map((n) => n.mac).join(', '),
      order: (g) => g.nics[0]?.mac ?? '',
    },
    { key: 'ip', title: 'IP', cell: addresses, order: addresses },
    labelsColumn,
    {
      key: 'plugged',
      title: 'Plugged',
      cell: (g) => badge(plugged(g) ? 'ready' : 'disabled', plugged(g) ? 'yes' : 'no'),
      order: (g) => (plugged(g) ? 'yes' : 'no'),
    },
  ];
  if (may) {
    columns.push({
      key: 'actions',
      title: 'Mirror',
      cell: (g) =>
        h(
          'a',
          { href: routeTo('new', '', { guest: g.id }), 'aria-label': `Mirror ${g.name}` },
          'Mirror',
        ),
      order: () => '',
    });
  }

  return tableView(
    {
      title: 'Guests',
      view: 'guests',
      hint: 'name, IP, MAC, host:h1, label:app=db',
      items: () => app.store.guests.values(),
      columns,
      by: guestSearch,
      bulk: [],
    },
    route,
  );
}

/** @param {Guest} g */
const plugged = (g) => g.nics.some((n) => n.port !== '');
