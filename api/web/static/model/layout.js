// Where everything is on the map. Pure: the same cloud is laid out the same way.

import { plural } from './format.js';
import { sorted } from './list.js';
import { hostOf, pathsOf, sumsOf, worstOf } from './cloud.js';

/** @typedef {import('./types.js').Host} Host */
/** @typedef {import('./types.js').Guest} Guest */
/** @typedef {import('./types.js').Service} Service */
/** @typedef {import('./types.js').Flow} Flow */
/** @typedef {import('./cloud.js').Sums} Sums */
/** @typedef {{hosts: Host[], guests: Guest[], services: Service[], flows: Flow[]}} Part */
/**
 * @typedef {object} Box
 * @property {string} id of the host or service, 'group:NAME', or 'HOST/GUEST' for a guest
 * @property {'group' | 'host' | 'bridge' | 'guest' | 'service'} kind
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 * @property {string} title
 * @property {string} text
 * @property {string} status
 * @property {boolean} open whether what is in it is shown
 * @property {boolean} mirrored
 */
/**
 * @typedef {Sums & {
 *   id: string, x1: number, y1: number, x2: number, y2: number, title: string, service: string, names: string[]
 * }} Link
 */
/** @typedef {{boxes: Box[], links: Link[], width: number, height: number}} Layout */
/**
 * @typedef {object} Options
 * @property {Set<string>} open ids of hosts and groups whose inside is shown
 * @property {string} groupBy key of a label; '' for no groups
 */

const boxWidth = 190;
const gap = 22;
const headHeight = 50;
const bridgeHeight = 20;
const guestHeight = 22;
const serviceHeight = 58;
const between = 220; // from hosts to services

/**
 * @param {Part} part
 * @param {Options} options
 * @returns {Layout}
 */
export function layOut(part, options) {
  const places = new Places(part, options);
  places.placeHosts();
  places.placeServices();
  return { boxes: places.boxes, links: places.links(), width: places.width, height: places.height };
}

/** Collects boxes, and remembers where paths begin and end. */
class Places {
  #part;
  #options;
  /** @type {Map<string, Guest[]>} by id of the host */
  #guests = new Map();
  /** @type {Map<string, Flow[]>} by id of the host */
  #flows = new Map();
  /** @type {Map<string, Box>} the innermost box that is shown, by id of the guest or host */
  #shown = new Map();
  #paths;

  /** @type {Box[]} */
  boxes = [];
  width = 0;
  height = 0;

