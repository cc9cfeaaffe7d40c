// What a packet is: one line, and its layers. What is cut off or unknown is left out.

/** @typedef {{name: string, fields: [string, string][]}} Layer */
/** @typedef {{from: string, to: string, protocol: string, info: string, layers: Layer[]}} Packet */

/** @type {Record<number, string>} */
const etherTypes = {
  0x0800: 'IPv4',
  0x86dd: 'IPv6',
  0x0806: 'ARP',
  0x8100: 'VLAN',
  0x88a8: 'VLAN',
  0x88cc: 'LLDP',
};
/** @type {Record<number, string>} */
const ipProtocols = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  47: 'GRE',
  50: 'ESP',
  58: 'ICMPv6',
  89: 'OSPF',
  132: 'SCTP',
};
/** @type {Record<number, string>} */
const services = {
  22: 'SSH',
  53: 'DNS',
  67: 'DHCP',
  68: 'DHCP',
  80: 'HTTP',
  123: 'NTP',
  443: 'TLS',
  4789: 'VXLAN',
  5353: 'mDNS',
  6081: 'Geneve',
};
/** @type {Record<number, string>} */
const icmpTypes = {
  0: 'echo reply',
  3: 'unreachable',
  5: 'redirect',
  8: 'echo request',
  11: 'time exceeded',
};
/** @type {Record<number, string>} */
const icmp6Types = {
  1: 'unreachable',
  2: 'packet too big',
  3: 'time exceeded',
  128: 'echo request',
  129: 'echo reply',
  133: 'router solicitation',
  134: 'router advertisement',
  135: 'neighbour solicitation',
  136: 'neighbour advertisement',
};
/** @type {[number, string][]} */
const tcpFlags = [
  [2, 'SYN'],
  [16, 'ACK'],
  [1, 'FIN'],
  [4, 'RST'],
  [8, 'PSH'],
  [32, 'URG'],
];

/** Thrown where a header is longer than what was kept. */
class Cut extends Error {}

/** Reads a header and notes what it has read. */
class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  /** @param {number} length */
  bytes(length) {
    if (length < 0 || this.at + length > this.data.length) throw new Cut();
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  u8() {
    return this.bytes(1)[0];
  }

  u16() {
    const [a, b] = this.bytes(2);
    return (a << 8) | b;
  }

  u32() {
    return this.u16() * 65536 + this.u16();
  }

  get left() {
    return this.data.length - this.at;
  }
}

/** @param {Uint8Array} bytes */
const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, '0'));

/** @param {Uint8Array} bytes */
const mac = (bytes) => hex(bytes).join(':');

/** @param {Uint8Array} bytes */
export function ip6(bytes) {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] << 8) | bytes[2 * i + 1]).toString(16),
  );
  const zeros = [...groups.join(':').matchAll(/\b0(:0)+\b/g)].sort(
    (a, b) => b[0].length - a[0].length,
  )[0];
  if (!zeros) return groups.join(':');

  const text = groups.join(':');
  const head = text.slice(0, zeros.index).replace(/:$/, '');
  const tail = text.slice(zeros.index + zeros[0].length).replace(/^:/, '');
  return `${head}::${tail}`;
}

/**
 * @param {Uint8Array} data from the Ethernet header on
 * @returns {Packet}
 */
export function decode(data) {
  /** @type {Packet} */
  const packet = { from: '', to: '', protocol: 'Ethernet', info: '', layers: [] };
  try {
    ethernet(new Reader(data), packet);
  } catch (error) {
    if (!(error instanceof Cut)) throw error;
    packet.info = `${packet.info} [cut]`.trim();
  }
  return packet;
}

/** @param {Reader} r @param {Packet} p */
function ethernet(r, p) {
  p.to = mac(r.bytes(6));
  p.from = mac(r.bytes(6));
  let type = r.u16();
  p.layers.push({
    name: 'Ethernet',
    fields: [
      ['from', p.from],
      ['to', p.to],
      ['type', name(etherTypes, type, 4)],
    ],
  });

  while (type === 0x8100 || type === 0x88a8) {
    const tag = r.u16();
    type = r.u16();
    p.layers.push({
      name: 'VLAN',
      fields: [
        ['id', String(tag & 0xfff)],
        ['priority', String(tag >> 13)],
      ],
    });
  }

  p.protocol = type < 0x600 ? 'LLC' : name(etherTypes, type, 4);
  if (type === 0x0800) ipv4(r, p);
  if (type === 0x86dd) ipv6(r, p);
  if (type === 0x0806) arp(r, p);
}

/** @param {Record<number, string>} names @param {number} value @param {number} [digits] of hex */
const name = (names, value, digits) =>
  names[value] ?? (digits ? `0x${value.toString(16).padStart(digits, '0')}` : String(value));

/** @param {Reader} r @param {Packet} p */
function arp(r, p) {
  r.bytes(6);
  const operation = r.u16();
  const senderMAC = mac(r.bytes(6));
  const sender = r.bytes(4).join('.');
  r.bytes(6);
  const target = r.bytes(4).join('.');
  p.info = operation === 1 ? `who has ${target}? tell ${sender}` : `${sender} is at ${senderMAC}`;
  p.layers.push({
    name: 'ARP',
    fields: [
      ['operation', operation === 1 ? 'request' : 'reply'],
      ['sender', `${sender} ${senderMAC}`],
      ['target', target],
    ],
  });
}

