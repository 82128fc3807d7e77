// How an answer is drawn. Whatever came from a database is text: it is never parsed as markup.
"use strict";

const Drawing = (() => {
  const SHORT = 240; // characters of a cell before it is cut; the rest is behind its button
  const LINE = 40; // what is shorter stays on one line
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  // Text whose control characters can be seen; a line end stays one.
  function shown(text) {
    if (!HIDDEN.test(text)) return [text];
    return text.split(new RegExp(`(${HIDDEN.source})`)).filter(Boolean).map((piece) => {
      if (piece.length > 1 || !HIDDEN.test(piece)) return piece;
      const code = piece.charCodeAt(0);
      const word = code === 13 ? "\\r" : code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
      return element("span", { class: "ctl" }, word);
    });
  }

  function number(value) {
    return value.toLocaleString("en-US");
  }

  // One result of a statement: its columns, and rows that are shown a few hundred at a time.
  class Table {
    constructor(into, name, page, whole) {
      this.rows = [];
      this.columns = [];
      this.drawn = 0;
      this.page = page;
      this.whole = whole;
      this.head = element("tr");
      this.body = element("tbody");
      this.table = element("table", {}, element("thead", {}, this.head), this.body);
      this.scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Rows of ${name}` }, this.table);
      this.more = element("button", { type: "button", class: "quiet small", hidden: "" });
      this.more.addEventListener("click", () => this.draw(this.drawn + this.page));
      into.append(this.scroll, this.more);
    }

    setColumns(columns) {
      this.columns = columns;
      this.head.replaceChildren(...columns.map((column) => {
        const cell = element("th", { scope: "col", class: column.number ? "number" : undefined }, ...shown(column.name));
        if (column.type) cell.title = column.type;
        return cell;
      }));
      // Rows above the one that brought a new field do without it.
      for (const row of this.body.rows) while (row.cells.length < columns.length) row.append(element("td"));
    }

    add(rows) {
      for (const row of rows) this.rows.push(row);
      if (this.drawn < this.page) this.draw(this.page);
      else this.told();
    }

    draw(upTo) {
      const part = document.createDocumentFragment();
      const end = Math.min(upTo, this.rows.length);
      for (; this.drawn < end; this.drawn += 1) part.append(this.row(this.rows[this.drawn]));
      this.body.append(part);
      this.told();
    }

    told() {
      const left = this.rows.length - this.drawn;
      this.more.hidden = left === 0;
      this.more.textContent = `Show ${number(Math.min(left, this.page))} more (${number(this.drawn)} of ${number(this.rows.length)} are shown)`;
    }

    row(values) {
      const row = element("tr");
      values.forEach((value, place) => row.append(this.cell(value, this.columns[place])));
      for (let place = values.length; place < this.columns.length; place += 1) row.append(element("td"));
      return row;
    }

    cell(value, column) {
      const isNumber = Array.isArray(value);
      const plain = typeof value === "string" && value.length <= LINE && !value.includes("\n");
      const kind = isNumber || (column && column.number) ? "number" : plain || value === null ? "line" : value === 0 ? undefined : "wide";
      const cell = element("td", { class: kind });
      if (value === null) cell.append(element("span", { class: "nothing" }, "NULL"));
      else if (value === "") cell.append(element("span", { class: "nothing" }, "empty text"));
      else if (isNumber) cell.append(value[0]);
      else if (typeof value === "object") this.cut(cell, column, value.text, value.length, value.value);
      else if (value !== 0 && value.length > SHORT) this.cut(cell, column, value, value.length);
      else if (value !== 0) cell.append(...shown(value));
      return cell;
    }

    cut(cell, column, text, length, kept) {
      const name = column ? column.name : "value";
      const rest = element("button", { type: "button", class: "rest", "aria-label": `All ${number(length)} characters of ${name}` }, `… ${number(length)} characters`);
      rest.addEventListener("click", () => this.whole(name, text, length, kept));
      cell.append(...shown(text.slice(0, SHORT)), rest);
    }
  }

  return { Table, element, shown, number };
})();
