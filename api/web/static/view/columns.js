// Columns that several lists have.

import { labelText } from '../model/format.js';
import { routeTo } from '../model/route.js';
import { h } from './h.js';
import { standing } from './status.js';

/**
 * @template T
 * @typedef {import('./table.js').Column<T>} Column
 */

/**
 * The name, which leads to the view of the thing.
 *
 * @template {{id: string, name: string}} T
 * @param {string} view
 * @returns {Column<T>}
 */
export const nameColumn = (view) => ({
  key: 'name',
  title: 'Name',
  cell: (v) => h('a', { href: routeTo(view, v.id) }, v.name),
  order: (v) => v.name,
});

/** @type {Column<Parameters<typeof standing>[0]>} */
export const statusColumn = {
  key: 'status',
  title: 'Status',
  cell: standing,
  order: (v) => v.status,
  sign: (v) => `${v.status} ${v.reason}`,
  css: 'wide',
};

/** @type {Column<{labels: Record<string, string>}>} */
export const labelsColumn = {
  key: 'labels',
  title: 'Labels',
  cell: (v) => labelText(v.labels),
  order: (v) => labelText(v.labels),
};
