// The first view: it asks for a token and tries it.

import { Client, APIError, textOf } from '../api/client.js';
import { h, setText } from './h.js';

/** @typedef {import('../model/types.js').Identity} Identity */

/**
 * @param {(token: string, client: Client, identity: Identity) => void} onLogin
 * @param {string} why the user is asked again; '' at first
 * @returns {HTMLElement}
 */
export function loginView(onLogin, why) {
  const error = h('p', { class: 'problem', role: 'alert' }, why);
  const token = h('input', {
    id: 'token',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    autofocus: true,
  });
  const button = h('button', { type: 'submit', class: 'primary' }, 'Log in');

  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    const client = new Client(token.value.trim());
    button.disabled = true;
    try {
      const identity = await client.get('whoami');
      onLogin(token.value.trim(), client, identity);
    } catch (problem) {
      setText(error, loginProblem(problem));
      token.select();
      token.focus();
    } finally {
      button.disabled = false;
    }
  };

  return h(
    'main',
    { class: 'login' },
    h('h1', {}, 'Tapline'),
    h(
      'form',
      { onsubmit: submit },
      h('label', { for: 'token' }, 'Token'),
      token,
      h(
        'p',
        { class: 'hint' },
        'An administrator makes one by ',
        h('code', {}, 'tapctl token-create'),
        '. This tab keeps it until it is closed or you log out.',
      ),
      error,
      button,
    ),
  );
}

/** @param {unknown} error */
function loginProblem(error) {
  if (error instanceof APIError && error.status === 401) {
    return `The controller does not accept this token: ${error.message}`;
  }
  return textOf(error);
}
