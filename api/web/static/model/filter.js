// Where in a filter its error is.

/** @typedef {import('./types.js').FilterError} FilterError */

/**
 * Splits a filter at the place of an error, which is told in octets of UTF-8.
 *
 * @param {string} text
 * @param {FilterError} error
 * @returns {{before: string, at: string, after: string}} at is a blank if the place is the end
 */
export function place(text, { offset, length }) {
  const octets = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const end = offset + length;

  return {
    before: decoder.decode(octets.subarray(0, offset)),
    at: decoder.decode(octets.subarray(offset, end)) || ' ',
    after: decoder.decode(octets.subarray(end)),
  };
}