  /**
   * @param {Part} part
   * @param {Options} options
   */
  constructor(part, options) {
    this.#part = part;
    this.#options = options;
    this.#paths = pathsOf(part.flows, part.guests);
    for (const guest of sorted(part.guests, (g) => g.name, false))
      push(this.#guests, hostOf(guest), guest);
    for (const path of this.#paths)
      for (const flow of path.flows) push(this.#flows, path.host, flow);
  }

  placeHosts() {
    const hosts = sorted(this.#part.hosts, (v) => v.name, false);
    /** @type {Map<string, Host[]>} */
    const groups = new Map();
    for (const host of hosts)
      push(
        groups,
        this.#options.groupBy ? (host.labels[this.#options.groupBy] ?? 'others') : '',
        host,
      );

    /** @type {((x: number, y: number) => number)[]} each places one item, and returns its height */
    const items = [];
    for (const [name, members] of groups) {
      const id = `group:${name}`;
      if (this.#options.groupBy) items.push((x, y) => this.#group(id, name, members, x, y));
      if (!this.#options.groupBy || this.#options.open.has(id)) {
        for (const host of members) items.push((x, y) => this.#host(host, x, y));
      }
    }

    // Each item goes to the shortest column, so that those that are open leave no holes.
    const columns = new Array(
      Math.max(1, Math.min(16, Math.ceil(Math.sqrt(items.length / 1.6)))),
    ).fill(0);
    for (const place of items) {
      const column = columns.indexOf(Math.min(...columns));
      columns[column] += place(column * (boxWidth + gap), columns[column]) + gap;
    }
    this.width = columns.length * (boxWidth + gap);
    this.height = Math.max(...columns);
  }

  /**
   * @param {string} id
   * @param {string} name
   * @param {Host[]} hosts
   * @param {number} x
   * @param {number} y
   */
  #group(id, name, hosts, x, y) {
    const flows = hosts.flatMap((v) => this.#flows.get(v.id) ?? []);
    const box = this.#add({
      id,
      kind: 'group',
      x,
      y,
      width: boxWidth,
      height: headHeight,
      title: name,
      text: `${plural(hosts.length, 'host')}, ${plural(flows.length, 'tap flow')}`,
      status: worstOf([...hosts, ...flows].map((v) => v.status)),
      open: this.#options.open.has(id),
      mirrored: flows.length > 0,
    });
    for (const host of hosts) this.#shown.set(host.id, box);
    return box.height;
  }

  /**
   * @param {Host} host
   * @param {number} x
   * @param {number} y
   */
  #host(host, x, y) {
    const guests = this.#guests.get(host.id) ?? [];
    const flows = this.#flows.get(host.id) ?? [];
    const open = this.#options.open.has(host.id);
    const box = this.#add({
      id: host.id,
      kind: 'host',
      x,
      y,
      width: boxWidth,
      height: headHeight,
      title: host.name,
      text: `${plural(guests.length, 'guest')}, ${plural(flows.length, 'tap flow')}`,
      status: host.status,
      open,
      mirrored: flows.length > 0,
    });
    this.#shown.set(host.id, box);
    if (open) box.height = this.#inside(host, guests, box);
    return box.height;
  }

  /**
   * @param {Host} host
   * @param {Guest[]} guests
   * @param {Box} outer
   * @returns {number} the height of the host with its bridges and guests
   */
  #inside(host, guests, outer) {
    const bridges = new Map(host.bridges.map((name) => [name, /** @type {Guest[]} */ ([])]));
    for (const guest of guests)
      push(bridges, guest.nics.find((n) => n.host_id === host.id)?.bridge ?? '', guest);
    const sources = new Set(this.#paths.filter((p) => p.host === host.id).map((p) => p.from));

    let y = outer.y + headHeight;
    for (const [name, members] of bridges) {
      if (name === '' && members.length === 0) continue;
      const plain = { x: outer.x + 8, width: boxWidth - 16, text: '', open: false };
      this.#add({
        ...plain,
        id: `${host.id}/bridge/${name}`,
        kind: 'bridge',
        y,
        height: bridgeHeight,
        title: name || 'not plugged',
        status: '',
        mirrored: false,
      });
      y += bridgeHeight;
      for (const guest of members) {
        const box = this.#add({
          ...plain,
          id: `${host.id}/${guest.id}`,
          kind: 'guest',
          y,
          height: guestHeight - 3,
          title: guest.name,
          status: '',
          mirrored: sources.has(guest.id),
        });
        this.#shown.set(guest.id, box);
        y += guestHeight;
      }
    }
    return y - outer.y + 6;
  }

  placeServices() {
    const services = sorted(this.#part.services, (v) => v.name, false);
    const step = serviceHeight + gap;
    const perColumn = Math.max(1, Math.ceil(Math.max(this.height, 400) / step));
    const left = this.width + between;
    services.forEach((v, i) => {
      this.#add({
        id: v.id,
        kind: 'service',
        x: left + Math.floor(i / perColumn) * (boxWidth + gap),
        y: (i % perColumn) * step,
        width: boxWidth,
        height: serviceHeight,
        title: v.name,
        text: v.host_name || v.address || v.type,
        status: v.status,
        open: false,
        mirrored: false,
      });
    });
    this.width = left + Math.max(1, Math.ceil(services.length / perColumn)) * (boxWidth + gap);
    this.height = Math.max(this.height, Math.min(services.length, perColumn) * step);
  }

  /** @returns {Link[]} one for all paths between the same two boxes */
  links() {
    const services = new Map(this.boxes.filter((b) => b.kind === 'service').map((b) => [b.id, b]));
    /** @type {Map<string, {from: Box, to: Box, flows: Flow[]}>} */
    const bundles = new Map();
    for (const path of this.#paths) {
      const from = this.#shown.get(path.from) ?? this.#shown.get(path.host);
      const to = services.get(path.service);
      if (!from || !to) continue;
      const bundle = bundles.get(`${from.id} > ${to.id}`);
      if (bundle) bundle.flows.push(...path.flows);
      else bundles.set(`${from.id} > ${to.id}`, { from, to, flows: [...path.flows] });
    }
    return [...bundles].map(([id, { from, to, flows }]) => ({
      ...sumsOf(flows),
      id,
      service: to.id,
      names: flows.map((f) => f.id),
      title: `${from.title} to ${to.title}`,
      x1: from.x + from.width,
      y1: from.y + Math.min(from.height, headHeight) / 2,
      x2: to.x,
      y2: to.y + to.height / 2,
    }));
  }

  /** @param {Box} box */
  #add(box) {
    this.boxes.push(box);
    return box;
  }
}

/**
 * @template T
 * @param {Map<string, T[]>} map
 * @param {string} key
 * @param {T} value
 */
function push(map, key, value) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/**
 * The box that is next in a direction, for arrow keys.
 *
 * @param {Box[]} boxes
 * @param {Box} from
 * @param {string} key of the keyboard, such as ArrowLeft
 * @returns {Box | undefined}
 */
export function nextBox(boxes, from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
    key
  ] ?? [0, 0];
  let best;
  let least = Infinity;
  for (const box of boxes) {
    const x = box.x + box.width / 2 - from.x - from.width / 2;
    const y = box.y - from.y;
    const ahead = x * dx + y * dy;
    const aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (box === from || ahead <= 0) continue;
    const distance = ahead + 3 * aside;
    if (distance < least) [best, least] = [box, distance];
  }
  return best;
}
