// Labels as they are typed.

/**
 * @param {string} text such as app=db, env=test
 * @param {Record<string, string>} before
 * @returns {Record<string, string | null>} a merge patch: null removes a label
 */
export function parseLabels(text, before = {}) {
  /** @type {Record<string, string | null>} */
  const patch = Object.fromEntries(Object.keys(before).map((key) => [key, null]));
  for (const pair of text.split(',')) {
    const [key, value = ''] = pair.trim().split(/=(.*)/s);
    if (key) patch[key] = value;
  }
  return patch;
}
