// The form of a new schedule: the time zone of who types, and the next runs while they type.
"use strict";

(() => {
  const runs = document.getElementById("runs");
  const fields = document.querySelectorAll("[data-rhythm]");
  const zone = document.querySelector('input[name="time_zone"]');
  if (!runs || !zone) return;
  if (!zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let waiting = 0;
  const ask = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => window.htmx.trigger(runs, "rhythm"), 300);
  };
  for (const each of fields) each.addEventListener("input", ask);
  if ([...fields].some((each) => each !== zone && each.value)) ask();
})();
