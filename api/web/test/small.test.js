import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bitRate, duration, plural, relative, scaled } from '../static/model/format.js';
import { History, sparkline } from '../static/model/history.js';
import { parseRoute, routeTo } from '../static/model/route.js';
import { recreation } from '../static/model/undo.js';

test('numbers have three digits', () => {
  const want = [
    [0, '0'],
    [7.5, '7.5'],
    [999, '999'],
    [999.9, '1.00 k'],
    [1250, '1.25 k'],
    [12_345, '12.3 k'],
    [123_456_789, '123 M'],
    [9.999e9, '10.0 G'],
  ];
  for (const [value, text] of want) assert.equal(scaled(Number(value)), text);
  assert.equal(bitRate(0), '0 bit/s');
  assert.equal(bitRate(1e6), '1.00 Mbit/s');
  assert.equal(plural(1, 'flow'), '1 flow');
  assert.equal(plural(1200, 'flow'), '1,200 flows');
});

test('times', () => {
  assert.equal(duration(59), '59 s');
  assert.equal(duration(7500), '2 h 5 min');
  const now = Date.parse('2026-11-30T12:00:00Z');
  assert.equal(relative('2026-11-30T13:00:00Z', now), 'in 1 h');
  assert.equal(relative('2026-11-30T11:57:00Z', now), '3 min ago');
  assert.equal(relative(null, now), '');
});

test('routes keep any id', () => {
  const id = 'a/b?c#d %<img>';
  const route = parseRoute(routeTo('flows', id, { q: 'x=y&z', empty: '' }));
  assert.equal(route.id, id);
  assert.equal(route.query.get('q'), 'x=y&z');
  assert.ok(!route.query.has('empty'));
  assert.equal(parseRoute('').view, 'map');
  assert.equal(parseRoute('#/flows/%').id, '%');
});

test('a series forgets what is old', () => {
  const history = new History();
  for (let i = 0; i < 1000; i++) history.add('f', i * 5000, i);
  const series = history.of('f');
  assert.equal(series.length, 121);
  assert.equal(series[0].value, 879);
  assert.deepEqual(history.of('none'), []);
});

test('a sparkline touches its edges', () => {
  const samples = [
    { at: 0, value: 0 },
    { at: 5, value: 10 },
    { at: 10, value: 5 },
  ];
  assert.equal(sparkline(samples, 100, 20), '0.0,20.0 50.0,0.0 100.0,10.0');
  assert.equal(sparkline([], 100, 20), '');
  assert.equal(sparkline([{ at: 1, value: 0 }], 100, 20), '0.0,20.0');
});

test('what was deleted is made again as it was', () => {
  const flow = /** @type {any} */ ({
    id: 'x',
    name: 'web',
    tap_id: 's',
    type: 'vnic',
    guest_id: 'g',
    mac_addr: 'm',
    ip_addr: '',
    host_id: 'h',
    wire_id: '',
    vlan_id: 0,
    direction: 'IN',
    filter: 'tcp',
    snaplen: 0,
    sample: 0,
    vlan: 'keep',
    starts_at: null,
    expires_at: null,
    enabled: false,
    labels: {},
    description: '',
  });
  assert.deepEqual(recreation('tap_flows', flow), {
    name: 'web',
    tap_id: 's',
    type: 'vnic',
    guest_id: 'g',
    mac_addr: 'm',
    direction: 'IN',
    filter: 'tcp',
    vlan: 'keep',
    enabled: false,
    labels: {},
  });
  const service = /** @type {any} */ ({
    id: 's',
    name: 'box',
    type: 'remote',
    address: '192.0.2.1',
    encap: 'gre',
    key: 7,
    port: 0,
    rate_limit: '',
    dedup: false,
    labels: {},
    description: 'd',
    enabled: true,
  });
  assert.deepEqual(recreation('tap_services', service), {
    name: 'box',
    type: 'remote',
    address: '192.0.2.1',
    encap: 'gre',
    key: 7,
    dedup: false,
    labels: {},
    description: 'd',
  });
});
