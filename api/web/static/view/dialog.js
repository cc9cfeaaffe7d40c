// A form in a dialog.

import { textOf } from '../api/client.js';
import { h, setText } from './h.js';

/**
 * @param {string} title
 * @param {HTMLElement[]} fields
 * @param {string} action
 * @param {() => Promise<unknown>} submit the dialog stays open with the text of its error
 */
export function formDialog(title, fields, action, submit) {
  const error = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'primary' }, action);

  const form = h(
    'form',
    {
      onsubmit: async (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        button.disabled = true;
        try {
          await submit();
          dialog.close();
        } catch (problem) {
          setText(error, textOf(problem));
        } finally {
          button.disabled = false;
        }
      },
    },
    h('h2', { id: 'dialog-title' }, title),
    fields,
    error,
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
      button,
    ),
  );

  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
