// The query page's beginning: who can be asked, the editor, and what the page's other scripts share (Query).
"use strict";

const Query = (() => {
  const facts = JSON.parse(document.getElementById("query-facts")?.textContent || "null");
  const form = document.getElementById("ask");
  if (!facts || !form) return null;
  const { element, number } = Drawing;
  const targets = new Map(facts.targets.map((each) => [each.name, each]));
  const boxes = [...form.querySelectorAll('input[name="whom"]')];
  const told = document.getElementById("told");
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const button = (name) => document.getElementById(name);

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

  function cancelled(ids) {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", token);
    body.set("ids", ids.join(","));
    navigator.sendBeacon("/query/cancel", body);
  }

  // --- the editor ---------------------------------------------------------------------------------------------------

  const editor = CodeMirror.fromTextArea(document.getElementById("text"), {
    lineNumbers: true,
    lineWrapping: true,
    matchBrackets: true,
    viewportMargin: 200,
    extraKeys: { "Ctrl-Enter": () => Asking.ask(), "Cmd-Enter": () => Asking.ask(), Tab: false, "Shift-Tab": false },
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
      element("dd", {}, [`${each.guard}.`, each.note, each.stops ? "" : "The engine cannot stop a running statement: the page stops listening.", each.no_plan && `${each.no_plan}.`].filter(Boolean).join(" ")),
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
  // Without a choice it is one that answered when it was looked at last, or at least one of which nobody knows better.
  const first = facts.targets.find((each) => each.up) || facts.targets.find((each) => each.up === null) || facts.targets[0];
  choose(wanted.length || !first ? wanted : [first.name]);
  if (facts.text) editor.setValue(facts.text);
  editor.on("change", () => sessionStorage.setItem("query-text", editor.getValue().slice(0, 200000)));

  // --- what is typed ------------------------------------------------------------------------------------------------

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

  return { facts, form, targets, editor, token, button, uuid, post, say, cancelled, chosen, choose, statement, parameters };
})();
