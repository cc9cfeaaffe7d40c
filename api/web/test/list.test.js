import assert from 'node:assert/strict';
import { test } from 'node:test';

import { choose, hasLabel, parseQuery, search, sorted } from '../static/model/list.js';

const items = Array.from({ length: 10_000 }, (_, i) => ({
  name: `web${i}`,
  status: i % 10 ? 'ready' : 'error',
  labels: { app: i % 2 ? 'db' : 'web' },
}));

/** @type {import('../static/model/list.js').Searchable<typeof items[0]>} */
const by = {
  text: (i) => `${i.name} 52:54:00:00:00:01`,
  keys: {
    status: (i, value) => i.status === value,
    label: (i, value) => hasLabel(i.labels, value),
  },
};

test('words and terms', () => {
  assert.deepEqual(parseQuery('  Web status:error ', ['status']), [
    { key: '', value: 'web' },
    { key: 'status', value: 'error' },
  ]);
  assert.deepEqual(parseQuery('52:54:00', ['status']), [{ key: '', value: '52:54:00' }]);
});

test('all terms must match', () => {
  assert.equal(search(items, 'status:error', by).length, 1000);
  assert.equal(search(items, 'status:error label:app=db', by).length, 0);
  assert.equal(search(items, 'WEB12 label:app', by).length, 111);
  assert.equal(search(items, '52:54 web9999', by).length, 1);
});

test('numbers in names are compared as numbers', () => {
  const names = sorted(['b10', 'a', 'b9'], (name) => name, false);
  assert.deepEqual(names, ['a', 'b9', 'b10']);
  assert.deepEqual(
    sorted([3, 20, 1], (n) => n, true),
    [20, 3, 1],
  );
});

test('pages', () => {
  const choice = {
    query: '',
    order: (/** @type {{name: string}} */ i) => i.name,
    descending: false,
    size: 50,
  };
  const first = choose(items, { ...choice, page: 0 }, by);
  assert.equal(first.pages, 200);
  assert.equal(first.shown[9].name, 'web9');
  const beyond = choose(items, { ...choice, page: 999 }, by);
  assert.equal(beyond.page, 199);
  assert.equal(beyond.shown.length, 50);
  const none = choose(items, { ...choice, query: 'nothing', page: 3 }, by);
  assert.deepEqual([none.page, none.pages, none.shown.length], [0, 1, 0]);
});
