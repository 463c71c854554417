"use strict";
// A recording in the browser: pictures are asked for one at a time; names from files are only ever written as text.
(() => {
  const element = (id) => document.getElementById(id);
  const [names, picture, problem, time, now, play, canvas] = ["names", "picture", "problem", "time", "now", "play", "rate"].map(element);
  let facts = null;
  let at = 0;
  let playing = null;
  let loading = false;
  let waiting = false;

  const asked = async (what, values = {}) => {
    const response = await fetch(`${what}?${new URLSearchParams(values)}`);
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const seconds = (us) => (us / 1e6).toFixed(3);

  const draw = () => {
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const pen = canvas.getContext("2d");
    const most = Math.max(...facts.rate, 1);
    const [width, height] = [canvas.width, canvas.height - 10 * scale];
    pen.strokeStyle = pen.fillStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 1.5 * scale;
    pen.beginPath();
    facts.rate.forEach((rate, number) => {
      pen.lineTo((((number + 0.5) * facts.bin_us) / facts.span_us) * width, height - (rate / most) * (height - 2 * scale));
    });
    pen.stroke();
    for (const frame of facts.frames_us) pen.fillRect((frame / facts.span_us) * width, height + 3 * scale, scale, 5 * scale);
    pen.globalAlpha = 0.6;
    pen.fillRect((at / facts.span_us) * width - scale, 0, 2 * scale, canvas.height);
  };

  // One picture on its way at a time; if the moment moved meanwhile, the newest follows.
  const show = () => {
    time.value = String(Math.round((at / facts.span_us) * Number(time.max)));
    now.textContent = `${seconds(at)} of ${seconds(facts.span_us)} s`;
    draw();
    if (loading) {
      waiting = true;
      return;
    }
    loading = true;
    const values = { name: names.value, at_us: Math.round(at), window_us: element("window").value, show: element("show").value };
    picture.src = `picture?${new URLSearchParams(values)}`;
  };
  const next = () => {
    loading = false;
    if (waiting) {
      waiting = false;
      show();
    }
  };
  picture.addEventListener("load", () => {
    picture.alt = `${names.value} at ${seconds(at)} s`;
    complain("");
    next();
  });
  picture.addEventListener("error", () => {
    complain("This moment could not be shown.");
    next();
  });

  const move = (us) => {
    at = Math.min(Math.max(us, 0), facts.span_us);
    show();
  };
  const stop = () => {
    if (playing) cancelAnimationFrame(playing);
    playing = null;
    play.textContent = "Play";
  };
  const start = () => {
    let before = performance.now();
    const step = (moment) => {
      const moved = (moment - before) * 1000 * Number(element("speed").value);
      before = moment;
      if (at + moved >= facts.span_us) {
        move(facts.span_us);
        stop();
        return;
      }
      move(at + moved);
      playing = requestAnimationFrame(step);
    };
    if (at >= facts.span_us) at = 0;
    play.textContent = "Pause";
    playing = requestAnimationFrame((moment) => {
      before = moment;
      step(moment);
    });
  };
  const toggle = () => (playing ? stop() : start());
  const frame = (way) => {
    stop();
    const frames = facts.frames_us.length ? facts.frames_us : Array.from({ length: Math.ceil(facts.span_us / 10000) }, (_, k) => k * 10000);
    const found = way > 0 ? frames.find((one) => one > at + 0.5) : frames.findLast((one) => one < at - 0.5);
    if (found !== undefined) move(found);
  };

  play.addEventListener("click", toggle);
  element("back").addEventListener("click", () => frame(-1));
  element("forth").addEventListener("click", () => frame(1));
  time.addEventListener("input", () => {
    stop();
    move((Number(time.value) / Number(time.max)) * facts.span_us);
  });
  for (const id of ["window", "show"]) element(id).addEventListener("input", () => facts && show());
  document.addEventListener("keydown", (event) => {
    if (!facts || ["SELECT", "INPUT", "BUTTON"].includes(event.target.tagName)) return;
    const action = { " ": toggle, ArrowLeft: () => frame(-1), ArrowRight: () => frame(1) }[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  window.addEventListener("resize", () => facts && draw());

  const choose = async () => {
    stop();
    try {
      facts = await asked("facts", { name: names.value });
    } catch (error) {
      complain(error.message);
      return;
    }
    document.title = `${names.value}, evfi view`;
    time.max = String(Math.max(1000, Math.min(100000, Math.ceil(facts.span_us / 1000))));
    element("facts").textContent =
      `${facts.width} × ${facts.height}, ${seconds(facts.span_us)} s, ${facts.events.toLocaleString("en")} events, ${facts.frames_us.length} frames`;
    complain("");
    move(facts.frames_us.length ? facts.frames_us[0] : 0);
  };
  names.addEventListener("input", choose);
  asked("list")
    .then(({ recordings }) => {
      names.append(...recordings.map((name) => new Option(name, name)));
      return choose();
    })
    .catch((error) => complain(error.message));
})();
