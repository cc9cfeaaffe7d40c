// Saves the map as a picture.

import { h, s } from './h.js';

/** What CSS gives the drawing; a file has to carry it. */
const copied = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'opacity',
  'font-size',
  'font-weight',
  'font-family',
  'display',
];
const margin = 20;
const mostPixels = 8192; // in each direction; browsers draw no larger ones

/** @typedef {{width: number, height: number}} Size */

/**
 * @param {SVGSVGElement} svg
 * @param {Size} size of everything that is drawn
 */
function standalone(svg, { width, height }) {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const originals = svg.querySelectorAll('*');
  copy.querySelectorAll('*').forEach((element, i) => {
    const style = getComputedStyle(originals[i]);
    for (const name of copied) element.setAttribute(name, style.getPropertyValue(name));
    for (const name of ['class', 'style', 'tabindex', 'role']) element.removeAttribute(name);
  });

  copy.setAttribute(
    'viewBox',
    `${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`,
  );
  copy.setAttribute('width', String(width + 2 * margin));
  copy.setAttribute('height', String(height + 2 * margin));
  const background = getComputedStyle(document.body).backgroundColor;
  copy.prepend(
    s('rect', { x: -margin, y: -margin, width: '100%', height: '100%', fill: background }),
  );
  return new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' });
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {SVGSVGElement} svg @param {Size} size */
export const saveSVG = (svg, size) => save(standalone(svg, size), 'tapline.svg');

/** @param {SVGSVGElement} svg @param {Size} size */
export async function savePNG(svg, size) {
  const url = URL.createObjectURL(standalone(svg, size));
  const image = new Image();
  image.src = url;
  await image.decode();

  const scale = Math.min(2, mostPixels / Math.max(image.width, image.height));
  const canvas = h('canvas', {
    width: Math.round(image.width * scale),
    height: Math.round(image.height * scale),
  });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  canvas.toBlob((blob) => blob && save(blob, 'tapline.png'), 'image/png');
}
