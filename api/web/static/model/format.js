// How numbers and times are written.

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];

/**
 * @param {number} value
 * @returns {string} with three digits and a prefix, such as 1.25 M
 */
export function scaled(value) {
  let power = 0;
  while (value >= 999.5 && power < prefixes.length - 1) {
    value /= 1000;
    power++;
  }
  if (power === 0) return value > 0 && value < 10 ? String(+value.toFixed(1)) : value.toFixed(0);

  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${prefixes[power]}`;
}

/** @param {number} value */
const unit = (value) => {
  const text = scaled(value);
  return /[a-zA-Z]$/.test(text) ? text : `${text} `;
};

/** @param {number} value bits a second */
export const bitRate = (value) => `${unit(value)}bit/s`;

/** @param {number} value packets a second */
export const packetRate = (value) => `${unit(value)}pkt/s`;

/** @param {number} value octets */
export const octets = (value) => `${unit(value)}B`;

/** @param {number} value */
export const count = (value) => value.toLocaleString('en');

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (number, one, many = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : many}`;

/**
 * @param {number} seconds
 * @returns {string} such as 3 min or 2 h 5 min
 */
export function duration(seconds) {
  const s = Math.round(Math.abs(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const minutes = Math.floor((s % 3600) / 60);
  if (s < 86400) return `${Math.floor(s / 3600)} h${minutes ? ` ${minutes} min` : ''}`;
  return plural(Math.floor(s / 86400), 'day');
}

/**
 * @param {string | null} time RFC 3339
 * @param {number} now in milliseconds
 * @returns {string} such as "3 min ago" or "in 2 h"; '' without a time
 */
export function relative(time, now) {
  if (!time) return '';
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(seconds)} ago`;
}

/** @param {string | null} time RFC 3339 */
export const moment = (time) =>
  time ? new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }) : '';

/** @param {Record<string, string>} labels */
export const labelText = (labels) =>
  Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(', ');
