// A list with search, order and pages. The URL holds what is searched, so a list can be linked to.

import { choose } from '../model/list.js';
import { count } from '../model/format.js';
import { routeTo } from '../model/route.js';
import { fill, h, keyed, setText } from './h.js';

/** @typedef {import('./app.js').View} View */
/** @typedef {import('../model/route.js').Route} Route */
/**
 * @template T
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(item: T) => import('./h.js').Child} cell
 * @property {(item: T) => string | number} order
 * @property {(item: T) => string} [sign] what a cell shows, if its nodes are costly to make anew
 * @property {boolean} [number] aligned to the right
 * @property {string} [css]
 */
/**
 * @template T
 * @typedef {object} Bulk
 * @property {string} title
 * @property {boolean} [danger]
 * @property {(items: T[]) => void} run
 */
/**
 * @template {{id: string, name: string}} T
 * @typedef {object} TableConfig
 * @property {string} title
 * @property {string} view of the route
 * @property {string} hint about what can be searched
 * @property {() => Iterable<T>} items
 * @property {Column<T>[]} columns
 * @property {import('../model/list.js').Searchable<T>} by
 * @property {Bulk<T>[]} bulk
 * @property {import('./h.js').Child[]} [extra] beside the title
 */

const pageSize = 50;

/**
 * @template {{id: string, name: string}} T
 * @param {TableConfig<T>} config
 * @param {Route} route
 * @returns {View}
 */
export function tableView(config, route) {
  return new Table(config, route);
}

/** @template {{id: string, name: string}} T */
class Table {
  #config;
  /** @type {Set<string>} ids */
  #selected = new Set();
  /** @type {T[]} */
  #matches = [];
  /** @type {T[]} */
  #shown = [];
  #page = 0;
  #pages = 1;
  #bulkSign = '';
  #pagerSign = '';

  search = h('input', {
    type: 'search',
    id: 'search',
    oninput: () => {
      this.#page = 0;
      this.update();
    },
  });
  summary = h('span', { class: 'summary', role: 'status' });
  bulk = h('div', { class: 'bulk', role: 'group', 'aria-label': 'Selected' });
  all = h('input', {
    type: 'checkbox',
    'aria-label': 'Select this page',
    onchange: () => this.#selectPage(),
  });
  head = h('tr');
  body = h('tbody');
  pager = h('nav', { class: 'pager', 'aria-label': 'Pages' });

