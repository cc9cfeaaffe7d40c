// Changes to many flows or services at once, with a question before and a way back after.

import { textOf } from '../api/client.js';
import { plural } from '../model/format.js';
import { recreation } from '../model/undo.js';
import { confirm } from './notices.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Flow} Flow */
/** @typedef {import('../model/types.js').Service} Service */
/** @typedef {'tap_flows' | 'tap_services'} Kind */

const atOnce = 4; // requests

/** @type {Record<Kind, [string, string]>} one, many */
const names = {
  tap_flows: ['tap flow', 'tap flows'],
  tap_services: ['tap service', 'tap services'],
};

/**
 * Does something for each item, some at once.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T) => Promise<unknown>} act
 * @returns {Promise<{done: T[], failed: {item: T, error: unknown}[]}>}
 */
export async function forEach(items, act) {
  /** @type {T[]} */
  const done = [];
  /** @type {{item: T, error: unknown}[]} */
  const failed = [];
  const queue = items.values();

  const worker = async () => {
    for (const item of queue) {
      try {
        await act(item);
        done.push(item);
      } catch (error) {
        failed.push({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { done, failed };
}

/**
 * @template {Flow | Service} T
 * @param {App} app
 * @param {Kind} kind
 * @param {T[]} items
 * @param {{verb: string, done: string, act: (item: T) => Promise<unknown>, undo?: (item: T) => Promise<unknown>}} change
 */
async function change(app, kind, items, { verb, done, act, undo }) {
  if (items.length > 50) app.notices.show({ text: `${items.length} are being ${done} …` });
  const result = await forEach(items, act);

  if (result.done.length > 0) {
    app.notices.show({
      text: `${plural(result.done.length, ...names[kind])} ${done}.`,
      undo:
        undo &&
        (() => change(app, kind, result.done, { verb: 'restore', done: 'put back', act: undo })),
    });
  }
  if (result.failed.length > 0) {
    const [{ item, error }] = result.failed;
    app.notices.show({
      error: true,
      text: `Could not ${verb} ${plural(result.failed.length, ...names[kind])}. ${item.name}: ${textOf(error)}`,
    });
  }
}

/**
 * Enables or disables, after a question if there are several. Those that are so already stay.
 *
 * @template {Flow | Service} T
 * @param {App} app
 * @param {Kind} kind
 * @param {T[]} items
 * @param {boolean} enabled
 */
export async function setEnabled(app, kind, items, enabled) {
  const others = items.filter((item) => item.enabled !== enabled);
  const verb = enabled ? 'enable' : 'disable';
  if (others.length === 0) {
    app.notices.show({ text: `All of them are ${verb}d already.` });
    return;
  }

  const sure =
    others.length === 1 ||
    (await confirm({
      title: `${enabled ? 'Enable' : 'Disable'} ${plural(others.length, ...names[kind])}?`,
      text: enabled ? 'Packets are copied from then on.' : 'Nothing of them remains on any switch.',
      items: others.map(({ name }) => name),
      action: enabled ? 'Enable' : 'Disable',
    }));
  if (!sure) return;

  /** @param {string} to */
  const post = (to) => (/** @type {T} */ item) =>
    app.client.post(`${kind}/${encodeURIComponent(item.id)}/${to}`);
  await change(app, kind, others, {
    verb,
    done: `${verb}d`,
    act: post(verb),
    undo: post(enabled ? 'disable' : 'enable'),
  });
}

/**
 * Deletes after a question. What was deleted can be made again, with another id.
 *
 * @template {Flow | Service} T
 * @param {App} app
 * @param {Kind} kind
 * @param {T[]} items
 * @returns {Promise<boolean>} whether the user was sure
 */
export async function remove(app, kind, items) {
  const sure = await confirm({
    title: `Delete ${plural(items.length, ...names[kind])}?`,
    text: 'Nothing of them remains on any switch. You can undo it shortly after; ids change then.',
    items: items.map(({ name }) => name),
    action: 'Delete',
  });
  if (!sure) return false;

  await change(app, kind, items, {
    verb: 'delete',
    done: 'deleted',
    act: (item) => app.client.delete(`${kind}/${encodeURIComponent(item.id)}`),
    undo: async (item) => {
      const made = await app.client.post(kind, recreation(kind, item));
      if (kind === 'tap_services' && item.enabled)
        await app.client.post(`${kind}/${made.id}/enable`);
    },
  });
  return true;
}

/**
 * The changes that a list offers for what is chosen in it.
 *
 * @template {Flow | Service} T
 * @param {App} app
 * @param {Kind} kind
 * @returns {import('./table.js').Bulk<T>[]}
 */
export const bulkChanges = (app, kind) => [
  { title: 'Enable', run: (items) => setEnabled(app, kind, items, true) },
  { title: 'Disable', run: (items) => setEnabled(app, kind, items, false) },
  { title: 'Delete', danger: true, run: (items) => remove(app, kind, items) },
];
