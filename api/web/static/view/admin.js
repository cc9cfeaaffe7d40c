// Readiness, replicas and plugins for all; tokens and the audit log for admins.

import { APIError, textOf } from '../api/client.js';
import { moment, relative } from '../model/format.js';
import { auditTable } from './audit.js';
import { formDialog } from './dialog.js';
import { field, select } from './fields.js';
import { fill, h } from './h.js';
import { confirm } from './notices.js';
import { badge } from './status.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').Part} Part */
/** @typedef {import('../model/types.js').Plugin} Plugin */
/** @typedef {import('../model/types.js').Replica} Replica */
/** @typedef {import('../model/types.js').Token} Token */

const refreshPause = 5_000; // ms

/** @type {Record<string, string>} the status whose look a part's status has */
const looks = {
  ok: 'ready',
  degraded: 'pending',
  failed: 'error',
  leader: 'ready',
  standby: 'disabled',
};

/** @type {import('./app.js').ViewMaker} */
export const adminView = (app) => new AdminView(app);

class AdminView {
  #app;
  #timer;
  title = 'Admin';
  ready = h('div');
  replicas = h('div');
  plugins = h('div');
  tokens = h('div');
  audit = h('div');
  outcome = select(
    [
      ['', 'all outcomes'],
      ['success', 'success'],
      ['refused', 'refused'],
      ['denied', 'denied'],
      ['failed', 'failed'],
    ],
    {
      'aria-label': 'Outcome',
      onchange: () => this.#readAudit(),
    },
  );
  element;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const admin = app.may('admin');
    this.element = h(
      'article',
      {},
      h('div', { class: 'title' }, h('h1', {}, 'Admin')),
      h('section', { class: 'panel' }, h('h2', {}, 'Readiness'), this.ready),
      h('section', { class: 'panel' }, h('h2', {}, 'Replicas'), this.replicas),
      h('section', { class: 'panel' }, h('h2', {}, 'Plugins'), this.plugins),
      admin && [
        h(
          'section',
          { class: 'panel' },
          h(
            'div',
            { class: 'title' },
            h('h2', {}, 'Tokens'),
            h('button', { type: 'button', onclick: () => this.#create() }, 'New token'),
          ),
          this.tokens,
        ),
        h(
          'section',
          { class: 'panel' },
          h('div', { class: 'title' }, h('h2', {}, 'Audit log'), this.outcome),
          this.audit,
        ),
      ],
    );
    this.#refresh();
    this.#timer = setInterval(() => this.#refresh(), refreshPause);
    if (admin) {
      this.#readTokens();
      this.#readAudit();
    }
  }

  leave() {
    clearInterval(this.#timer);
  }

  #refresh() {
    this.#readReady();
    this.#readReplicas();
    this.#into(this.plugins, 'plugins', (list) =>
      table(
        ['Name', 'Version', 'Status', 'Running', 'Restarts', ''],
        list.plugins.map((/** @type {Plugin} */ p) => this.#plugin(p)),
      ),
    );
  }

  #readReplicas() {
    this.#into(this.replicas, 'replicas', (list) =>
      table(
        ['Name', 'Address', 'Role', 'Since'],
        list.replicas.map((/** @type {Replica} */ r) => [
          r.name,
          r.url,
          badge(looks[r.role] ?? r.role, r.role),
          relative(r.since, Date.now()),
        ]),
      ),
    );
  }

  /**
   * @param {HTMLElement} into
   * @param {string} path
   * @param {(answer: any) => HTMLElement} draw
   */
  async #into(into, path, draw) {
    try {
      const answer = await this.#app.client.get(path);
      if (!into.contains(document.activeElement)) fill(into, draw(answer));
    } catch (error) {
      fill(into, textOf(error));
    }
  }

  async #readReady() {
    /** @type {Part[]} */
    let parts = [];
    try {
      parts = (await this.#app.client.request('readyz')).parts ?? [];
    } catch (error) {
      parts = (error instanceof APIError && error.problem.parts) || [
        { name: 'controller', status: 'failed', detail: textOf(error) },
      ];
    }
    fill(
      this.ready,
      table(
        ['Part', 'State', 'Detail'],
        parts.map((p) => [p.name, badge(looks[p.status], p.status), p.detail]),
      ),
    );
  }

  /** @param {Plugin} p */
  #plugin(p) {
    const app = this.#app;
    const reload = async () => {
      try {
        await app.client.post(`plugins/${encodeURIComponent(p.name)}/reload`);
        app.notices.show({ text: `${p.name} was replaced.` });
      } catch (error) {
        app.notices.show({ error: true, text: textOf(error) });
      }
    };
    return [
      p.name,
      p.version,
      h('div', {}, badge(p.status), p.reason && h('div', { class: 'reason' }, p.reason)),
      relative(p.since, Date.now()),
      String(p.restarts),
      app.may('admin') &&
        h(
          'button',
          { type: 'button', 'aria-label': `Reload ${p.name}`, onclick: reload },
          'Reload',
        ),
    ];
  }

  async #readTokens() {
    try {
      const { tokens } = await this.#app.client.get('tokens');
      fill(
        this.tokens,
        table(
          ['Name', 'Role', 'Made by', 'Expires', 'Last used', ''],
          tokens.map((/** @type {Token} */ t) => [
            t.name,
            t.role,
            t.created_by,
            t.expired ? badge('error', 'expired') : t.expires_at ? moment(t.expires_at) : 'never',
            relative(t.last_used_at, Date.now()),
            !t.builtin &&
              h(
                'button',
                {
                  type: 'button',
                  class: 'danger',
                  'aria-label': `Revoke ${t.name}`,
                  onclick: () => this.#revoke(t),
                },
                'Revoke',
              ),
          ]),
        ),
      );
    } catch (error) {
      fill(this.tokens, textOf(error));
    }
  }

  async #readAudit() {
    try {
      const list = await this.#app.client.get('audit', { limit: 100, outcome: this.outcome.value });
      fill(this.audit, auditTable(list.audit));
    } catch (error) {
      fill(this.audit, textOf(error));
    }
  }

  #create() {
    const name = h('input', { required: true });
    const role = select([
      ['viewer', 'viewer'],
      ['operator', 'operator'],
      ['admin', 'admin'],
    ]);
    formDialog('New token', [field('Name', name), field('Role', role)], 'Create', async () => {
      const made = await this.#app.client.post('tokens', {
        name: name.value.trim(),
        role: role.value,
      });
      await this.#readTokens();
      const secret = h('input', { readonly: true, class: 'mono', value: made.token });
      queueMicrotask(() =>
        formDialog(
          `Token ${made.name}`,
          [field('Token', secret, 'It is shown only now.')],
          'Close',
          async () => {},
        ),
      );
    });
  }

  /** @param {Token} token */
  async #revoke(token) {
    const sure = await confirm({
      title: `Revoke ${token.name}?`,
      text: 'At once, and with it all that it has open.',
      action: 'Revoke',
    });
    if (!sure) return;
    try {
      await this.#app.client.delete(`tokens/${encodeURIComponent(token.id)}`);
    } catch (error) {
      this.#app.notices.show({ error: true, text: textOf(error) });
    }
    await this.#readTokens();
  }
}

/**
 * @param {string[]} titles
 * @param {import('./h.js').Child[][]} rows
 */
function table(titles, rows) {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': titles.join(', ') },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          titles.map((t) => (t ? h('th', { scope: 'col' }, t) : h('td'))),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((cells) =>
          h(
            'tr',
            {},
            cells.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ),
  );
}
