import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Store } from '../static/model/store.js';

/** @param {string} id @param {string} [name] */
const host = (id, name = id) => ({ kind: /** @type {const} */ ('host'), object: { id, name } });

test('a snapshot counts once it is complete', () => {
  const store = new Store();
  let told = 0;
  store.listen(() => told++);

  store.apply('current', host('a'));
  assert.equal(store.hosts.size, 0);
  assert.equal(told, 0);

  store.apply('synced', {});
  assert.equal(store.hosts.size, 1);
  assert.ok(store.complete);
  assert.equal(told, 1);
});

test('a reset forgets what does not exist any more, and not before all is told', () => {
  const store = new Store();
  store.apply('current', host('a'));
  store.apply('current', host('b'));
  store.apply('synced', {});

  store.apply('reset', {});
  store.apply('current', host('b', 'new'));
  assert.equal(store.hosts.size, 2);
  store.apply('synced', {});
  assert.deepEqual([...store.hosts.keys()], ['b']);
  assert.equal(store.hosts.get('b')?.name, 'new');
});

test('changes and deletions', () => {
  const store = new Store();
  store.apply('synced', {});
  store.apply('created', host('a'));
  store.apply('updated', host('a', 'other'));
  assert.equal(store.hosts.get('a')?.name, 'other');
  store.apply('deleted', host('a'));
  assert.equal(store.hosts.size, 0);
  store.apply('a type of later', host('b'));
  assert.equal(store.hosts.size, 0);
});

test('counters join what is known', () => {
  const store = new Store();
  store.apply('created', { kind: 'tap_flow', object: { id: 'f', counters: null } });
  const counters = /** @type {any} */ ({ captured: { packets: 3 } });
  store.count('tap_flow', [
    { id: 'f', counters },
    { id: 'gone', counters },
  ]);
  assert.equal(store.flows.get('f')?.counters.captured.packets, 3);
  assert.equal(store.flows.size, 1);
});
