// The visitor's camera (cliptta_demo/page/layout/own_widgets.py): its live picture, frames on their way to the server one at
// a time, and beside them what each method says. Nothing is asked for, sent or kept before the button is pressed.
const PACES = [1, 2, 4]; // frames a second
const RECENT = 10; // answers on which the real pace is measured
const SHOWN = 30; // classes that have a button; the first nine have a key
const camera = (cliptta.camera = { press: () => "" });

const REASONS = () => ({
  NotAllowedError: say("The browser was told not to give this page the camera. Allow it in the address bar, then press Start."),
  NotFoundError: say("No camera was found on this device."),
  NotReadableError: say("The camera is busy, with another program perhaps. Close that one, then press Start."),
});
const INSECURE = () => say(
  "Browsers give a page the camera over https or on localhost only, and this page came over plain http. Open it by an address that begins with https, or on the computer that serves it as http://localhost.",
);
const HIDDEN = () => say("Stopped, because this page was out of sight. Press Start to begin anew.");

camera.mount = function (element, props, watch) {
  const panel = element.querySelector(".camera");
  const find = (name) => panel.querySelector(name);
  const [video, seen, answers, truths, status, button] = ["video", ".seen img", ".answers", ".truths", ".status", ".go"].map(find);
  const canvas = make("canvas");
  answers.dataset.empty = say("What each method calls the picture appears here.");
  let chosen = { overlay: "none", severity: 3, truth: -1, pace: 2 };
  let run = null; // the camera at work: {stream, token, about, sending, missed, times, timer, ending}

  const tell = (words, kind = "") => {
    status.textContent = words;
    status.className = `status ${kind}`;
  };
  const draw = () => {
    button.textContent = run ? say("Stop") : say("Start");
    panel.classList.toggle("live", Boolean(run?.stream));
  };

  function leave(token) {
    if (!token) return;
    fetch(new URL("camera", document.baseURI), { method: "DELETE", headers: { "X-Camera": token }, keepalive: true }).catch(() => {});
  }

  function stop(words = say("Stopped. Nothing of it was kept."), kind = "") {
    if (!run) return;
    const ended = run;
    run = null;
    clearInterval(ended.timer);
    ended.ending.abort();
    for (const track of ended.stream?.getTracks() || []) track.stop();
    video.srcObject = null;
    seen.removeAttribute("src");
    leave(ended.token);
    tell(words, kind);
    draw();
  }

  async function ask(mine) {
    const picture = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "environment" };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: picture, audio: false });
      if (mine !== run) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      run.stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => mine === run && stop(say("The camera has gone."), "error"));
      video.srcObject = stream;
      await video.play();
      draw();
      begin();
    } catch (error) {
      if (mine === run) stop(REASONS()[error.name] || say("The camera can't be opened."), "error");
    }
  }

  /** From the page's button; what the server is to do: start, or nothing. */
  camera.press = function () {
    panel.hidden = false;
    cliptta.show("watch");
    button.focus();
    if (run) {
      stop();
      return "";
    }
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      tell(INSECURE(), "error");
      return "";
    }
    run = { sending: false, missed: 0, times: [], ending: new AbortController() };
    chosen.truth = -1;
    answers.replaceChildren();
    truths.replaceChildren();
    seen.removeAttribute("src");
    tell(say("Asking for the camera…"));
    draw();
    ask(run);
    return "start";
  };

  function begin() {
    if (!run?.stream || !run.token || run.timer) return;
    tell("");
    setPace(chosen.pace);
    shoot();
  }

  function setPace(pace) {
    chosen.pace = pace;
    if (!run?.token || !run.stream) return;
    clearInterval(run.timer);
    Object.assign(run, { times: [], missed: 0 });
    run.timer = setInterval(() => (run.sending ? (run.missed += 1) : shoot()), 1000 / pace);
  }

  async function shoot() {
    const mine = run;
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || mine.sending) return;
    mine.sending = true;
    try {
      const side = Math.min(width, height);
      canvas.width = canvas.height = mine.about.side;
      canvas.getContext("2d").drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.width);
      const body = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
      const { overlay, severity, truth } = chosen;
      const address = new URL(`camera?${new URLSearchParams({ overlay, severity, truth })}`, document.baseURI);
      const headers = { "X-Camera": mine.token, "Content-Type": "image/jpeg" };
      const answer = await fetch(address, { method: "POST", headers, body, signal: mine.ending.signal });
      if (mine !== run) return;
      if (answer.ok) show(await answer.json());
      else if (answer.status !== 429) stop((await answer.json()).detail || say("The server gave no answer."), "error");
    } catch (error) {
      if (mine === run) stop(say("The server can't be reached."), "error");
    } finally {
      mine.sending = false;
    }
  }

  function show(said) {
    if (!run) return;
    seen.src = `data:image/jpeg;base64,${said.seen}`;
    const first = said.answers[run.about.reference].top[0][0];
    for (const { method } of run.about.methods) {
      const { top, right } = said.answers[method];
      const row = answers.querySelector(`[data-method="${method}"]`);
      const [place, share] = top[0];
      row.classList.toggle("is-changed", place !== first);
      const others = top.slice(1).map(([other, rest]) => `${run.about.classes[other]} ${percent(rest)}`);
      const words = {
        word: run.about.classes[place],
        share: percent(share),
        others: others.length ? say("or {classes}", { classes: others.join(", ") }) : "",
        right: said.judged ? say("{share} of {judged} right", { share: percent(right / said.judged), judged: said.judged }) : "",
      };
      for (const [name, text] of Object.entries(words)) row.querySelector(`.${name}`).textContent = text;
      row.querySelector(".fill").style.setProperty("--share", percent(share));
    }
    run.times = [...run.times, performance.now()].slice(-RECENT);
    tellPace(said.answers);
  }

  function tellPace(said) {
    const { times, missed, about } = run;
    if (times.length < 3) return;
    const pace = (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
    const words = [say("{pace} answers a second", { pace: fixed(pace, 1) })];
    if (pace < 0.75 * chosen.pace) {
      const slow = about.methods.reduce((one, other) => (said[one.method].seconds > said[other.method].seconds ? one : other));
      const spent = { method: slow.label, seconds: fixed(said[slow.method].seconds, 2) };
      words.push(say("slower than the pace; what takes longest is {method}, {seconds} s a frame", spent));
    }
    if (missed) words.push(sayCount("{count} frame left out, none waits in line", "{count} frames left out, none waits in line", missed));
    tell(`${words.join("; ")}.`);
  }

  function setTruth(place) {
    chosen.truth = place === chosen.truth ? -1 : place;
    for (const one of truths.children) one.ariaPressed = Number(one.dataset.value) === chosen.truth;
  }

  /** What the server tells of the camera: its words while it gets ready, an error, or its token and all names. */
  function told() {
    const about = read(props.value);
    if (about.token && (!run || run.token)) {
      if (about.token !== run?.token) leave(about.token); // stopped meanwhile
      return;
    }
    if (!run) return;
    if (about.error) stop(about.error, "error");
    else if (about.words) tell(about.words);
    else if (about.token) {
      Object.assign(run, { token: about.token, about });
      for (const entry of about.methods) {
        const said = make("p.said", make("b.word", "…"), make("span.share"));
        const parts = [make("h3", who(entry), make("span.right")), said, make("div.track", make("div.fill")), make("p.others")];
        answers.append(tinted(entry.mark, make("div.answer", { "data-method": entry.method }, ...parts)));
      }
      truths.append(
        ...about.classes.slice(0, SHOWN).map((name, place) => {
          const key = place < 9 ? make("kbd", place + 1) : null;
          return make("button", { onclick: () => setTruth(place), "data-value": place, "aria-pressed": false }, key, name);
        }),
      );
      begin();
    }
  }

  const overlays = Object.entries(JSON.parse(panel.dataset.overlays));
  find(".overlays").append(choices(say("Laid over the picture"), overlays, "none", (overlay) => Object.assign(chosen, { overlay })));
  find(".paces").append(choices(say("Frames a second"), PACES.map((pace) => [pace, pace]), chosen.pace, setPace));
  const strength = find(".strength input");
  strength.addEventListener("input", () => Object.assign(chosen, { severity: Number(strength.value) }));
  button.addEventListener("click", () => (run ? stop() : document.querySelector("#your-camera").click()));
  // What a run, a lesson or another tab shows takes its place.
  document.addEventListener("click", (event) => {
    if (panel.hidden || !event.target.closest?.("#camera .close, #run, #step, #lessons button, [role=tab]:not(#tab-watch)")) return;
    stop();
    panel.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (!run?.token || event.ctrlKey || event.metaKey || event.altKey || !/^[0-9]$/.test(event.key)) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
    const place = Number(event.key) - 1;
    if (place < run.about.classes.length) setTruth(place < 0 ? chosen.truth : place);
  });
  document.addEventListener("visibilitychange", () => document.hidden && stop(HIDDEN()));
  window.addEventListener("pagehide", () => stop());
  watch("value", told);
  draw();
};
