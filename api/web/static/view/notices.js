// Short messages at the foot of the page, some with a way back, and questions before something
// is done.

import { h, fill } from './h.js';

const shownFor = 10_000; // ms

/** @typedef {{text: string, error?: boolean, undo?: () => unknown}} Notice */

/** Shows notices one below the other. Screen readers read them out. */
export class Notices {
  element = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

  /** @param {Notice} notice */
  show({ text, error, undo }) {
    const close = () => box.remove();
    const box = h(
      'div',
      { class: error ? 'notice notice-error' : 'notice' },
      h('span', {}, text),
      undo &&
        h(
          'button',
          {
            type: 'button',
            onclick: () => {
              close();
              undo();
            },
          },
          'Undo',
        ),
      h('button', { type: 'button', class: 'plain', 'aria-label': 'Dismiss', onclick: close }, '✕'),
    );
    this.element.append(box);
    if (!error && !undo) setTimeout(close, shownFor);
    if (undo) setTimeout(close, 3 * shownFor);
  }
}

/**
 * Asks before something is done.
 *
 * @param {{title: string, text: string, items?: string[], action: string}} question
 * @returns {Promise<boolean>} whether the answer is yes
 */
export function confirm({ title, text, items = [], action }) {
  const dialog = h('dialog', { 'aria-labelledby': 'question' });
  const shown = items.slice(0, 10);
  fill(
    dialog,
    h('h2', { id: 'question' }, title),
    h('p', {}, text),
    shown.length > 0 &&
      h(
        'ul',
        {},
        shown.map((item) => h('li', {}, item)),
      ),
    items.length > shown.length && h('p', {}, `and ${items.length - shown.length} more`),
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'button', onclick: () => dialog.close('') }, 'Cancel'),
      h('button', { type: 'button', class: 'danger', onclick: () => dialog.close('yes') }, action),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();

  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
  });
}
