import assert from 'node:assert/strict';
import { test } from 'node:test';

import { choosePart, sumsOf, worstOf } from '../static/model/cloud.js';
import { place } from '../static/model/filter.js';
import { parseLabels } from '../static/model/labels.js';
import { layOut, nextBox } from '../static/model/layout.js';

/** @param {number} hosts @param {number} guests @param {number} flows */
function cloud(hosts, guests, flows) {
  const make = (/** @type {number} */ n, /** @type {(i: number) => object} */ of) =>
    /** @type {any[]} */ (Array.from({ length: n }, (_, i) => of(i)));
  return {
    hosts: make(hosts, (i) => ({
      id: `h${i}`,
      name: `h${i}`,
      status: 'ready',
      labels: { rack: `r${i % 3}` },
      bridges: ['br0', 'brtap'],
      tunnel_ip: '',
    })),
    guests: make(guests, (i) => ({
      id: `g${i}`,
      name: `vm${i}`,
      labels: { app: i % 2 ? 'db' : 'web' },
      host_id: '',
      nics: [{ mac: 'm', ip_addrs: [`10.0.0.${i}`], host_id: `h${i % hosts}`, bridge: 'br0' }],
    })),
    services: make(2, (i) => ({
      id: `s${i}`,
      name: `ids${i}`,
      status: 'ready',
      labels: {},
      host_id: '',
      host_name: 'h0',
      target_name: '',
      address: '',
    })),
    flows: make(flows, (i) => ({
      id: `f${i}`,
      name: `tap${i}`,
      type: 'vnic',
      guest_id: `g${i}`,
      guest_name: `vm${i}`,
      host_id: '',
      tap_id: `s${i % 2}`,
      tap_name: `ids${i % 2}`,
      filter: '',
      mac_addr: '',
      ip_addr: '',
      labels: {},
      status: i === 3 ? 'error' : 'ready',
      counters: {
        captured: { bits_per_second: 100 },
        by_mac: null,
        lost: i === 3 ? { packets: 7 } : null,
        cut: null,
      },
    })),
  };
}

test('a search shows what matches, where it is and where it goes', () => {
  const part = choosePart(cloud(10, 40, 8), 'status:error', true);
  assert.deepEqual(
    part.flows.map((f) => f.id),
    ['f3'],
  );
  assert.deepEqual(
    part.hosts.map((v) => v.id),
    ['h3'],
  );
  assert.deepEqual(
    part.services.map((v) => v.id),
    ['s1'],
  );
  assert.equal(part.guests.length, 4, 'the neighbours stay');

  assert.equal(choosePart(cloud(10, 40, 8), 'label:app=db', true).flows.length, 4);
  assert.equal(choosePart(cloud(10, 40, 8), 'host:h1', false).hosts.length, 1);
  assert.equal(choosePart(cloud(10, 40, 8), '10.0.0.39', false).hosts[0].id, 'h9');
  assert.equal(choosePart(cloud(10, 40, 8), '', false).hosts.length, 10);
});

test('the worst status is shown, and rates are added', () => {
  assert.equal(worstOf(['ready', 'disabled', 'error']), 'error');
  assert.equal(worstOf(['disabled', 'ready']), 'ready');
  assert.equal(worstOf([]), 'disabled');
  const sums = sumsOf(cloud(1, 8, 8).flows);
  assert.deepEqual(sums, { flows: 8, rate: 800, lost: 7, cut: false, status: 'error' });
});

test('boxes do not overlap, folded and unfolded', () => {
  const part = cloud(30, 100, 20);
  for (const open of [new Set(), new Set(part.hosts.map((v) => v.id))]) {
    const { boxes } = layOut(part, { open: /** @type {Set<string>} */ (open), groupBy: '' });
    const outer = boxes.filter((b) => b.kind === 'host' || b.kind === 'service');
    assert.equal(outer.length, 32);
    for (const a of outer) {
      for (const b of outer) {
        const apart =
          a === b ||
          a.x + a.width <= b.x ||
          b.x + b.width <= a.x ||
          a.y + a.height <= b.y ||
          b.y + b.height <= a.y;
        assert.ok(apart, `${a.id} and ${b.id}`);
      }
    }
  }
});

test('paths of folded boxes are one, and begin at the guest when unfolded', () => {
  const part = cloud(2, 8, 8);
  const folded = layOut(part, { open: new Set(), groupBy: '' });
  assert.equal(folded.links.length, 2, 'the flows of h0 go to ids0, those of h1 to ids1');
  assert.deepEqual(
    folded.links.map((l) => l.flows),
    [4, 4],
  );

  const unfolded = layOut(part, { open: new Set(['h0']), groupBy: '' });
  assert.equal(unfolded.links.length, 5);
  const grouped = layOut(part, { open: new Set(), groupBy: 'rack' });
  assert.deepEqual(
    grouped.boxes.map((b) => b.id),
    ['group:r0', 'group:r1', 's0', 's1'],
  );
  assert.equal(grouped.links.length, 2);
});

test('the same cloud is laid out the same way', () => {
  const options = { open: new Set(['h1']), groupBy: '' };
  assert.deepEqual(layOut(cloud(9, 30, 9), options), layOut(cloud(9, 30, 9), options));
});

test('a large cloud is laid out quickly', () => {
  const part = cloud(300, 3000, 500);
  const begin = performance.now();
  layOut(part, { open: new Set(part.hosts.map((v) => v.id)), groupBy: '' });
  assert.ok(performance.now() - begin < 2000);
});

test('arrow keys reach every box', () => {
  const { boxes } = layOut(cloud(12, 0, 0), { open: new Set(), groupBy: '' });
  const reached = new Set([boxes[0]]);
  for (const box of reached) {
    for (const key of ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight']) {
      const next = nextBox(boxes, box, key);
      if (next) reached.add(next);
    }
  }
  assert.equal(reached.size, boxes.length);
  assert.equal(nextBox(boxes, boxes[0], 'ArrowUp'), undefined);
  assert.equal(nextBox(boxes, boxes[0], 'a'), undefined);
});

test('the place of an error in a filter is told in octets', () => {
  const at = (
    /** @type {string} */ text,
    /** @type {number} */ offset,
    /** @type {number} */ length,
  ) => place(text, { offset, length, problem: '', hint: '' });
  assert.deepEqual(at('tcp prt 80', 4, 3), { before: 'tcp ', at: 'prt', after: ' 80' });
  assert.deepEqual(at('höst x', 6, 1), { before: 'höst ', at: 'x', after: '' });
  assert.deepEqual(at('tcp', 3, 0), { before: 'tcp', at: ' ', after: '' });
});

test('labels that are gone from the text are removed', () => {
  assert.deepEqual(parseLabels('a=1, b=x=y,', { c: '3' }), { a: '1', b: 'x=y', c: null });
  assert.deepEqual(parseLabels(''), {});
});
