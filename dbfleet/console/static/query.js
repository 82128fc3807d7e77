// The query page: asks targets, each by a request of its own, and tells the console that it is still there.
"use strict";

(() => {
  const facts = JSON.parse(document.getElementById("query-facts")?.textContent || "null");
  const form = document.getElementById("ask");
  if (!facts || !form) return;
  const { Table, element, shown, number } = Drawing;
  const targets = new Map(facts.targets.map((each) => [each.name, each]));
  const boxes = [...form.querySelectorAll('input[name="whom"]')];
  const results = document.getElementById("results");
  const told = document.getElementById("told");
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const button = (name) => document.getElementById(name);
  const AT_ONCE = 3; // a browser has six lines to a host, and the console a few threads: the others wait here

  // --- the editor ---------------------------------------------------------------------------------------------------

  const editor = CodeMirror.fromTextArea(document.getElementById("text"), {
    lineNumbers: true,
    lineWrapping: true,
    matchBrackets: true,
    viewportMargin: 200,
    extraKeys: { "Ctrl-Enter": () => ask(), "Cmd-Enter": () => ask(), Tab: false, "Shift-Tab": false },
  });
  editor.getInputField().setAttribute("aria-label", "Statement");
  editor.getScrollerElement().tabIndex = 0; // a long statement can be scrolled with keys
  const texts = new Map(); // by language: to choose another language keeps what was typed in this one
  let language = "";

  function chosen() {
    return boxes.filter((box) => box.checked).map((box) => targets.get(box.value));
  }

  function choose(names) {
    for (const box of boxes) box.checked = names.includes(box.value);
    changed();
  }

  function changed(box) {
    // Targets are asked together where they speak one language; the last choice decides which.
    if (box && box.checked) {
      const spoken = targets.get(box.value).language;
      for (const other of boxes) if (targets.get(other.value).language !== spoken) other.checked = false;
    }
    const whom = chosen();
    const first = whom[0];
    if (first && first.language !== language) {
      if (language) texts.set(language, editor.getValue());
      if (language && texts.has(first.language)) editor.setValue(texts.get(first.language));
      else if (language) editor.setValue("");
      language = first.language;
    }
    if (first) {
      editor.setOption("mode", first.editor);
      editor.setOption("placeholder", first.example ? `for example: ${first.example}` : "");
    }
    for (const field of form.querySelectorAll(".whom fieldset")) {
      field.classList.toggle("other", Boolean(first) && field.querySelector("legend").textContent !== language);
    }
    button("plan").hidden = !whom.length || !whom.every((each) => each.plan);
    button("run").disabled = button("export").disabled = !whom.length;
    const write = button("write");
    if (write) write.hidden = !(whom.length === 1 && first.writes);
    const list = document.querySelector("#guards dl");
    list.replaceChildren(...whom.flatMap((each) => [
      element("dt", {}, each.name),
      element("dd", {}, `${each.guard}. ${each.note}${each.stops ? "" : " The engine cannot stop a running statement: the page stops listening."}`),
    ]));
    sessionStorage.setItem("query-whom", JSON.stringify(whom.map((each) => each.name)));
  }
  for (const box of boxes) box.addEventListener("change", () => changed(box));

  function remembered(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key) || "[]");
    } catch {
      return [];
    }
  }
  const wanted = (facts.chosen.length ? facts.chosen : remembered("query-whom")).filter((name) => targets.has(name));
  const before = sessionStorage.getItem("query-text") || "";
  if (!facts.text && before && !facts.chosen.length) editor.setValue(before);
  choose(wanted.length ? wanted : facts.targets.slice(0, 1).map((each) => each.name));
  if (facts.text) editor.setValue(facts.text);
  editor.on("change", () => sessionStorage.setItem("query-text", editor.getValue().slice(0, 200000)));

  // --- asking -------------------------------------------------------------------------------------------------------

  const running = new Map(); // id → Asked
  let waiting = [];

  function uuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function post(url, body) {
    return fetch(url, {
      method: "POST",
      headers: { "X-CSRFToken": token, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  function say(text) {
    told.textContent = text;
  }

  function statement() {
    const text = editor.getSelection().trim() ? editor.getSelection() : editor.getValue();
    if (!text.trim()) {
      say("Write a statement first.");
      editor.focus();
      return null;
    }
    if ([...text].length > facts.most.characters) {
      say(`The statement has ${number(text.length)} characters, and the console takes ${number(facts.most.characters)}. dbfleet query --file takes more.`);
      return null;
    }
    return text;
  }

  function parameters() {
    return document.getElementById("params").value.split("\n").filter((line) => line.trim());
  }

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

  function cancelled(ids) {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", token);
    body.set("ids", ids.join(","));
    navigator.sendBeacon("/query/cancel", body);
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

  const exports = new Map(); // id → what is said about it

  async function here() {
    const ids = [...running.keys(), ...exports.keys()];
    if (!ids.length) return;
    try {
      const response = await post("/query/heard", { ids, hidden: document.hidden });
      if (response.ok) exported((await response.json()).asked);
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

  // --- exports ------------------------------------------------------------------------------------------------------

  button("export").addEventListener("click", () => {
    const text = statement();
    const whom = chosen();
    if (!text || !whom.length) return;
    say("");
    // One file a target, one after the other: a browser takes one form at a time.
    const files = [...whom];
    const another = () => {
      const target = files.shift();
      if (target) download(target, text, another);
    };
    another();
  });

  function download(target, text, then) {
    const id = uuid();
    const sent = element("form", { method: "post", action: form.action, hidden: "" });
    const values = { csrfmiddlewaretoken: token, id, target: target.name, params: parameters().join("\n"), format: form.format.value };
    for (const [name, value] of Object.entries(values)) sent.append(element("input", { type: "hidden", name, value }));
    const area = element("textarea", { name: "text" });
    area.value = text;
    sent.append(area);
    document.body.append(sent);
    exports.set(id, { target: target.name, since: Date.now(), then });
    say(`${target.name}: the export runs`);
    sent.submit();
    sent.remove();
  }

  function exported(states) {
    for (const [id, each] of exports) {
      const found = states[id];
      if (!found && Date.now() - each.since < 15000) continue;
      if (found && found.state === "running") continue;
      exports.delete(id);
      if (!found) say(`${each.target}: the export did not begin`);
      else if (found.state === "done") say(`${each.target}: ${number(found.rows)} rows exported`);
      else say(`${each.target}: the export ${found.state}: ${found.error}. What was downloaded is not whole.`);
      each.then();
    }
  }

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

  // --- saved, and asked before --------------------------------------------------------------------------------------

  const saving = document.getElementById("saving");
  button("save").addEventListener("click", () => {
    const fields = saving.querySelector("form");
    if (!editor.getValue().trim()) {
      say("Write a statement first.");
      return;
    }
    fields.elements.namedItem("text").value = editor.getValue();
    fields.elements.namedItem("targets").value = chosen().map((each) => each.name).join(",");
    saving.showModal();
  });
  saving.querySelector("form").addEventListener("submit", () => setTimeout(() => saving.close(), 0));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-text]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const names = link.dataset.targets.split(",").map((name) => name.split(".")[0]).filter((name) => targets.has(name));
    if (names.length) choose(names);
    editor.setValue(link.dataset.text);
    editor.focus();
  });
  const past = document.getElementById("past");
  past.addEventListener("toggle", () => {
    if (past.open) window.htmx.trigger(document.getElementById("history"), "show");
  });

  // --- writing ------------------------------------------------------------------------------------------------------

  const writing = document.getElementById("writing");
  if (writing) {
    const fields = writing.querySelector("form");
    const wrong = writing.querySelector(".told");
    let job = null;
    button("write").addEventListener("click", () => {
      const text = statement();
      if (!text) return;
      job = { target: chosen()[0], text, params: parameters() };
      writing.querySelector(".where").textContent = job.target.name;
      writing.querySelector("pre").replaceChildren(...shown(text.slice(0, 4000)));
      wrong.hidden = true;
      fields.reset();
      fields.querySelector(".danger").disabled = true;
      writing.showModal();
    });
    fields.elements.namedItem("typed").addEventListener("input", (event) => {
      fields.querySelector(".danger").disabled = event.target.value !== job.target.name;
    });
    fields.addEventListener("submit", async (event) => {
      event.preventDefault();
      const body = { target: job.target.name, text: job.text, params: job.params, typed: fields.elements.namedItem("typed").value };
      const response = await post("/query/write", body);
      const answer = (response.headers.get("Content-Type") || "").startsWith("application/json") ? await response.json() : {};
      if (!response.ok) {
        wrong.textContent = answer.error ? `${answer.error} ${answer.hint || ""}` : `the console answered ${response.status}`;
        wrong.hidden = false;
        return;
      }
      writing.close();
      follow(new Asked(job.target, job.text, false), answer.job);
    });
  }

  // The job of a statement that writes, until it has ended.
  async function follow(asked, number_) {
    results.replaceChildren(asked.box);
    asked.stop.remove();
    asked.facts.replaceChildren(element("a", { href: `/jobs/${number_}` }, `job ${number_}`));
    for (;;) {
      const response = await fetch(`/query/write/${number_}`);
      const found = response.ok ? await response.json() : { state: "failed", error: `the console answered ${response.status}` };
      asked.mark(found.state === "done" ? "good" : ["waiting", "running"].includes(found.state) ? "busy" : "bad", found.state);
      if (!["waiting", "running"].includes(found.state)) {
        if (found.error) asked.note(found.hint ? `${found.error} (${found.hint})` : found.error, "told error");
        for (const each of (found.result && found.result.statements) || []) asked.tell({ ...each, messages: each.messages });
        if (found.result && found.result.shown) asked.body.append(element("pre", { tabindex: "0" }, ...shown(found.result.shown)));
        return;
      }
      await new Promise((done) => setTimeout(done, document.hidden ? 5000 : 1000));
    }
  }
})();
