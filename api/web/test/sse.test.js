import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventParser } from '../static/model/sse.js';

const stream =
  ': watching\n\nevent: current\ndata: {"kind":"host"}\n\n' +
  'id: 7\nevent: synced\ndata: {}\n\n: alive\nid: 9\n\ndata: a\ndata: b\r\n\n';

const want = [
  { type: 'current', data: '{"kind":"host"}' },
  { type: 'synced', data: '{}' },
  { type: 'message', data: 'a\nb' },
];

test('events come out the same wherever the stream is cut', () => {
  for (let size = 1; size <= stream.length; size++) {
    const parser = new EventParser();
    const got = [];
    for (let at = 0; at < stream.length; at += size) {
      got.push(...parser.feed(stream.slice(at, at + size)));
    }
    assert.deepEqual(got, want, `pieces of ${size}`);
    assert.equal(parser.lastID, '9', 'a comment with an id moves the place');
  }
});
