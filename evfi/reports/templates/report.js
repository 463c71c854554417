"use strict";
// Sorting of tables, the before/after slider, scrubbing through tau, loops. No network, no storage.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Tables: a click on a heading sorts by it, a second click turns the order round; cells without a number stay last.
  const keyOf = (row, column) => {
    const cell = row.children[column];
    if (cell.dataset.sort === undefined) return cell.textContent.trim();
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  };
  const compareKeys = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const sortTable = (table, heading, column) => {
    const before = heading.getAttribute("aria-sort");
    const descending = before === null ? heading.classList.contains("number") : before === "ascending";
    all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const keyed = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row, column) }));
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return descending ? compareKeys(b.key, a.key) : compareKeys(a.key, b.key);
    });
    table.tBodies[0].append(...keyed.map(({ row }) => row));
  };
  all("table.sortable").forEach((table) =>
    all("thead th", table).forEach((heading, column) =>
      heading.querySelector("button")?.addEventListener("click", () => sortTable(table, heading, column)),
    ),
  );

  // The slider: mouse and touch on the picture, keyboard on the range below it. Returns what puts pictures into it.
  const setUpStage = (stage) => {
    const box = stage.querySelector(".compare");
    const cut = stage.querySelector(".cut");
    const images = { left: box.querySelector("img.under"), right: box.querySelector("img.over") };
    const move = (percent) => {
      cut.value = String(Math.min(100, Math.max(0, percent)));
      box.style.setProperty("--cut", `${cut.value}%`);
    };
    const follow = (event) => {
      const frame = box.getBoundingClientRect();
      move((100 * (event.clientX - frame.left)) / frame.width);
    };
    let dragging = false;
    box.addEventListener("pointerdown", (event) => {
      dragging = true;
      box.setPointerCapture(event.pointerId);
      follow(event);
    });
    box.addEventListener("pointermove", (event) => dragging && follow(event));
    for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => (dragging = false));
    cut.addEventListener("input", () => move(Number(cut.value)));
    stage.hidden = false;
    return (side, picture, name) => {
      images[side].src = picture.src;
      images[side].alt = picture.alt;
      for (const size of ["width", "height"]) images[side].setAttribute(size, picture.getAttribute(size));
      box.querySelector(`.name.${side}`).textContent = name;
    };
  };

  // One gallery: a pair of boundary frames, the moments between them, and the slider over one moment.
  const setUpGallery = (gallery) => {
    const parts = all("[data-moment]", gallery);
    const moments = parts.filter((part) => part.dataset.said !== undefined);
    const tau = gallery.querySelector(".tau");
    const said = gallery.querySelector(".tau-said");
    const errors = gallery.querySelector(".show-errors");
    const events = gallery.querySelector(".show-events");
    const laid = gallery.querySelector(".compare img.events");
    const sides = { left: gallery.querySelector("select.left"), right: gallery.querySelector("select.right") };
    const put = setUpStage(gallery.querySelector(".stage"));
    const show = () => {
      const now = tau ? Number(tau.value) : 0;
      parts.forEach((part) => (part.hidden = Number(part.dataset.moment) !== now));
      if (said) said.textContent = moments[now].dataset.said;
      for (const side of ["left", "right"]) {
        const shot = all(".shot", moments[now]).find((candidate) => candidate.dataset.method === sides[side].value);
        if (!shot) continue;
        put(side, (errors.checked && shot.querySelector("img.error")) || shot.querySelector("img"), shot.dataset.label);
      }
      const overlay = parts.find((part) => Number(part.dataset.moment) === now && part.querySelector(".overlay"))?.querySelector(".overlay");
      events.disabled = !overlay;
      laid.hidden = !overlay || !events.checked;
      if (!laid.hidden) [laid.src, laid.alt] = [overlay.src, overlay.alt];
    };
    for (const control of [tau, errors, events, sides.left, sides.right]) control?.addEventListener("input", show);

    const play = gallery.querySelector(".play");
    let timer = 0;
    let step = 1;
    const advance = () => {
      const next = Number(tau.value) + step;
      if (next < 0 || next >= moments.length) step = -step;
      tau.value = String(Number(tau.value) + step);
      show();
    };
    play?.addEventListener("click", () => {
      if (timer) clearInterval(timer);
      timer = timer ? 0 : setInterval(advance, 350);
      play.textContent = timer ? "Pause" : "Play";
    });
    show();
  };
  const galleries = all(".gallery");
  galleries.forEach(setUpGallery);

  // The picture at the top repeats the first gallery's slider; it carries no picture of its own.
  const hero = document.getElementById("hero");
  const first = hero && document.getElementById(hero.dataset.gallery);
  if (first) {
    const put = setUpStage(hero);
    const images = { left: first.querySelector(".compare img.under"), right: first.querySelector(".compare img.over") };
    for (const side of ["left", "right"]) put(side, images[side], first.querySelector(`.compare .name.${side}`).textContent);
    hero.querySelector(".caption").textContent = first.getAttribute("aria-label");
  }

  // Loops stand still for readers who asked for less motion, until they press the button.
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  all(".loops").forEach((loops) => {
    const button = loops.querySelector("button");
    const pictures = all("img", loops).map((image) => ({ image, moving: image.src, still: null }));
    const stillOf = (entry) => {
      if (!entry.still) {
        const canvas = document.createElement("canvas");
        canvas.width = entry.image.naturalWidth;
        canvas.height = entry.image.naturalHeight;
        canvas.getContext("2d").drawImage(entry.image, 0, 0);
        entry.still = canvas.toDataURL("image/png");
      }
      return entry.still;
    };
    let moving = true;
    const set = (wanted) => {
      moving = wanted;
      pictures.forEach((entry) => (entry.image.src = wanted ? entry.moving : stillOf(entry)));
      button.textContent = wanted ? "Pause the loops" : "Play the loops";
    };
    button.hidden = false;
    button.addEventListener("click", () => set(!moving));
    if (calm) Promise.all(pictures.map(({ image }) => image.decode())).then(() => set(false), () => undefined);
  });

  // A link to something folded away unfolds it.
  const unfold = () => {
    const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = wanted; part; part = part.parentElement?.closest("details")) if (part.tagName === "DETAILS") part.open = true;
    if (wanted) wanted.scrollIntoView();
  };
  window.addEventListener("hashchange", unfold);
  all('a[href^="#"]').forEach((link) => link.addEventListener("click", () => link.hash === location.hash && unfold()));
  unfold();

  // Thumbnails choose the gallery.
  const thumbs = all(".thumbs button");
  const choose = (id) => {
    galleries.forEach((gallery) => (gallery.hidden = gallery.id !== id));
    thumbs.forEach((thumb) => thumb.setAttribute("aria-pressed", String(thumb.dataset.gallery === id)));
  };
  thumbs.forEach((thumb) => thumb.addEventListener("click", () => choose(thumb.dataset.gallery)));
  if (thumbs.length > 1) {
    document.querySelector(".thumbs").hidden = false;
    choose(thumbs[0].dataset.gallery);
  }
})();
