// Beside the question: exports, saved queries, and statements that write.
"use strict";

if (Query) {
  const { facts, form, targets, editor, token, button, uuid, post, say, chosen, choose, statement, parameters } = Query;
  const { element, shown, number } = Drawing;
  const { Asked, results, exports } = Asking;

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
    const since = Date.now();
    exports.set(id, (found) => {
      if (found ? found.state === "running" : Date.now() - since < 15000) return;
      exports.delete(id);
      if (!found) say(`${target.name}: the export did not begin`);
      else if (found.state === "done") say(`${target.name}: ${number(found.rows)} ${found.rows === 1 ? "row" : "rows"} exported`);
      else say(`${target.name}: the export ${found.state}: ${found.error}. What was downloaded is not whole.`);
      then();
    });
    say(`${target.name}: the export runs`);
    sent.submit();
    sent.remove();
  }

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
  // What cannot be kept under its name is said, and the list stays; the dialog with it, until it worked.
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    if (!ctx.target || ctx.target.id !== "saved") return;
    const failed = ctx.response && ctx.response.status >= 400;
    const why = failed ? new DOMParser().parseFromString(ctx.text || "", "text/html").body.textContent.trim() : "";
    if (failed) event.preventDefault();
    else if (saving.open) saving.close();
    const where = saving.querySelector(".told");
    where.textContent = why;
    where.hidden = !why;
    if (!saving.open) say(why);
  });
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
}
