// What every page needs: the menu on narrow screens, local time, polling that rests in hidden tabs, the CSRF token.
"use strict";

document.documentElement.classList.add("js");

const menu = document.getElementById("menu");
if (menu) {
  menu.addEventListener("click", () => {
    const open = document.body.classList.toggle("menu-open");
    menu.setAttribute("aria-expanded", String(open));
  });
}

// <time datetime> by the reader's own clock; the title keeps UTC.
function localTimes(root) {
  const today = new Date().toDateString();
  for (const each of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    each.title = each.textContent;
    const two = (n) => String(n).padStart(2, "0");
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    each.textContent = at.toDateString() === today ? clock : `${day} ${clock}`;
  }
}
localTimes(document);

// An element with data-poll="5" and hx-trigger="poll" asks every 5 s, while its tab is seen.
// (A filter in hx-trigger would need eval, which the page's policy refuses.)
const polled = new WeakMap();
function poll() {
  if (document.hidden || !window.htmx) return;
  const now = performance.now();
  for (const each of document.querySelectorAll("[data-poll]")) {
    const every = Number(each.dataset.poll) * 1000;
    const last = polled.get(each);
    if (last === undefined) polled.set(each, now);
    else if (now - last >= every) {
      polled.set(each, now);
      window.htmx.trigger(each, "poll");
    }
  }
}
setInterval(poll, 500);

const lost = document.getElementById("lost");
function answered(well) {
  if (lost) lost.hidden = well;
}
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token) event.detail.ctx.request.headers["X-CSRFToken"] = token.content;
});
// A part that polls keeps what it shows when the answer is an error, and says above that it is old.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  const status = ctx.response ? ctx.response.status : 200;
  if (status >= 400 && ctx.sourceElement && ctx.sourceElement.hasAttribute("data-poll")) event.preventDefault();
});
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  answered(!(ctx.response && ctx.response.status >= 500));
});
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && event.detail.ctx.sourceElement.hasAttribute("data-poll")) answered(false);
});
document.addEventListener("htmx:after:swap", () => localTimes(document));

// Fields for a time zone begin with the reader's own.
for (const each of document.querySelectorAll("input[data-own-zone]")) {
  each.value = Intl.DateTimeFormat().resolvedOptions().timeZone || each.value;
}
