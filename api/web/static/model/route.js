// Where in the page one is: the part of the URL after '#'. It never has a token.

/** @typedef {{view: string, id: string, query: URLSearchParams}} Route */

/**
 * @param {string} hash such as #/flows/ID?q=web
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const [view, ...rest] = path.split('/');

  return { view: view || 'map', id: decode(rest.join('/')), query: new URLSearchParams(query) };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * @param {string} view
 * @param {string} [id]
 * @param {Record<string, string>} [query] empty values are left out
 */
export function routeTo(view, id = '', query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const end = parameters.size ? `?${parameters}` : '';

  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ''}${end}`;
}
