// The map: hosts with their guests, services, and what goes from the former to the latter.

import { bitRate, count, plural } from '../model/format.js';
import { choosePart } from '../model/cloud.js';
import { layOut, nextBox } from '../model/layout.js';
import { routeTo } from '../model/route.js';
import { Camera } from './camera.js';
import { select } from './fields.js';
import { fill, h, keyed, s, setText } from './h.js';
import { savePNG, saveSVG } from './picture.js';
import { shape } from './status.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/layout.js').Box} Box */
/** @typedef {import('../model/layout.js').Link} Link */

const manyHosts = 60; // are grouped at first, if they have labels
const labelledLinks = 60; // are the most that have their rate written beside them

/** @type {import('./app.js').ViewMaker} */
export const mapView = (app, route) => new MapView(app, route.query);

class MapView {
  #app;
  /** @type {Set<string>} */
  #open = new Set();
  #focus = '';
  #fitted = false;
  #onResize = () => this.camera.fit();
  #grouped = false;
  #groupKeys = '';
  /** @type {import('../model/layout.js').Layout} */
  #layout = { boxes: [], links: [], width: 0, height: 0 };

  title = 'Map';
  search = h('input', {
    type: 'search',
    placeholder: 'words, status:error, host:h1, service:ids, label:app=db',
    'aria-label': 'Search the map',
    oninput: () => this.#refit(),
  });
  group = select([['', 'not grouped']], {
    'aria-label': 'Group hosts',
    onchange: () => this.#refit(),
  });
  mirrored = h('input', { type: 'checkbox', onchange: () => this.#refit() });
  summary = h('span', { class: 'summary', role: 'status' });
  links = s('g', { class: 'links' });
  boxes = s('g', { class: 'boxes' });
  world = s('g', {}, this.links, this.boxes);
  svg = s(
    'svg',
    {
      role: 'group',
      'aria-label': 'Map. Arrow keys move between boxes, Enter opens one.',
    },
    this.world,
  );
  frame = h('div', { class: 'map' }, this.svg);
  camera = new Camera(this.frame, this.svg, this.world);
  element;

  /**
   * @param {App} app
   * @param {URLSearchParams} query
   */
  constructor(app, query) {
    this.#app = app;
    this.search.value = query.get('q') ?? '';
    /** @param {string} text @param {string} label @param {() => void} onclick */
    const tool = (text, label, onclick) =>
      h('button', { type: 'button', 'aria-label': label, onclick }, text);
    this.element = h(
      'section',
      { class: 'map-view' },
      h(
        'div',
        { class: 'tools' },
        h('h1', { class: 'visually-hidden' }, 'Map'),
        this.search,
        this.group,
        h('label', { class: 'check' }, this.mirrored, ' Only what is mirrored'),
        this.summary,
        tool('Unfold', 'Unfold all', () => this.#foldAll(false)),
        tool('Fold', 'Fold all', () => this.#foldAll(true)),
        tool('+', 'Zoom in', () => this.camera.zoom(1.3)),
        tool('−', 'Zoom out', () => this.camera.zoom(1 / 1.3)),
        tool('Fit', 'Fit', () => this.camera.fit()),
        tool('SVG', 'Save as SVG', () => saveSVG(this.svg, this.#layout)),
        tool('PNG', 'Save as PNG', () => savePNG(this.svg, this.#layout)),
      ),
      this.frame,
      legend(),
    );
    window.addEventListener('resize', this.#onResize);
    this.svg.addEventListener('keydown', (event) => this.#onKey(event));
    this.update();
  }

  #refit() {
    this.#fitted = false;
    this.update();
  }

  update() {
    const { store } = this.#app;
    this.#offerGroups();
    const cloud = {
      hosts: store.hosts.values(),
      guests: store.guests.values(),
      services: store.services.values(),
      flows: store.flows.values(),
    };
    const part = choosePart(cloud, this.search.value, this.mirrored.checked);
    this.#layout = layOut(part, { open: this.#open, groupBy: this.group.value });
    setText(
      this.summary,
      `${plural(part.hosts.length, 'host')}, ${plural(part.guests.length, 'guest')}, ${plural(part.flows.length, 'tap flow')}`,
    );

    if (!this.#layout.boxes.some(({ id }) => id === this.#focus))
      this.#focus = this.#layout.boxes[0]?.id ?? '';
    keyed(
      this.boxes,
      this.#layout.boxes,
      (b) => b.id,
      (b) => this.#box(b),
      (g, b) => this.#refreshBox(g, b),
    );
    const labelled = this.#layout.links.length <= labelledLinks;
    keyed(
      this.links,
      this.#layout.links,
      (l) => l.id,
      (l) => this.#link(l, labelled),
      (g, l) => this.#refreshLink(g, l, labelled),
    );

    this.camera.resize(this.#layout);
    if (!this.#fitted && this.#layout.boxes.length > 0 && this.svg.isConnected) {
      this.#fitted = true;
      this.camera.fit();
    }
  }

  /** Offers the keys of hosts' labels. Many hosts are grouped by the first one. */
  #offerGroups() {
    const { hosts } = this.#app.store;
    const known = [...new Set([...hosts.values()].flatMap((v) => Object.keys(v.labels)))].sort();
    if (known.join('\n') !== this.#groupKeys) {
      const before = this.group.value;
      fill(
        this.group,
        h('option', { value: '' }, 'not grouped'),
        known.map((key) => h('option', { value: key }, `by ${key}`)),
      );
      this.group.value = known.includes(before) ? before : '';
      this.#groupKeys = known.join('\n');
    }
    if (!this.#grouped && hosts.size > manyHosts && known.length > 0) this.group.value = known[0];
    this.#grouped ||= hosts.size > 0;
  }

  /** @param {Box} box */
  #box(box) {
    const opens = box.kind === 'host' || box.kind === 'group';
    const element = s(
      'g',
      {
        class: `box box-${box.kind}`,
        role: box.kind === 'bridge' ? 'presentation' : 'button',
        onclick: () => !this.camera.moved && this.#activate(box.id),
        onfocus: () => this.#focusOn(box.id),
      },
      s('rect', { rx: 6 }),
      s('text', {
        class: 'box-title',
        x: 28,
        y: box.kind === 'guest' || box.kind === 'bridge' ? 14 : 20,
      }),
      box.text !== '' && s('text', { class: 'box-text', x: 28, y: 38 }),
      s('g', {
        class: 'mark',
        transform: `translate(7 ${box.kind === 'guest' || box.kind === 'bridge' ? 3 : 8})`,
      }),
      opens && s('text', { class: 'box-fold', x: box.width - 18, y: 20, 'aria-hidden': 'true' }),
    );
    this.#refreshBox(element, box);
    return element;
  }

  /**
   * @param {Element} element
   * @param {Box} box
   */
  #refreshBox(element, box) {
    set(element, 'transform', `translate(${box.x} ${box.y})`);
    set(element, 'tabindex', box.id === this.#focus ? '0' : '-1');
    const sign = [
      box.width,
      box.height,
      box.title,
      box.text,
      box.status,
      box.open,
      box.mirrored,
    ].join('\n');
    if (!changed(element, sign)) return;

    const [rect, title, ...others] = element.children;
    set(rect, 'width', String(box.width));
    set(rect, 'height', String(box.height));
    setText(title, shorten(box.title, box.kind === 'guest' ? 20 : 18));
    const mark = /** @type {Element} */ (others.find((e) => e.classList.contains('mark')));
    const text = others.find((e) => e.classList.contains('box-text'));
    const fold = others.find((e) => e.classList.contains('box-fold'));
    if (text) setText(text, box.text);
    if (fold) setText(fold, box.open ? '▾' : '▸');
    if (fold) set(element, 'aria-expanded', String(box.open));

    set(mark, 'class', `mark status-${box.status || (box.mirrored ? 'ready' : 'none')}`);
    fill(
      mark,
      box.status ? shape(box.status) : box.mirrored && s('circle', { cx: 8, cy: 8, r: 4 }),
    );
    element.classList.toggle('mirrored', box.mirrored);
    const state = [box.status, box.mirrored && box.kind === 'guest' && 'mirrored', box.text]
      .filter(Boolean)
      .join(', ');
    if (box.kind !== 'bridge')
      set(element, 'aria-label', `${box.kind} ${box.title}${state && `: ${state}`}`);
  }

  /** @param {Link} link @param {boolean} labelled */
  #link(link, labelled) {
    const element = s(
      'g',
      {
        class: 'link',
        onclick: () =>
          !this.camera.moved &&
          (location.hash = routeTo(
            'flows',
            link.names.length === 1 ? link.names[0] : '',
            link.names.length === 1 ? {} : { q: `service:${link.service}` },
          )),
      },
      s('title'),
      s('path', { class: 'link-hit' }),
      s('path', { class: 'link-line' }),
      s('g', { class: 'link-mark' }),
      s('text', { class: 'link-text' }),
    );
    this.#refreshLink(element, link, labelled);
    return element;
  }

  /**
   * @param {Element} element
   * @param {Link} link
   * @param {boolean} labelled
   */
  #refreshLink(element, link, labelled) {
    const { x1, y1, x2, y2 } = link;
    const rate = bitRate(link.rate);
    if (
      !changed(
        element,
        [x1, y1, x2, y2, rate, link.lost, link.cut, link.status, link.flows, labelled].join(),
      )
    )
      return;

    const [title, hit, line, mark, text] = element.children;
    const middle = (x1 + x2) / 2;
    const path = `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
    set(element, 'class', `link status-${link.status}`);
    set(hit, 'd', path);
    set(line, 'd', path);
    set(line, 'stroke-width', (1 + Math.max(0, Math.log10(link.rate + 1) - 2)).toFixed(1));
    set(mark, 'transform', `translate(${middle - 8} ${(y1 + y2) / 2 - 8})`);
    fill(mark, shape(link.status));

    const words = [rate, link.lost > 0 && `⚠ ${count(link.lost)} lost`, link.cut && '✂ cut']
      .filter(Boolean)
      .join(' ');
    set(text, 'x', String(middle + 12));
    set(text, 'y', String((y1 + y2) / 2 - 6));
    setText(text, labelled || link.status === 'error' ? words : '');
    setText(title, `${link.title}: ${plural(link.flows, 'tap flow')}, ${link.status}, ${words}`);
  }

  /** @param {string} id of a box */
  #activate(id) {
    const box = this.#layout.boxes.find((b) => b.id === id);
    if (!box) return;
    if (box.kind === 'service') location.hash = routeTo('services', box.id);
    if (box.kind === 'guest')
      location.hash = routeTo('guests', box.id.slice(box.id.indexOf('/') + 1));
    if (box.kind !== 'host' && box.kind !== 'group') return;

    if (!this.#open.delete(id)) this.#open.add(id);
    this.#focus = id;
    this.update();
  }

  /** @param {boolean} folded */
  #foldAll(folded) {
    const { hosts } = this.#app.store;
    const groups = [...hosts.values()].map(
      (v) => `group:${v.labels[this.group.value] ?? 'others'}`,
    );
    this.#open = folded ? new Set() : new Set([...hosts.keys(), ...groups]);
    this.#refit();
  }

  /** @param {string} id of a box */
  #focusOn(id) {
    if (this.#focus === id) return;
    this.boxes.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
    this.#focus = id;
    document.activeElement?.setAttribute('tabindex', '0');
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const boxes = this.#layout.boxes.filter((b) => b.kind !== 'bridge');
    const from = boxes.find((b) => b.id === this.#focus);
    if (!from) return;

    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.#activate(from.id);
      return;
    }
    const next = nextBox(boxes, from, event.key);
    if (!next) return;
    event.preventDefault();
    const at = this.#layout.boxes.indexOf(next);
    /** @type {SVGElement} */ (this.boxes.children[at]).focus({ preventScroll: true });
    this.camera.show(next);
  }

  leave() {
    window.removeEventListener('resize', this.#onResize);
    this.camera.stop();
  }
}

/** @param {Element} element @param {string} name @param {string} value */
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {any} element @param {string} sign @returns {boolean} whether it shows something else by now */
function changed(element, sign) {
  if (element.sign === sign) return false;
  element.sign = sign;
  return true;
}

/** @param {string} text @param {number} most */
const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function legend() {
  return h(
    'p',
    { class: 'legend' },
    ['ready', 'pending', 'error', 'disabled'].map((status) =>
      h(
        'span',
        { class: `badge status-${status}` },
        s('svg', { viewBox: '0 0 16 16', class: 'shape', 'aria-hidden': 'true' }, shape(status)),
        status,
      ),
    ),
    h('span', {}, '⚠ lost   ✂ cut to fit   thicker: more traffic'),
  );
}
