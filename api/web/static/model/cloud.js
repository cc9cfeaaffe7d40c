// What the map shows: hosts with what is on them, services, and the paths between them.

import { labelText } from './format.js';
import { hasLabel, parseQuery } from './list.js';

/** @typedef {import('./types.js').Host} Host */
/** @typedef {import('./types.js').Guest} Guest */
/** @typedef {import('./types.js').Service} Service */
/** @typedef {import('./types.js').Flow} Flow */
/** @typedef {import('./types.js').Status} Status */
/** @typedef {{hosts: Iterable<Host>, guests: Iterable<Guest>, services: Iterable<Service>, flows: Iterable<Flow>}} Cloud */
/**
 * A path: all tap flows from one place to one service.
 *
 * @typedef {object} Path
 * @property {string} from id of the guest or host that is mirrored
 * @property {string} host id of its host
 * @property {string} service id
 * @property {Flow[]} flows
 */
/**
 * @typedef {object} Sums
 * @property {number} flows
 * @property {number} rate bits a second
 * @property {number} lost packets
 * @property {boolean} cut whether copies are cut to fit
 * @property {Status} status the worst one
 */

/** @type {Status[]} the worst first; what is switched off hides nothing else */
const worst = ['error', 'pending', 'deleting', 'ready', 'disabled'];

/**
 * @param {Status[]} statuses
 * @returns {Status}
 */
export const worstOf = (statuses) =>
  worst.find((status) => statuses.includes(status)) ?? 'disabled';

/**
 * @param {Flow[]} flows
 * @returns {Sums}
 */
export function sumsOf(flows) {
  const sums = {
    flows: flows.length,
    rate: 0,
    lost: 0,
    cut: false,
    status: worstOf(flows.map((f) => f.status)),
  };
  for (const { counters } of flows) {
    sums.rate += (counters.by_mac?.captured ?? counters.captured).bits_per_second;
    sums.lost = Math.max(sums.lost, counters.lost?.packets ?? 0);
    sums.cut ||= counters.cut !== null;
  }
  return sums;
}

/**
 * @param {Guest} guest
 * @returns {string} id of the host where it is; '' if it is nowhere
 */
export const hostOf = (guest) => guest.nics.find((n) => n.host_id)?.host_id ?? guest.host_id;

const keys = ['status', 'host', 'service', 'label'];

/**
 * Leaves only what a search matches, what is mirrored from there, and where that goes.
 *
 * @param {Cloud} cloud
 * @param {string} query words, and terms such as status:error
 * @param {boolean} mirroredOnly leaves out hosts without tap flows
 * @returns {{hosts: Host[], guests: Guest[], services: Service[], flows: Flow[]}}
 */
export function choosePart(cloud, query, mirroredOnly) {
  const all = {
    hosts: [...cloud.hosts],
    guests: [...cloud.guests],
    services: [...cloud.services],
    flows: [...cloud.flows],
  };
  const terms = parseQuery(query, keys);
  if (terms.length === 0 && !mirroredOnly) return all;

  const about = aboutAll(all);
  /** @param {About} a */
  const matches = (a) =>
    terms.every(({ key, value }) => (key ? a.has(key, value) : a.text.includes(value)));
  const flows = all.flows.filter((f) => matches(about.flow(f)));
  const guests = all.guests.filter((g) => matches(about.guest(g)));

  const sources = new Set(flows.map((f) => f.host_id || hostIDOf(f, about)));
  if (!mirroredOnly) for (const g of guests) sources.add(hostOf(g));
  const targets = new Set(flows.map((f) => f.tap_id));
  const hosts = all.hosts.filter(
    (v) => sources.has(v.id) || (!mirroredOnly && matches(about.host(v))),
  );
  const shown = new Set(hosts.map(({ id }) => id));
  return {
    hosts,
    guests: all.guests.filter((g) => shown.has(hostOf(g))),
    services: all.services.filter(
      (v) => targets.has(v.id) || (!mirroredOnly && matches(about.service(v))),
    ),
    flows,
  };
}

/** @typedef {{text: string, has: (key: string, value: string) => boolean}} About */

/** @param {{hosts: Host[], guests: Guest[]}} all */
function aboutAll({ hosts, guests }) {
  const hostByID = new Map(hosts.map((v) => [v.id, v]));
  const guestByID = new Map(guests.map((g) => [g.id, g]));

  /**
   * @param {string[]} texts
   * @param {Record<string, string>} labels
   * @param {Record<string, string[]>} fields
   * @returns {About}
   */
  const about = (texts, labels, fields) => ({
    text: [...texts, labelText(labels)].join(' ').toLowerCase(),
    has: (key, value) =>
      key === 'label' ? hasLabel(labels, value) : (fields[key] ?? []).includes(value),
  });
  /** @param {string} id */
  const names = (id) => [id, hostByID.get(id)?.name ?? ''];

  return {
    guestByID,
    /** @param {Host} v */
    host: (v) =>
      about([v.name, v.tunnel_ip], v.labels, { status: [v.status], host: [v.id, v.name] }),
    /** @param {Guest} g */
    guest: (g) =>
      about([g.name, g.id, ...g.nics.flatMap((n) => [n.mac, ...n.ip_addrs])], g.labels, {
        host: names(hostOf(g)),
      }),
    /** @param {Service} v */
    service: (v) =>
      about([v.name, v.target_name, v.address], v.labels, {
        status: [v.status],
        service: [v.id, v.name],
        host: names(v.host_id),
      }),
    /** @param {Flow} f */
    flow: (f) => {
      const guest = guestByID.get(f.guest_id);
      const host = f.host_id || (guest ? hostOf(guest) : '');
      return about(
        [f.name, f.guest_name, f.mac_addr, f.ip_addr, f.tap_name, f.filter, ...names(host)],
        { ...guest?.labels, ...hostByID.get(host)?.labels, ...f.labels },
        { status: [f.status], host: names(host), service: [f.tap_id, f.tap_name] },
      );
    },
  };
}

/**
 * @param {Flow} flow
 * @param {{guestByID: Map<string, Guest>}} about
 */
function hostIDOf(flow, { guestByID }) {
  const guest = guestByID.get(flow.guest_id);
  return guest ? hostOf(guest) : '';
}

/**
 * @param {Flow[]} flows
 * @param {Guest[]} guests
 * @returns {Path[]} by where they begin and end
 */
export function pathsOf(flows, guests) {
  const guestByID = new Map(guests.map((g) => [g.id, g]));
  /** @type {Map<string, Path>} */
  const paths = new Map();
  for (const f of flows) {
    const guest = guestByID.get(f.guest_id);
    const host = f.type === 'vswitch' || !guest ? f.host_id : hostOf(guest);
    const from = f.type === 'vnic' ? f.guest_id : f.host_id;
    const key = `${from}\n${f.tap_id}`;
    const path = paths.get(key);
    if (path) path.flows.push(f);
    else paths.set(key, { from, host, service: f.tap_id, flows: [f] });
  }
  return [...paths.values()];
}
