// A reader of pcapng (draft-ietf-opsawg-pcapng), as the API streams it: one section, Ethernet.

/**
 * @typedef {object} Frame
 * @property {number} at ms since 1970
 * @property {number} length of the packet, in octets
 * @property {Uint8Array} data what was kept of it
 */

const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const interfaceStatistics = 5;
const enhancedPacket = 6;
const byteOrderMagic = 0x1a2b3c4d;
const largestBlock = 1 << 20; // octets

const option = { end: 0, comment: 1, resolution: 9 };

/** Reads a stream piece by piece. */
export class PcapngParser {
  #rest = new Uint8Array(0);
  #little = true;
  /** @type {number[]} units a second, by interface */
  #units = [];

  /** The octets of all blocks that are complete; a file of them can be opened. */
  complete = 0;
  /** What the end of the stream says of the capture; '' before. */
  comment = '';

  /**
   * @param {Uint8Array} piece which may end anywhere
   * @returns {Frame[]} the packets that it completes
   * @throws {Error} if this is no pcapng
   */
  feed(piece) {
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);

    /** @type {Frame[]} */
    const frames = [];
    let at = 0;
    while (bytes.length - at >= 12) {
      const length = this.#blockLength(bytes, at);
      if (bytes.length - at < length) break;

      const frame = this.#block(new DataView(bytes.buffer, at, length));
      if (frame) frames.push(frame);
      at += length;
      this.complete += length;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  #blockLength(bytes, at) {
    const view = new DataView(bytes.buffer, at);
    if (view.getUint32(0, true) === sectionHeader) {
      this.#little = view.getUint32(8, true) === byteOrderMagic;
      if (!this.#little && view.getUint32(8, false) !== byteOrderMagic)
        throw new Error('not pcapng: no byte order');
      this.#units = [];
    } else if (this.complete === 0) {
      throw new Error('not pcapng: no section header');
    }

    const length = view.getUint32(4, this.#little);
    if (length < 12 || length % 4 !== 0 || length > largestBlock)
      throw new Error(`pcapng: a block of ${length} octets`);
    return length;
  }

  /**
   * @param {DataView} block
   * @returns {Frame | null}
   */
  #block(block) {
    switch (block.getUint32(0, this.#little)) {
      case interfaceDescription:
        this.#units.push(this.#resolution(block));
        return null;
      case interfaceStatistics:
        this.comment = this.#option(block, 20, option.comment);
        return null;
      case enhancedPacket:
        return this.#packet(block);
      default:
        return null;
    }
  }

  /** @param {DataView} block */
  #packet(block) {
    if (block.byteLength < 32) throw new Error('pcapng: a packet block is too short');
    const unit = this.#units[block.getUint32(8, this.#little)];
    if (unit === undefined) throw new Error('pcapng: a packet of an unknown interface');

    const high = block.getUint32(12, this.#little);
    const low = block.getUint32(16, this.#little);
    const kept = block.getUint32(20, this.#little);
    if (kept > block.byteLength - 32) throw new Error('pcapng: a packet is longer than its block');
    return {
      at: ((high * 2 ** 32 + low) / unit) * 1000,
      length: block.getUint32(24, this.#little),
      data: new Uint8Array(block.buffer, block.byteOffset + 28, kept).slice(),
    };
  }

  /**
   * @param {DataView} block of an interface
   * @returns {number} units of time stamps in a second
   */
  #resolution(block) {
    for (const { code, value } of this.#options(block, 16)) {
      if (code !== option.resolution || value.length < 1) continue;
      return value[0] & 0x80 ? 2 ** (value[0] & 0x7f) : 10 ** value[0];
    }
    return 1e6;
  }

  /**
   * @param {DataView} block
   * @param {number} from
   * @param {number} wanted
   */
  #option(block, from, wanted) {
    for (const { code, value } of this.#options(block, from)) {
      if (code === wanted) return new TextDecoder().decode(value);
    }
    return '';
  }

  /**
   * @param {DataView} block
   * @param {number} from
   * @returns {Iterable<{code: number, value: Uint8Array}>}
   */
  *#options(block, from) {
    const end = block.byteLength - 4;
    for (let at = from; at + 4 <= end; ) {
      const code = block.getUint16(at, this.#little);
      const length = block.getUint16(at + 2, this.#little);
      if (code === option.end || at + 4 + length > end) return;
      yield { code, value: new Uint8Array(block.buffer, block.byteOffset + at + 4, length) };
      at += 4 + Math.ceil(length / 4) * 4;
    }
  }
}