/** @param {Reader} r @param {Packet} p */
function ipv4(r, p) {
  const header = (r.u8() & 15) * 4;
  r.u8();
  const length = r.u16();
  r.bytes(2);
  const fragment = r.u16();
  const ttl = r.u8();
  const protocol = r.u8();
  r.bytes(2);
  p.from = r.bytes(4).join('.');
  p.to = r.bytes(4).join('.');
  r.bytes(header - 20);
  p.layers.push({
    name: 'IPv4',
    fields: [
      ['from', p.from],
      ['to', p.to],
      ['protocol', name(ipProtocols, protocol)],
      ['TTL', String(ttl)],
      ['length', String(length)],
    ],
  });

  if (fragment & 0x1fff) {
    p.protocol = name(ipProtocols, protocol);
    p.info = `later fragment, offset ${(fragment & 0x1fff) * 8}`;
    return;
  }
  transport(r, p, protocol, length - header);
}

/** @param {Reader} r @param {Packet} p */
function ipv6(r, p) {
  r.bytes(4);
  let length = r.u16();
  let next = r.u8();
  const hops = r.u8();
  p.from = ip6(r.bytes(16));
  p.to = ip6(r.bytes(16));
  p.layers.push({
    name: 'IPv6',
    fields: [
      ['from', p.from],
      ['to', p.to],
      ['hop limit', String(hops)],
      ['length', String(length)],
    ],
  });

  // Hop-by-hop options, routing, and options for the destination
  while (next === 0 || next === 43 || next === 60) {
    next = r.u8();
    const size = (r.u8() + 1) * 8;
    r.bytes(size - 2);
    length -= size;
  }
  transport(r, p, next, length);
}

/** @param {Reader} r @param {Packet} p @param {number} protocol @param {number} length */
function transport(r, p, protocol, length) {
  p.protocol = name(ipProtocols, protocol);
  if (protocol === 6) tcp(r, p, length);
  if (protocol === 17) udp(r, p);
  if (protocol === 1) icmp(r, p, 'ICMP', icmpTypes);
  if (protocol === 58) icmp(r, p, 'ICMPv6', icmp6Types);
}

/** @param {Packet} p @param {number} from @param {number} to */
function ports(p, from, to) {
  const bracket = (/** @type {string} */ a) => (a.includes(':') ? `[${a}]` : a);
  p.from = `${bracket(p.from)}:${from}`;
  p.to = `${bracket(p.to)}:${to}`;
  p.protocol = services[to] ?? services[from] ?? p.protocol;
}

/** @param {Reader} r @param {Packet} p @param {number} length */
function tcp(r, p, length) {
  const from = r.u16();
  const to = r.u16();
  const sequence = r.u32();
  const acknowledged = r.u32();
  const header = (r.u8() >> 4) * 4;
  const bits = r.u8();
  const window = r.u16();
  const flags = tcpFlags
    .filter(([bit]) => bits & bit)
    .map(([, text]) => text)
    .join(' ');
  const payload = Math.max(0, length - header);

  ports(p, from, to);
  p.info = `TCP ${flags}, ${payload} octets`;
  p.layers.push({
    name: 'TCP',
    fields: [
      ['ports', `${from} → ${to}`],
      ['flags', flags],
      ['sequence', String(sequence)],
      ['acknowledged', String(acknowledged)],
      ['window', String(window)],
      ['payload', `${payload} octets`],
    ],
  });
}

/** @param {Reader} r @param {Packet} p */
function udp(r, p) {
  const from = r.u16();
  const to = r.u16();
  const payload = Math.max(0, r.u16() - 8);
  r.u16();

  ports(p, from, to);
  p.info = `UDP, ${payload} octets`;
  p.layers.push({
    name: 'UDP',
    fields: [
      ['ports', `${from} → ${to}`],
      ['payload', `${payload} octets`],
    ],
  });
  if (from === 53 || to === 53 || from === 5353) dns(r, p);
}

/** @param {Reader} r @param {Packet} p */
function dns(r, p) {
  r.bytes(2);
  const flags = r.u16();
  const questions = r.u16();
  r.bytes(6);
  if (questions === 0) return;

  const labels = [];
  for (let length = r.u8(); length > 0 && length < 64; length = r.u8())
    labels.push(printable(r.bytes(length)));
  const kind = flags & 0x8000 ? 'answer' : 'question';
  p.info = `${kind} ${labels.join('.')}`;
  p.layers.push({ name: 'DNS', fields: [[kind, labels.join('.')]] });
}

/** @param {Reader} r @param {Packet} p @param {string} layer @param {Record<number, string>} types */
function icmp(r, p, layer, types) {
  const type = r.u8();
  const code = r.u8();
  r.u16();
  p.info = `${name(types, type)}${code ? ` code ${code}` : ''}`;
  /** @type {[string, string][]} */
  const fields = [
    ['type', name(types, type)],
    ['code', String(code)],
  ];
  if (/echo/.test(p.info)) {
    const id = r.u16();
    const sequence = r.u16();
    p.info += ` id ${id} seq ${sequence}`;
    fields.push(['id', String(id)], ['sequence', String(sequence)]);
  }
  p.layers.push({ name: layer, fields });
}

/** @param {Uint8Array} bytes */
const printable = (bytes) =>
  [...bytes].map((b) => (b > 32 && b < 127 ? String.fromCharCode(b) : '.')).join('');

/**
 * @param {Uint8Array} data
 * @returns {string} lines of 16 octets: offset, hex, text
 */
export function hexDump(data) {
  const lines = [];
  for (let at = 0; at < data.length; at += 16) {
    const line = data.subarray(at, at + 16);
    lines.push(
      `${at.toString(16).padStart(4, '0')}  ${hex(line).join(' ').padEnd(47)}  ${printable(line)}`,
    );
  }
  return lines.join('\n');
}
