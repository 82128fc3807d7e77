// Asking: each target by a request of its own, its answer as it comes, and word to the console that the page is there.
"use strict";

const Asking = Query && (() => {
  const { facts, button, uuid, post, say, cancelled, chosen, statement, parameters } = Query;
  const { Table, element, shown, number } = Drawing;
  const results = document.getElementById("results");
  const AT_ONCE = 3; // a browser has six lines to a host, and the console a few threads: the others wait here

  const running = new Map(); // id → Asked
  let waiting = [];

  // One target's part of a question: its box among the results.
  class Asked {
    constructor(target, text, plan) {
      this.id = uuid();
      this.target = target;
      this.text = text;
      this.plan = plan;
      this.state = element("span", { class: "mark busy" }, "waits");
      this.facts = element("span", { class: "hint" });
      this.stop = element("button", { type: "button", class: "quiet small" }, "Stop");
      this.stop.addEventListener("click", () => this.cancel());
      this.body = element("div");
      this.box = element("article", { class: "result", "aria-label": `Answer of ${target.name}`, "data-id": this.id },
        element("header", {}, element("h2", {}, target.name), this.state, this.facts, this.stop), this.body);
    }

    mark(kind, word) {
      this.state.className = `mark ${kind}`;
      this.state.textContent = word;
      this.box.dataset.state = word;
    }

    note(text, kind = "notice") {
      this.body.append(element("p", { class: kind, role: kind === "notice" ? undefined : "alert" }, ...shown(text)));
    }

    async run() {
      running.set(this.id, this);
      this.mark("busy", "running");
      tellRunning();
      try {
        const response = await this.accepted();
        if (!response) return;
        await this.read(response.body);
      } catch (error) {
        this.failed(this.left ? "stopped" : `the line to the console broke: ${error.message}`);
      } finally {
        running.delete(this.id);
        this.stop.remove();
        tellRunning();
        next();
      }
    }

    async accepted() {
      const body = { id: this.id, target: this.target.name, text: this.text, params: parameters(), plan: this.plan };
      for (;;) {
        if (this.left) {
          this.failed("stopped");
          return null;
        }
        const response = await post("/query/run", body);
        if (response.ok) {
          if (this.left) cancelled([this.id]); // it was not on record yet when its end was asked for
          return response;
        }
        const answer = (response.headers.get("Content-Type") || "").startsWith("application/json") ? await response.json() : {};
        if (response.status !== 429) {
          this.failed(answer.error || (response.status === 403 ? "you may not ask this target" : `the console answered ${response.status}`), answer.hint);
          return null;
        }
        this.facts.textContent = answer.error;
        await new Promise((done) => setTimeout(done, 1000));
      }
    }

    async read(stream) {
      const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) this.heard(JSON.parse(line));
      }
      if (!this.box.dataset.ended) this.failed("the answer ended before its end");
    }

    heard(record) {
      if (record.columns) this.columns(record);
      else if (record.rows) {
        this.table.add(record.rows);
        this.count = (this.count || 0) + record.rows.length;
        this.facts.textContent = `${number(this.count)} rows so far`;
      } else if (record.told) this.tell(record.told);
      else if (record.cut) {
        this.note(`Cut here: ${record.cut}. An export has all rows.`, "told warning");
      } else if (record.error !== undefined) {
        this.failed(record.error, record.hint, record.kind);
      } else if (record.end) {
        this.box.dataset.ended = "yes";
        this.mark("good", "done");
        this.facts.textContent = `${number(record.end.rows)} ${record.end.rows === 1 ? "row" : "rows"} in ${(record.end.ms / 1000).toFixed(3)} s`;
        if (!this.table && !this.body.childElementCount) this.note("It gave no rows.");
      }
    }

    columns(record) {
      if (this.number !== record.result) {
        this.number = record.result;
        this.table = new Table(this.body, this.target.name, facts.most.shown, (...value) => whole(this.id, ...value));
      }
      this.table.setColumns(record.columns);
    }

    tell(record) {
      for (const message of record.messages) this.note(message);
      if (record.affected !== null) this.note(`${number(record.affected)} ${record.affected === 1 ? "row" : "rows"} affected`);
    }

    failed(why, hint, kind) {
      this.box.dataset.ended = "yes";
      this.mark(kind === "Stopped" ? "warn" : "bad", kind === "Stopped" ? "stopped" : "failed");
      this.facts.textContent = "";
      this.note(hint ? `${why} (${hint})` : why, kind === "Stopped" ? "told warning" : "told error");
    }

    cancel() {
      this.left = true;
      this.stop.disabled = true;
      cancelled([this.id]);
    }
  }

  function tellRunning() {
    button("stop").disabled = running.size + waiting.length === 0;
  }

  function ask(plan = false) {
    const text = statement();
    const whom = chosen();
    if (!text || !whom.length) return;
    say("");
    stopAll();
    results.replaceChildren();
    waiting = whom.map((target) => new Asked(target, text, plan));
    for (const each of waiting) results.append(each.box);
    for (let line = 0; line < AT_ONCE; line += 1) next();
  }

  function next() {
    if (running.size >= AT_ONCE) return;
    const asked = waiting.shift();
    if (asked) asked.run();
  }

  function stopAll() {
    for (const each of waiting) each.failed("not asked: it was stopped before", "", "Stopped");
    waiting = [];
    for (const each of running.values()) each.cancel();
    tellRunning();
  }

  button("run").addEventListener("click", () => ask());
  button("stop").addEventListener("click", stopAll);
  button("plan").addEventListener("click", () => ask(true));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      ask();
    }
  });

  // --- still here ---------------------------------------------------------------------------------------------------

  const exports = new Map(); // id → its `heard`, which is told how it stands

  async function here() {
    const ids = [...running.keys(), ...exports.keys()];
    if (!ids.length) return;
    try {
      const response = await post("/query/heard", { ids, hidden: document.hidden });
      if (!response.ok) return;
      const { asked } = await response.json();
      for (const [id, heard] of exports) heard(asked[id]);
    } catch {
      // the next one tells
    }
  }
  setInterval(here, 2000);
  document.addEventListener("visibilitychange", here);
  window.addEventListener("pagehide", () => {
    const ids = [...running.keys(), ...exports.keys()];
    if (ids.length) cancelled(ids);
  });

  // --- a value, whole -----------------------------------------------------------------------------------------------

  const dialog = document.getElementById("whole");
  async function whole(id, name, text, length, kept) {
    const into = dialog.querySelector("pre");
    dialog.querySelector("h2").textContent = name;
    dialog.querySelector(".hint").textContent = `${number(length)} characters`;
    into.replaceChildren(...shown(text));
    into.dataset.text = text;
    dialog.showModal();
    if (kept === undefined) return;
    if (kept === null) {
      dialog.querySelector(".hint").textContent = `the first ${number(text.length)} of ${number(length)} characters; an export has all`;
      return;
    }
    const response = await fetch(`/query/value/${id}/${kept}`);
    if (response.ok) {
      const all = await response.text();
      into.replaceChildren(...shown(all));
      into.dataset.text = all;
    } else {
      dialog.querySelector(".hint").textContent = `the first ${number(text.length)} of ${number(length)} characters: the rest is kept no longer; ask again`;
    }
  }
  dialog.querySelector(".copy").addEventListener("click", () => navigator.clipboard?.writeText(dialog.querySelector("pre").dataset.text));
  for (const each of document.querySelectorAll("dialog .close")) each.addEventListener("click", () => each.closest("dialog").close());

  return { Asked, results, ask, exports };
})();
