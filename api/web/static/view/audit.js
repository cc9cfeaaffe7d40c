// Records of the audit log. Only an admin may read them.

import { textOf } from '../api/client.js';
import { moment } from '../model/format.js';
import { fill, h } from './h.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('../model/types.js').AuditRecord} AuditRecord */

/** @param {AuditRecord[]} records */
export function auditTable(records) {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Audit log' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Time', 'Who', 'From', 'What', 'Outcome'].map((t) => h('th', { scope: 'col' }, t)),
        ),
      ),
      h(
        'tbody',
        {},
        records.map((r) =>
          h(
            'tr',
            {},
            h('td', {}, moment(r.time)),
            h(
              'td',
              {},
              `${r.actor.name || r.actor.type} ${r.actor.role ? `(${r.actor.role})` : ''}`,
            ),
            h('td', {}, r.remote),
            h(
              'td',
              {},
              `${r.action} ${r.kind} ${r.name || r.id}${r.count > 1 ? ` × ${r.count}` : ''}`,
            ),
            h('td', {}, r.outcome, r.problem && h('div', { class: 'reason' }, r.problem)),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {App} app
 * @param {string} kind
 * @param {string} ref id or name
 * @returns {HTMLElement | null} who changed it and when; null for those who may not know
 */
export function historyPanel(app, kind, ref) {
  if (!app.may('admin')) return null;

  const body = h('div', {}, 'Reading …');
  app.client.get('audit', { kind, id: ref, limit: 50 }).then(
    (list) => fill(body, list.audit.length > 0 ? auditTable(list.audit) : 'No records.'),
    (error) => fill(body, textOf(error)),
  );
  return h('section', { class: 'panel' }, h('h2', {}, 'History'), body);
}
