// Requests to the API. All URLs are relative to the page, so a proxy may offer both at any path.

/** @typedef {import('../model/types.js').Problem} Problem */

/** A request that was refused, or that no controller has answered (status 0). */
export class APIError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
    this.status = problem.status;
  }
}

/**
 * @typedef {object} Options
 * @property {string} [method]
 * @property {Record<string, string | number | boolean | undefined>} [query] empty ones are left out
 * @property {unknown} [body] sent as JSON
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** Talks to the API with a token. */
export class Client {
  #token;
  #base = new URL('../', document.baseURI);
  /** Called when the API does not accept the token any more. */
  onDenied = () => {};

  /** @param {string} token */
  constructor(token) {
    this.#token = token;
  }

  /**
   * @param {string} path such as api/v1/hosts
   * @param {Options} [options]
   * @returns {Promise<any>} the answer's JSON; null if it has none
   */
  async request(path, options = {}) {
    const response = await this.open(path, options);
    if (response.status === 204) return null;
    return response.json();
  }

  /**
   * Sends a request and returns the answer once its header has come.
   *
   * @param {string} path
   * @param {Options} [options]
   */
  async open(path, { method = 'GET', query = {}, body, headers = {}, signal } = {}) {
    const url = new URL(path, this.#base);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') url.searchParams.set(key, String(value));
    }

    /** @type {Record<string, string>} */
    const all = { ...headers };
    if (this.#token) all.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) all['Content-Type'] = 'application/json';

    let response;
    try {
      response = await fetch(url, {
        method,
        headers: all,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        credentials: 'same-origin', // a client certificate, if there is one
        cache: 'no-store',
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new APIError(unreachable());
    }

    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401) this.onDenied();
    throw new APIError(problem);
  }

  /**
   * @param {string} path below api/v1/
   * @param {Options['query']} [query]
   * @param {AbortSignal} [signal]
   */
  get(path, query, signal) {
    return this.request(`api/v1/${path}`, { query, signal });
  }

  /**
   * @param {string} path below api/v1/
   * @param {unknown} [body]
   * @param {Options['query']} [query]
   * @param {AbortSignal} [signal]
   */
  post(path, body, query, signal) {
    return this.request(`api/v1/${path}`, { method: 'POST', body, query, signal });
  }

  /**
   * @param {string} path below api/v1/
   * @param {unknown} body
   */
  patch(path, body) {
    return this.request(`api/v1/${path}`, { method: 'PATCH', body });
  }

  /** @param {string} path below api/v1/ */
  delete(path) {
    return this.request(`api/v1/${path}`, { method: 'DELETE' });
  }
}

/** @returns {Problem} */
const unreachable = () => ({
  status: 0,
  title: 'No answer',
  detail: 'The controller does not answer.',
  code: 'no_answer',
});

/**
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
async function problemOf(response) {
  try {
    const problem = await response.json();
    if (typeof problem.detail === 'string') return problem;
  } catch {
    // A proxy answers in its own words.
  }
  return {
    status: response.status,
    title: response.statusText,
    detail: `The answer was ${response.status} ${response.statusText}.`,
    code: '',
  };
}

/**
 * @param {unknown} error
 * @returns {string} its text for people
 */
export function textOf(error) {
  if (error instanceof APIError && error.problem.errors?.length) {
    return error.problem.errors.map(({ field, detail }) => `${field}: ${detail}`).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
