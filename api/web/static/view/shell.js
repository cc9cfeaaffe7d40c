// What is around every view: navigation, whether the page is live, and the way out.

import { parseRoute, routeTo } from '../model/route.js';
import { fill, h, setText } from './h.js';
import { adminView } from './admin.js';
import { createView, newServiceView } from './create.js';
import { flowView } from './flow.js';
import { flowsView } from './flows.js';
import { mapView } from './map.js';
import { packetsView } from './packets.js';
import { guestsView, hostsView } from './places.js';
import { servicesView } from './services.js';
import { guestView, hostView, serviceView } from './things.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./app.js').View} View */
/** @typedef {import('./app.js').ViewMaker} ViewMaker */
/** @typedef {import('../model/route.js').Route} Route */

/** @type {Record<string, ViewMaker>} */
const lists = {
  map: mapView,
  flows: flowsView,
  services: servicesView,
  hosts: hostsView,
  guests: guestsView,
  packets: packetsView,
  admin: adminView,
  new: createView,
  'new-service': newServiceView,
};

/** @type {Record<string, ViewMaker>} by the view of a route that has an id */
const details = {
  flows: flowView,
  services: serviceView,
  hosts: hostView,
  guests: guestView,
};

/** @type {[string, string, import('../model/types.js').Role][]} views, titles, who may use them */
const sections = [
  ['map', 'Map', 'viewer'],
  ['flows', 'Tap flows', 'viewer'],
  ['services', 'Services', 'viewer'],
  ['hosts', 'Hosts', 'viewer'],
  ['guests', 'Guests', 'viewer'],
  ['packets', 'Packets', 'operator'],
  ['admin', 'Admin', 'viewer'],
];

const redrawPause = 250; // ms between two updates of a view

/** Shows the view of the URL, and keeps it up to date. */
export class Shell {
  /** @type {View | null} */
  #view = null;
  #app;
  #scheduled = false;
  #onHash = () => this.#show();

  /**
   * @param {App} app
   * @param {() => void} onLogout
   */
  constructor(app, onLogout) {
    this.#app = app;
    this.sections = sections.filter(([, , role]) => app.may(role));
    this.links = this.sections.map(([view, title]) => h('a', { href: routeTo(view) }, title));
    this.live = h('span', { class: 'live', role: 'status' });
    this.main = h('main', { id: 'main', tabindex: -1 });
    this.element = h(
      'div',
      { class: 'shell' },
      h(
        'button',
        { type: 'button', class: 'skip', onclick: () => this.main.focus() },
        'Skip to content',
      ),
      h(
        'header',
        {},
        h('a', { class: 'brand', href: routeTo('map') }, 'Tapline'),
        h('nav', { 'aria-label': 'Sections' }, this.links),
        this.live,
        h('span', { class: 'who' }, `${app.identity.name} (${app.identity.role})`),
        h('button', { type: 'button', onclick: onLogout }, 'Log out'),
      ),
      this.main,
      app.notices.element,
    );

    app.store.listen(() => this.#schedule());
    app.watch.onState = () => this.#showState();
    window.addEventListener('hashchange', this.#onHash);
    this.#showState();
  }

  /** Shows the first view. */
  start() {
    this.#show();
  }

  stop() {
    window.removeEventListener('hashchange', this.#onHash);
    this.#view?.leave?.();
    this.#app.stop();
  }

  #show() {
    const route = parseRoute(location.hash);
    this.#view?.leave?.();
    const make = (route.id && details[route.view]) || lists[route.view] || mapView;
    this.#view = make(this.#app, route);

    fill(this.main, this.#view.element);
    this.#view.update?.();
    this.#title();
    for (const [i, [view]] of this.sections.entries()) {
      if (view === route.view) this.links[i].setAttribute('aria-current', 'page');
      else this.links[i].removeAttribute('aria-current');
    }
    if (document.activeElement === document.body) this.main.focus();
  }

  #title() {
    if (this.#view) document.title = `${this.#view.title} · Tapline`;
  }

  /** Updates the view soon, once for all changes until then. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      this.#view?.update?.();
      this.#title();
    }, redrawPause);
  }

  #showState() {
    const { state, problem } = this.#app.watch;
    const texts = { connecting: 'Connecting …', live: 'Live', down: 'Not live' };
    this.live.className = `live live-${state}`;
    setText(this.live, texts[state]);
    this.live.title = problem;
    this.main.classList.toggle('stale', state === 'down');
  }
}