  /**
   * @param {TableConfig<T>} config
   * @param {Route} route
   */
  constructor(config, route) {
    this.#config = config;
    this.title = config.title;
    this.#page = Math.max(0, (Number(route.query.get('page')) || 1) - 1);
    this.sort = route.query.get('sort') ?? config.columns[0].key;
    this.descending = route.query.get('dir') === 'desc';
    this.search.value = route.query.get('q') ?? '';
    this.search.placeholder = config.hint;
    this.search.setAttribute('aria-label', `Search ${config.title.toLowerCase()}`);
    this.element = h(
      'section',
      { class: 'list' },
      h('div', { class: 'title' }, h('h1', {}, config.title), config.extra ?? []),
      h('div', { class: 'tools' }, this.search, this.summary),
      this.bulk,
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': config.title },
        h('table', {}, h('thead', {}, this.head), this.body),
      ),
      this.pager,
    );
    this.#buildHead();
    this.update();
  }

  #buildHead() {
    const { columns, bulk } = this.#config;
    fill(
      this.head,
      bulk.length > 0 && h('td', { class: 'select' }, this.all),
      columns.map((column) => {
        const active = column.key === this.sort;
        const order = this.descending ? 'descending' : 'ascending';
        return h(
          'th',
          {
            scope: 'col',
            'aria-sort': active ? order : null,
            class: column.number ? 'number' : null,
          },
          h(
            'button',
            { type: 'button', class: 'sort', onclick: () => this.#orderBy(column.key) },
            column.title,
            h('span', { 'aria-hidden': 'true' }, active ? (this.descending ? ' ▼' : ' ▲') : ''),
          ),
        );
      }),
    );
  }

  /** @param {string} key */
  #orderBy(key) {
    this.descending = key === this.sort && !this.descending;
    this.sort = key;
    this.#page = 0;
    this.#buildHead();
    const at = this.#config.columns.findIndex((column) => column.key === key);
    this.head.querySelectorAll('button')[at].focus();
    this.update();
  }

  #selectPage() {
    for (const { id } of this.#shown) {
      if (this.all.checked) this.#selected.add(id);
      else this.#selected.delete(id);
    }
    this.update();
  }

  update() {
    const { columns, by, items } = this.#config;
    const column = columns.find(({ key }) => key === this.sort) ?? columns[0];
    const all = [...items()];
    const chosen = choose(
      all,
      {
        query: this.search.value,
        order: column.order,
        descending: this.descending,
        page: this.#page,
        size: pageSize,
      },
      by,
    );
    this.#matches = chosen.matches;
    this.#shown = chosen.shown;
    this.#page = chosen.page;
    this.#pages = chosen.pages;
    this.#dropGone(all);

    setText(
      this.summary,
      chosen.matches.length === all.length
        ? count(all.length)
        : `${count(chosen.matches.length)} of ${count(all.length)}`,
    );
    this.#drawRows();
    this.#drawBulk();
    this.#drawPager();
    this.#noteInURL();
  }

  /** @param {T[]} all */
  #dropGone(all) {
    if (this.#selected.size === 0) return;
    const known = new Set(all.map(({ id }) => id));
    for (const id of this.#selected) if (!known.has(id)) this.#selected.delete(id);
  }

  #drawRows() {
    keyed(
      this.body,
      this.#shown,
      (item) => item.id,
      (item) => this.#row(item),
      (row, item) => this.#refresh(/** @type {HTMLTableRowElement} */ (row), item),
    );
    this.all.checked =
      this.#shown.length > 0 && this.#shown.every(({ id }) => this.#selected.has(id));
  }

  /** @param {T} item */
  #row(item) {
    const { columns, bulk } = this.#config;
    const row = h(
      'tr',
      {},
      bulk.length > 0 &&
        h(
          'td',
          { class: 'select' },
          h('input', {
            type: 'checkbox',
            'aria-label': `Select ${item.name}`,
            onchange: (/** @type {Event} */ event) => {
              if (/** @type {HTMLInputElement} */ (event.target).checked)
                this.#selected.add(item.id);
              else this.#selected.delete(item.id);
              this.update();
            },
          }),
        ),
      columns.map((column) => h('td', { class: column.number ? 'number' : (column.css ?? null) })),
    );
    this.#refresh(row, item);
    return row;
  }

  /**
   * Draws the cells that show something else than before. The others keep focus and selection.
   *
   * @param {HTMLTableRowElement} row
   * @param {T} item
   */
  #refresh(row, item) {
    const cells = [...row.cells];
    if (this.#config.bulk.length > 0) {
      const box = /** @type {HTMLInputElement} */ (
        /** @type {Element} */ (cells.shift()).firstElementChild
      );
      box.checked = this.#selected.has(item.id);
    }

    this.#config.columns.forEach((column, i) => {
      const cell = /** @type {HTMLElement & {sign?: string}} */ (cells[i]);
      const sign = column.sign ? column.sign(item) : String(column.order(item));
      if (cell.sign === sign && cell.hasChildNodes()) return;
      cell.sign = sign;
      fill(cell, column.cell(item));
    });
  }

  #drawBulk() {
    const { bulk } = this.#config;
    const number = this.#selected.size;
    this.bulk.hidden = number === 0;
    const sign = `${number} of ${this.#matches.length}`;
    if (number === 0 || sign === this.#bulkSign) return;
    this.#bulkSign = sign; // A button that has the focus is not made anew without need.

    const chosen = () => [...this.#config.items()].filter(({ id }) => this.#selected.has(id));
    fill(
      this.bulk,
      h('span', {}, `${count(number)} selected`),
      bulk.map(({ title, danger, run }) =>
        h(
          'button',
          { type: 'button', class: danger ? 'danger' : null, onclick: () => run(chosen()) },
          title,
        ),
      ),
      number < this.#matches.length &&
        h(
          'button',
          {
            type: 'button',
            onclick: () => {
              for (const { id } of this.#matches) this.#selected.add(id);
              this.update();
            },
          },
          `Select all ${count(this.#matches.length)}`,
        ),
      h(
        'button',
        {
          type: 'button',
          onclick: () => {
            this.#selected.clear();
            this.update();
          },
        },
        'Clear',
      ),
    );
  }

  #drawPager() {
    this.pager.hidden = this.#pages < 2;
    const sign = `${this.#page} of ${this.#pages}`;
    if (this.pager.hidden || sign === this.#pagerSign) return;
    this.#pagerSign = sign;

    /** @param {string} title @param {number} page */
    const button = (title, page) =>
      h(
        'button',
        {
          type: 'button',
          disabled: page < 0 || page >= this.#pages || page === this.#page,
          onclick: () => {
            this.#page = page;
            this.update();
          },
        },
        title,
      );
    const label = `Page ${count(this.#page + 1)} of ${count(this.#pages)}`;
    const focused = document.activeElement?.parentElement === this.pager;
    const at = focused
      ? [...this.pager.children].indexOf(/** @type {Element} */ (document.activeElement))
      : -1;
    fill(
      this.pager,
      button('First', 0),
      button('Previous', this.#page - 1),
      h('span', {}, label),
      button('Next', this.#page + 1),
      button('Last', this.#pages - 1),
    );
    if (at >= 0) /** @type {HTMLElement} */ (this.pager.children[at]).focus();
  }

  #noteInURL() {
    const route = routeTo(this.#config.view, '', {
      q: this.search.value,
      sort: this.sort === this.#config.columns[0].key ? '' : this.sort,
      dir: this.descending ? 'desc' : '',
      page: this.#page > 0 ? String(this.#page + 1) : '',
    });
    if (this.element.isConnected && location.hash !== route) history.replaceState(null, '', route);
  }
}
