// The page begins here: it logs in with the token that this tab holds, or asks for one.

import { APIError, Client } from './api/client.js';
import { App } from './view/app.js';
import { fill, h } from './view/h.js';
import { loginView } from './view/login.js';
import { Shell } from './view/shell.js';

/** @typedef {import('./model/types.js').Identity} Identity */

// The token is kept for this tab alone, and apart for each controller behind one proxy.
const tokenKey = `tapline token ${new URL('.', document.baseURI).pathname}`;

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
/** @type {Shell | null} */
let shell = null;

/** @param {string} [why] the user has to log in again */
function askForToken(why = '') {
  sessionStorage.removeItem(tokenKey);
  shell?.stop();
  shell = null;
  document.title = 'Log in · Tapline';
  fill(root, loginView(enter, why));
  document.getElementById('token')?.focus();
}

/**
 * @param {string} token
 * @param {Client} client
 * @param {Identity} identity
 */
function enter(token, client, identity) {
  sessionStorage.setItem(tokenKey, token);
  client.onDenied = () => askForToken('The controller does not accept your token any more.');

  const app = new App(client, identity);
  shell = new Shell(app, () => askForToken());
  fill(root, shell.element);
  shell.start();
  app.start();
}

/** Goes on with the token of this tab. */
async function resume() {
  const token = sessionStorage.getItem(tokenKey);
  if (!token) {
    askForToken();
    return;
  }

  const client = new Client(token);
  try {
    enter(token, client, await client.get('whoami'));
  } catch (error) {
    if (error instanceof APIError && error.status === 401) {
      askForToken('The controller does not accept your token any more.');
      return;
    }
    fill(
      root,
      h(
        'main',
        { class: 'login' },
        h('h1', {}, 'Tapline'),
        h(
          'p',
          { class: 'problem', role: 'alert' },
          'The controller does not answer. Trying again …',
        ),
      ),
    );
    setTimeout(resume, 2000);
  }
}

resume();
