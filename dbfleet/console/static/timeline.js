// A target's timeline: latency (the usual and the slowest look), outages in red, memory. Drawn by uPlot.
"use strict";

(() => {
  const root = document.getElementById("timeline");
  if (!root || !window.uPlot) return;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let plots = [];
  let last = null;

  const bytes = (n) => {
    if (n === null || n === undefined) return "–";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    while (n >= 1000 && at < units.length - 1) { n /= 1000; at += 1; }
    return `${n < 10 && at ? n.toFixed(1) : n.toFixed(0)} ${units[at]}`;
  };
  const ms = (n) => (n === null || n === undefined ? "–" : n >= 1000 ? `${(n / 1000).toPrecision(3)} s` : `${Number(n.toPrecision(3))} ms`);

  // The time in which looks were bad, behind the lines.
  const outages = (data) => ({
    hooks: {
      drawClear: (u) => {
        const ctx = u.ctx;
        ctx.save();
        ctx.fillStyle = css("--bad");
        const step = data.at.length > 1 ? data.at[data.at.length - 1] - data.at[data.at.length - 2] : 60;
        ctx.beginPath();
        ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
        ctx.clip();
        for (let i = 0; i < data.at.length; i += 1) {
          if (!data.bad[i]) continue;
          ctx.globalAlpha = 0.15 + 0.35 * data.bad[i];
          const first = i;
          while (i + 1 < data.at.length && data.bad[i + 1] === data.bad[first]) i += 1;
          const next = i + 1 < data.at.length ? data.at[i + 1] : data.at[i] + step;
          const x = u.valToPos(data.at[first], "x", true);
          ctx.fillRect(x, u.bbox.top, Math.max(2, u.valToPos(next, "x", true) - x), u.bbox.height);
        }
        ctx.restore();
      },
    },
  });

  // The reader's own clock, of 24 hours, with the day where it changes.
  const two = (n) => String(n).padStart(2, "0");
  const clock = (u, all, place, space, step) => {
    let day = "";
    return all.map((each) => {
      const at = new Date(each * 1000);
      const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
      if (step >= 86400) return step >= 28 * 86400 ? date.slice(0, 7) : date.slice(5);
      const said = `${two(at.getHours())}:${two(at.getMinutes())}`;
      if (date === day) return said;
      day = date;
      return `${said}\n${date.slice(5)}`;
    });
  };

  const options = (data, title, height, series, say, extra) => {
    const ink = css("--quiet");
    const grid = { stroke: css("--line"), width: 1 };
    return {
      width: root.clientWidth, height,
      scales: { x: { min: data.since, max: data.until }, y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { stroke: ink, grid, ticks: grid, space: 70, values: clock },
        { stroke: ink, grid, ticks: grid, size: 62, values: (u, all) => all.map(say) },
      ],
      series: [{ label: "at", value: (u, at) => (at === null || at === undefined ? "–" : `${new Date(at * 1000).toLocaleDateString("sv")} ${new Date(at * 1000).toLocaleTimeString("sv")}`) }, ...series],
      cursor: { y: false },
      plugins: extra,
    };
  };

  const draw = (data) => {
    for (const each of plots) each.destroy();
    plots = [];
    const line = (label, colour, say, more) => ({ label, stroke: css(colour), width: 1.4, points: { show: data.at.length < 60, size: 4 }, value: (u, n) => say(n), ...more });
    const summed = data.slowest.some((each, i) => each !== data.latency[i]);
    const ill = data.bad.some((each) => each);
    plots.push(new window.uPlot(
      options(data, "latency", 220, [line("latency", "--busy", ms), ...(summed ? [line("slowest look", "--rest", ms, { width: 0.8 })] : []),
        { label: "bad looks", stroke: css("--bad"), scale: "hidden", show: true, paths: () => null, points: { show: false }, value: (u, n) => (n === null ? "–" : `${Math.round(n * 100)} %`) }],
      ms, ill ? [outages(data)] : []),
      [data.at, data.latency, ...(summed ? [data.slowest] : []), data.bad], document.getElementById("latency")));
    const memory = document.getElementById("memory");
    const known = data.memory.some((each) => each !== null);
    memory.hidden = !known;
    memory.previousElementSibling.hidden = !known;
    if (known) plots.push(new window.uPlot(options(data, "memory", 140, [line("memory", "--good", bytes)], bytes, []), [data.at, data.memory], memory));
    root.dataset.drawn = String(data.at.length);
  };

  const load = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(root.dataset.points, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      last = await answer.json();
      draw(last);
    } catch { /* the page says elsewhere that the console does not answer */ }
  };
  load();
  // A picture of weeks is thousands of points, and half a minute does not change it.
  setInterval(load, /range=(1h|6h|24h)$/.test(root.dataset.points) ? 30000 : 300000);
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (last) draw(last); }, 150);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (last) draw(last); });
})();
