import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decode, hexDump, ip6 } from '../static/model/packet.js';
import { PcapngParser } from '../static/model/pcapng.js';

/** @param {string} text */
const hex = (text) => Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (b) => parseInt(b, 16));

/** @param {number} type @param {number[]} body in 32 bit words */
function block(type, body) {
  const words = [type, 12 + 4 * body.length, ...body, 12 + 4 * body.length];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

const syn = hex(
  '525400000002 525400000001 8100001e 0800' +
    '4500002800010000 4006 0000 0a000001 0a000002' +
    'c35001bb 00000001 00000000 5002ffff 00000000',
);

/** @param {...Uint8Array} parts */
function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const padded = new Uint8Array(60);
padded.set(syn);
const microseconds = 1_700_000_000_000_000;
const stream = join(
  block(0x0a0d0d0a, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff]),
  block(1, [1, 0, 0x00010009, 6, 0]),
  block(6, [
    0,
    Math.floor(microseconds / 2 ** 32),
    microseconds % 2 ** 32,
    58,
    1500,
    ...new Uint32Array(padded.buffer),
  ]),
  block(5, [0, 0, 0, 0x00040001, 0x656e6f64, 0]),
);

test('packets come out the same wherever the stream is cut', () => {
  for (const size of [1, 3, 7, 64, stream.length]) {
    const parser = new PcapngParser();
    const frames = [];
    for (let at = 0; at < stream.length; at += size) {
      frames.push(...parser.feed(stream.subarray(at, at + size)));
    }
    assert.equal(frames.length, 1);
    assert.deepEqual(frames[0].data, syn);
    assert.equal(frames[0].length, 1500);
    assert.equal(frames[0].at, 1_700_000_000_000);
    assert.equal(parser.comment, 'done');
    assert.equal(parser.complete, stream.length);
  }
});

test('what is no pcapng is an error, and never an endless loop', () => {
  assert.throws(() => new PcapngParser().feed(new TextEncoder().encode('{"status": 500}')));
  for (let i = 0; i < stream.length; i++) {
    const broken = stream.slice();
    broken[i] ^= 0xff;
    try {
      new PcapngParser().feed(broken);
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof RangeError), `octet ${i}: ${error}`);
    }
  }
});

test('a packet on one line, and its layers', () => {
  const p = decode(syn);
  assert.equal(p.from, '10.0.0.1:50000');
  assert.equal(p.to, '10.0.0.2:443');
  assert.equal(p.protocol, 'TLS');
  assert.equal(p.info, 'TCP SYN, 0 octets');
  assert.deepEqual(
    p.layers.map(({ name }) => name),
    ['Ethernet', 'VLAN', 'IPv4', 'TCP'],
  );
});

test('a packet may be cut anywhere', () => {
  for (let length = 0; length < syn.length; length++) decode(syn.subarray(0, length));
  assert.match(decode(syn.subarray(0, 40)).info, /cut/);
});

test('other protocols', () => {
  const arp = hex(
    'ffffffffffff 525400000001 0806 0001 0800 06 04 0001 525400000001 0a000001 000000000000 0a000002',
  );
  assert.equal(decode(arp).info, 'who has 10.0.0.2? tell 10.0.0.1');
  const ping = hex(
    '525400000002 525400000001 86dd 60000000 0008 3a40' +
      'fe800000000000000000000000000001 fe800000000000000000000000000002 8000 0000 0007 0003',
  );
  assert.equal(decode(ping).info, 'echo request id 7 seq 3');
  assert.equal(decode(ping).from, 'fe80::1');
  const dns = hex(
    '525400000002 525400000001 0800 4500003200010000 4011 0000 0a000001 0a000002' +
      'c350 0035 001e 0000 0001 0100 0001 0000 0000 0000 03777777 03696e74 00 0001 0001',
  );
  assert.equal(decode(dns).info, 'question www.int');
  assert.equal(decode(dns).protocol, 'DNS');
});

test('IPv6 addresses are short', () => {
  assert.equal(ip6(new Uint8Array(16)), '::');
  assert.equal(ip6(hex('20010db8000000000001000000000001')), '2001:db8::1:0:0:1');
  assert.equal(ip6(hex('20010db8000100020003000400050006')), '2001:db8:1:2:3:4:5:6');
  assert.equal(ip6(hex('fe800000000000000000000000000000')), 'fe80::');
  assert.equal(ip6(hex('10000000000000000000000000000010')), '1000::10');
});

test('a hex dump', () => {
  assert.equal(hexDump(hex('41420a')), `0000  41 42 0a${' '.repeat(39)}  AB.`);
});
