// What every view gets: the session of a user who has logged in.

import { Sampler } from '../api/sampler.js';
import { Watch } from '../api/watch.js';
import { Store } from '../model/store.js';
import { Notices } from './notices.js';

/** @typedef {import('../api/client.js').Client} Client */
/** @typedef {import('../model/types.js').Identity} Identity */
/** @typedef {import('../model/types.js').Role} Role */
/**
 * A view of the page.
 *
 * @typedef {object} View
 * @property {string} title
 * @property {HTMLElement} element
 * @property {() => void} [update] called after something in the store has changed
 * @property {() => void} [leave] called when another view is shown
 */
/** @typedef {(app: App, route: import('../model/route.js').Route) => View} ViewMaker */

/** @type {Role[]} each includes those before it */
const roles = ['viewer', 'operator', 'admin'];

/** The session of a user. */
export class App {
  store = new Store();
  notices = new Notices();

  /**
   * @param {Client} client
   * @param {Identity} identity
   */
  constructor(client, identity) {
    this.client = client;
    this.identity = identity;
    this.watch = new Watch(client, this.store);
    this.sampler = new Sampler(client, this.store);
  }

  /**
   * Reports whether the user may do what a role may. What he may not is not offered; the API
   * refuses it all the same.
   *
   * @param {Role} role
   */
  may(role) {
    return roles.indexOf(this.identity.role) >= roles.indexOf(role);
  }

  start() {
    this.watch.run();
    this.sampler.run();
  }

  stop() {
    this.watch.stop();
    this.sampler.stop();
  }
}
