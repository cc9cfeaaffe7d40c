// Search, order and pages of lists.

/** @typedef {{key: string, value: string}} Term key '' searches all texts */
/**
 * @template T
 * @typedef {object} Searchable
 * @property {(item: T) => string} text all that a word is looked for in
 * @property {Record<string, (item: T, value: string) => boolean>} keys terms such as status:error
 */
/**
 * @template T
 * @typedef {object} Choice
 * @property {string} query
 * @property {(item: T) => string | number} order
 * @property {boolean} descending
 * @property {number} page from 0
 * @property {number} size of a page
 */

/**
 * Reads words and terms such as status:error, separated by blanks. A key that is not known is part
 * of a word, so that MAC and IPv6 addresses are words.
 *
 * @param {string} query
 * @param {string[]} keys
 * @returns {Term[]}
 */
export function parseQuery(query, keys) {
  return query
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => {
      const colon = word.indexOf(':');
      const key = word.slice(0, Math.max(colon, 0)).toLowerCase();
      return keys.includes(key)
        ? { key, value: word.slice(colon + 1) }
        : { key: '', value: word.toLowerCase() };
    });
}

/**
 * @template T
 * @param {Iterable<T>} items
 * @param {string} query
 * @param {Searchable<T>} by
 * @returns {T[]} the items that all terms match
 */
export function search(items, query, by) {
  const terms = parseQuery(query, Object.keys(by.keys));

  return [...items].filter((item) =>
    terms.every(({ key, value }) =>
      key ? by.keys[key](item, value) : by.text(item).toLowerCase().includes(value),
    ),
  );
}

const collator = new Intl.Collator('en', { numeric: true });

/**
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string | number} order
 * @param {boolean} descending
 * @returns {T[]} a sorted copy; web2 comes before web10
 */
export function sorted(items, order, descending) {
  const sign = descending ? -1 : 1;
  const withKeys = items.map((item) => ({ item, key: order(item) }));
  withKeys.sort((a, b) => sign * compare(a.key, b.key));

  return withKeys.map(({ item }) => item);
}

/**
 * @param {string | number} a
 * @param {string | number} b
 */
function compare(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}

/**
 * @template T
 * @param {Iterable<T>} items
 * @param {Choice<T>} choice
 * @param {Searchable<T>} by
 * @returns {{matches: T[], shown: T[], page: number, pages: number}} a page beyond the end is the
 *   last one
 */
export function choose(items, choice, by) {
  const matches = sorted(search(items, choice.query, by), choice.order, choice.descending);
  const pages = Math.max(1, Math.ceil(matches.length / choice.size));
  const page = Math.min(Math.max(choice.page, 0), pages - 1);

  return {
    matches,
    shown: matches.slice(page * choice.size, (page + 1) * choice.size),
    page,
    pages,
  };
}

/**
 * @param {Record<string, string>} labels
 * @param {string} term such as app=db, or app for any value
 */
export function hasLabel(labels, term) {
  const [key, value] = term.split(/=(.*)/s);
  if (value === undefined) return key in labels;
  return labels[key] === value;
}
