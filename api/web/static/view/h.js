// The one way to make elements. Data only ever becomes text or an attribute: there is no way to
// hand over HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Child | Child[] | (Child | Child[])[]} Children */

const svgNamespace = 'http://www.w3.org/2000/svg';

/** Attributes that are set as properties, since the attribute is only their first value. */
const properties = new Set(['value', 'checked', 'disabled', 'hidden', 'open', 'indeterminate']);

/**
 * Makes an HTML element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] functions named on… listen; null and false are left out
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (properties.has(name)) {
      /** @type {any} */ (element)[name] = value ?? false;
    } else {
      setAttribute(element, name, value);
    }
  }

  fill(element, ...children);
  return element;
}

/**
 * Makes an SVG element.
 *
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Children} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    setAttribute(element, name, value);
  }

  fill(element, ...children);
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {any} value
 */
function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) return;

  if (typeof value === 'function') {
    element.addEventListener(name.slice(2), value);
    return;
  }
  if (/^(on|style$|src)/.test(name)) throw new Error(`${name} may not be set from data`);
  if (name === 'href' && !/^(#|blob:)/.test(value)) throw new Error('links stay in the page');

  element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Replaces the children of an element.
 *
 * @param {Element} element
 * @param {...Children} children
 */
export function fill(element, ...children) {
  const nodes = /** @type {Child[]} */ (/** @type {any} */ (children).flat(Infinity));
  const shown = nodes.filter((c) => c !== null && c !== undefined && c !== false);
  element.replaceChildren(...shown.map((c) => (c instanceof Node ? c : String(c))));
}

/**
 * Sets the text of an element if it is another one, so that nothing is laid out anew and no
 * selection is lost without need.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of an element those of some items, in order. Elements of items that were
 * there before stay, so the focus does too.
 *
 * @template T
 * @param {Element} parent
 * @param {T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} make
 * @param {(element: Element, item: T) => void} update called for elements that stay
 */
export function keyed(parent, items, keyOf, make, update) {
  const known = /** @type {Map<string, Element>} */ (
    /** @type {any} */ (parent).keyed ?? new Map()
  );
  const next = new Map();

  for (const item of items) {
    const key = keyOf(item);
    let element = known.get(key);
    if (element) update(element, item);
    else element = make(item);
    next.set(key, element);
  }

  for (const [key, element] of known) if (!next.has(key)) element.remove();

  let at = parent.firstElementChild;
  for (const element of next.values()) {
    if (at && element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  /** @type {any} */ (parent).keyed = next;
}
