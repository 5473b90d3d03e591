"use strict";
// Text reaches the page by textContent alone, so that no string of a run can become markup.
(() => {
  const root = document.documentElement;
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    const x = Number(a), y = Number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  const empty = (value) => value === null || value === "";
  const ordered = (rows, value, down) => {
    const known = rows.filter((row) => !empty(value(row))), unknown = rows.filter((row) => empty(value(row)));
    known.sort((a, b) => compare(value(a), value(b)));
    if (down) known.reverse();
    return known.concat(unknown);
  };
  const sortable = (table, act) => {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const wanted = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", wanted);
        act(column, wanted === "descending");
      });
    });
  };

  // Tables that are in the page
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    const value = (column) => (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    sortable(table, (column, down) => body.append(...ordered([...body.rows], value(column), down)));
  });

  // Light or dark
  const theme = document.getElementById("theme");
  theme?.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // The command
  const copy = document.getElementById("copy");
  copy?.addEventListener("click", async () => {
    const text = document.getElementById("command").textContent;
    try { await navigator.clipboard.writeText(text); copy.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(document.getElementById("command")); copy.textContent = "Selected"; }
  });

  // Videos: some browsers play no data: address, all play a blob
  document.querySelectorAll("video[data-embedded]").forEach((video) => {
    const bytes = Uint8Array.from(atob(video.getAttribute("src").split(",")[1]), (sign) => sign.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  });
  document.querySelectorAll(".clip video").forEach((video) => {
    // Controls cover the picture: they come when they are wanted.
    const show = () => { video.controls = true; };
    const hide = () => { if (document.activeElement !== video) video.controls = false; };
    video.controls = false;
    video.tabIndex = 0;
    for (const event of ["pointerenter", "focus"]) video.addEventListener(event, show);
    for (const event of ["pointerleave", "blur"]) video.addEventListener(event, hide);
    for (const event of ["play", "pause"]) video.addEventListener(event, () => video.parentElement.classList.toggle("playing", !video.paused));
  });
  document.getElementById("play")?.addEventListener("click", (event) => {
    const videos = [...document.querySelectorAll("video")];
    const playing = videos.some((video) => !video.paused);
    videos.forEach((video) => { if (playing) video.pause(); else video.play().catch(() => {}); });
    event.target.textContent = playing ? "Play all" : "Pause all";
  });

  // Episodes
  const source = document.getElementById("episode-data");
  if (!source) return;
  const { columns, rows } = JSON.parse(source.textContent);
  const at = Object.fromEntries(columns.map((name, i) => [name, i]));
  const table = document.getElementById("episode-table");
  const shown = [...table.tHead.rows[0].cells].map((head) => at[head.dataset.column]);
  const filters = [...document.querySelectorAll("[data-filter]")];
  const search = document.getElementById("search");
  const size = 25;
  let page = 0, sorting = null;
  const cellOf = (row, column) => {
    const cell = make("td"), value = row[column], name = columns[column];
    if (name === "outcome") {
      const label = make("span", null, "outcome");
      label.append(make("i", null, "square " + value.replace(" ", "-")), value);
      cell.append(label);
    } else if (name === "video") {
      if (value) { const link = make("a", "watch"); link.href = value; cell.append(link); }
    } else {
      cell.textContent = value === null ? "–" : typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : value;
      if (table.tHead.rows[0].cells[shown.indexOf(column)].classList.contains("number")) cell.className = "number";
      else if (typeof value === "string" && value.length > 24) cell.className = "words";
    }
    return cell;
  };
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = rows.filter((row) => filters.every((one) => !one.value || one.value === "any" || String(row[at[one.dataset.filter]]) === one.value.slice(1)));
    if (words.length) found = found.filter((row) => { const text = row.join(" ").toLowerCase(); return words.every((word) => text.includes(word)); });
    if (sorting) found = ordered(found, (row) => row[sorting.column], sorting.down);
    const pages = Math.max(1, Math.ceil(found.length / size));
    page = Math.min(page, pages - 1);
    const body = document.createDocumentFragment();
    for (const row of found.slice(page * size, (page + 1) * size)) {
      const line = make("tr");
      line.append(...shown.map((column) => cellOf(row, column)));
      body.append(line);
    }
    table.tBodies[0].replaceChildren(body);
    document.getElementById("count").textContent = `${found.length} of ${rows.length} episodes, page ${page + 1} of ${pages}`;
    document.getElementById("back").disabled = page === 0;
    document.getElementById("next").disabled = page >= pages - 1;
  };
  const again = () => { page = 0; show(); };
  filters.forEach((one) => one.addEventListener("change", again));
  search.addEventListener("input", again);
  sortable(table, (column, down) => { sorting = { column: shown[column], down }; again(); });
  document.getElementById("back").addEventListener("click", () => { page -= 1; show(); });
  document.getElementById("next").addEventListener("click", () => { page += 1; show(); });
  show();
})();
