// What explain tells: the way of the packets, what must hold, what to do, and what is on switches.

import { bitRate, count, moment, octets, packetRate, relative } from '../model/format.js';
import { sparkline } from '../model/history.js';
import { fill, h, keyed, s, setText } from './h.js';
import { badge } from './status.js';

/** @typedef {import('../model/types.js').Explanation} Explanation */
/** @typedef {import('../model/types.js').Counters} Counters */
/** @typedef {import('../model/types.js').SwitchState} SwitchState */

/**
 * @param {import('../model/history.js').Sample[]} samples of bits a second
 * @returns {HTMLElement}
 */
export function spark(samples) {
  const width = 240;
  const height = 40;
  const top = Math.max(0, ...samples.map(({ value }) => value));
  const text = `Bits a second since ${moment(new Date(samples[0]?.at ?? Date.now()).toISOString())}, at most ${bitRate(top)}`;
  return h(
    'figure',
    { class: 'spark' },
    s(
      'svg',
      { viewBox: `0 -2 ${width} ${height + 4}`, role: 'img', 'aria-label': text },
      s('polyline', { points: sparkline(samples, width, height) }),
    ),
    h('figcaption', {}, text),
  );
}

/**
 * @param {string} label
 * @param {HTMLElement} content
 * @returns {HTMLElement} the content, which scrolls by itself where it is too wide
 */
export const scrolled = (label, content) =>
  h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, content);

/** @param {Counters} c */
export function counterTable(c) {
  /** @type {[string, {packets: number, bytes: number} | null, string][]} */
  const rows = [
    [
      'Captured',
      c.captured,
      `${bitRate(c.captured.bits_per_second)}, ${packetRate(c.captured.packets_per_second)}`,
    ],
    ['Delivered', c.delivered, c.delivered ? bitRate(c.delivered.bits_per_second) : ''],
    ['Lost', c.lost, ''],
    ['Rejected by the filter', c.filtered, ''],
    ['Above the rate limit', c.limited, ''],
    ['Of the tunnels, not mirrored', c.guarded, ''],
  ];
  if (c.by_mac)
    rows.splice(1, 0, [
      'Its own, by MAC address',
      c.by_mac.captured,
      bitRate(c.by_mac.captured.bits_per_second),
    ]);

  return [
    scrolled(
      'Counters',
      h(
        'table',
        { class: 'facts' },
        h(
          'tbody',
          {},
          rows.map(([title, value, rate]) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, title),
              h('td', { class: 'number' }, value ? count(value.packets) : 'not known'),
              h('td', { class: 'number' }, value ? octets(value.bytes) : ''),
              h('td', { class: 'number' }, rate),
            ),
          ),
        ),
      ),
    ),
    c.shared &&
      h('p', { class: 'hint' }, 'The counters include other tap flows of the same capture.'),
    c.cut &&
      h(
        'p',
        { class: 'status-pending' },
        `✂ Larger copies are cut to ${count(c.cut.size)} octets: ${c.cut.reason}`,
      ),
  ];
}

/** Shows an explanation, and a newer one in its place. */
export class ExplanationView {
  next = h('section', { class: 'panel next' });
  path = h('ol', { class: 'path' });
  checks = h('tbody');
  twins = h('ul');
  switches = h('div');
  twinPanel = h(
    'section',
    { class: 'panel', hidden: true },
    h('h2', {}, 'The same packet may also come from'),
    this.twins,
  );
  element = h(
    'div',
    { class: 'panels' },
    this.next,
    h('section', { class: 'panel' }, h('h2', {}, 'Path'), this.path),
    h(
      'section',
      { class: 'panel' },
      h('h2', {}, 'What must hold'),
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'What must hold' },
        h('table', {}, this.checks),
      ),
    ),
    this.twinPanel,
    h('section', { class: 'panel' }, h('h2', {}, 'On the switches'), this.switches),
  );

  constructor() {
    this.next.hidden = true;
  }

  /** @param {Explanation} e */
  show(e) {
    this.next.hidden = e.next.length === 0;
    fill(
      this.next,
      h('h2', {}, 'What to do'),
      h(
        'ul',
        {},
        e.next.map((text) => h('li', {}, text)),
      ),
    );
    fill(
      this.path,
      e.path.map((hop) => this.#hop(hop)),
    );
    fill(
      this.checks,
      e.checks.map((check) =>
        h(
          'tr',
          {},
          h('td', {}, badge(check.status)),
          h('td', {}, check.what, check.host && h('div', { class: 'reason' }, check.host)),
          h(
            'td',
            {},
            check.reason,
            check.since &&
              h('div', { class: 'reason' }, `since ${relative(check.since, Date.now())}`),
          ),
        ),
      ),
    );
    this.twinPanel.hidden = e.same_packet.length === 0;
    fill(
      this.twins,
      e.same_packet.map(({ tap_flow, reason }) => h('li', {}, `${tap_flow}: ${reason}`)),
    );
    keyed(this.switches, e.switches, (w) => w.host, switchBox, refreshSwitch);
  }

  /** @param {import('../model/types.js').Hop} hop */
  #hop(hop) {
    const where = [hop.host, hop.bridge, hop.port].filter(Boolean).join(' · ');
    return h(
      'li',
      { class: `hop hop-${hop.status}` },
      h(
        'div',
        {},
        badge(hop.status, hop.what),
        h('span', { class: 'where' }, where, hop.ofport ? ` (port ${hop.ofport})` : ''),
      ),
      hop.text && h('div', { class: 'reason' }, hop.text),
      hop.reason && h('div', { class: 'problem' }, hop.reason),
      hop.count &&
        h(
          'div',
          { class: 'count' },
          `${count(hop.count.packets)} packets, ${octets(hop.count.bytes)}`,
        ),
    );
  }
}

/** @param {SwitchState} w */
function switchBox(w) {
  const box = h(
    'details',
    {},
    h('summary', {}),
    h('p', { class: 'problem' }),
    h('pre', { tabindex: 0 }),
  );
  refreshSwitch(box, w);
  return box;
}

/**
 * @param {Element} box
 * @param {SwitchState} w
 */
function refreshSwitch(box, w) {
  const [summary, problem, text] = box.children;
  fill(
    summary,
    badge(w.status, w.host),
    ` Open vSwitch ${w.ovs_version}, ${w.rows.length} rows, ${w.flows.length} flows`,
  );
  setText(
    problem,
    [w.reason, w.ovsdb.problem, w.openflow.problem, w.flows_error].filter(Boolean).join('; '),
  );
  const mark = (/** @type {string} */ state) => (state === 'stands' ? '' : `   ← ${state}`);
  setText(
    text,
    [
      ...w.rows.map((r) => `${r.table} ${r.text}${mark(r.state)}`),
      ...w.flows.map((f) => `${f.text}${mark(f.state)}`),
    ].join('\n'),
  );
}
