// How a status looks: each has a shape of its own beside its colour, and its name.

import { h, s } from './h.js';

/** @typedef {import('../model/types.js').Status} Status */

/** @type {Record<string, () => SVGElement>} in a square of 16 by 16 */
const shapes = {
  ready: () => s('circle', { cx: 8, cy: 8, r: 6 }),
  pending: () => s('path', { d: 'M8 2 L14.5 13.5 H1.5 Z' }),
  error: () => s('path', { d: 'M8 1 L15 8 L8 15 L1 8 Z' }),
  disabled: () => s('rect', { x: 3, y: 3, width: 10, height: 10, class: 'hollow' }),
  deleting: () => s('path', { d: 'M3 3 L13 13 M13 3 L3 13', class: 'hollow' }),
};

/**
 * @param {string} status
 * @returns {SVGElement} its shape in 16 by 16 units
 */
export const shape = (status) => (shapes[status] ?? shapes.disabled)();

/**
 * @param {string} status
 * @param {string} [text] in place of the status itself
 */
export function badge(status, text = status) {
  return h(
    'span',
    { class: `badge status-${status}` },
    s('svg', { viewBox: '0 0 16 16', class: 'shape', 'aria-hidden': 'true' }, shape(status)),
    text,
  );
}

/**
 * @param {{status: string, reason: string}} standing
 * @returns {HTMLElement} the status, and the reason below it
 */
export function standing({ status, reason }) {
  return h(
    'div',
    { class: 'standing' },
    badge(status),
    reason && h('span', { class: 'reason' }, reason),
  );
}
