// What needs a script: live, and the keyboard. Everything else works without it.
"use strict";
(() => {
  const every = 5000;
  document.documentElement.classList.add("scripted");

  // While an address is loaded, a line runs below the header.
  const loading = (on) => document.documentElement.classList.toggle("loading", on);
  addEventListener("pageshow", () => loading(false));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link && !link.hasAttribute("download") && !event.ctrlKey && !event.metaKey && link.origin === location.origin && link.getAttribute("href")[0] !== "#") loading(true);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    // Empty fields need not stand in the address.
    for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
    loading(true);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("form.filters select")) event.target.form.requestSubmit();
  });

  // Live: the same address is asked again, and its content takes the place of this one's, unless somebody is at work in it.
  const live = document.getElementById("live");
  let timer = 0;
  const busy = () => {
    const at = document.activeElement;
    return document.hidden || document.querySelector("dialog[open]") || (at && at.matches("input, textarea, select")) || !getSelection().isCollapsed;
  };
  const again = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        const text = await answer.text();
        const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("content");
        const old = document.getElementById("content");
        if (fresh && old && timer) {
          const at = place;
          const opened = [...old.querySelectorAll("details")].map((each) => each.open);
          old.replaceChildren(...fresh.childNodes);
          old.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] ?? each.open; });
          if (at >= 0) mark(at, false);
        }
        live.title = "Asked again every 5 seconds; last at " + new Date().toLocaleTimeString();
      } catch {
        live.title = "The server did not answer; asking again";
      }
    }
    if (timer) timer = setTimeout(again, every);
  };
  const setLive = (on) => {
    clearTimeout(timer);
    timer = on ? setTimeout(again, every) : 0;
    live.setAttribute("aria-pressed", String(on));
    live.textContent = on ? "Pause" : "Live";
    const address = new URL(location.href);
    if (on) address.hash = "live";
    else address.hash = "";
    history.replaceState(null, "", on ? address : address.pathname + address.search);
  };
  if (live) {
    live.addEventListener("click", () => setLive(!timer));
    if (location.hash === "#live") setLive(true);
  }

  // j and k go through the rows of the view's list.
  let place = -1;
  const rows = () => [...document.querySelectorAll("main .list tbody tr")].filter((row) => row.querySelector("a[href]"));
  const mark = (at, move) => {
    const all = rows();
    all.forEach((row) => row.classList.remove("here"));
    place = Math.max(0, Math.min(at, all.length - 1));
    const row = all[place];
    if (!row) return;
    row.classList.add("here");
    if (move) {
      row.querySelector("a[href]").focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
  };
  const help = document.getElementById("help");
  const keys = document.getElementById("keys");
  if (keys) keys.addEventListener("click", () => help.showModal());

  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      if (event.key === "Enter" && event.shiftKey && typing.matches("textarea")) { event.preventDefault(); typing.form.requestSubmit(); }
      return;
    }
    if (help.open) return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      const tab = [...document.querySelectorAll(".top nav a")].find((each) => each.dataset.key === event.key);
      if (tab) { event.preventDefault(); tab.click(); }
      return;
    }
    if (event.key === "/") {
      const search = document.querySelector("#search, main input[type=search], main textarea");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "j") mark(place + 1, true);
    else if (event.key === "k") mark(place - 1, true);
    else if (event.key === "g") going = Date.now();
    else if (event.key === "l" && live) setLive(!timer);
    else if (event.key === "?") { event.preventDefault(); help.showModal(); }
  });
  document.addEventListener("click", (event) => {
    const column = event.target.closest("[data-insert]");
    const box = document.querySelector(".console textarea");
    if (!column || !box) return;
    box.setRangeText(column.dataset.insert, box.selectionStart, box.selectionEnd, "end");
    box.focus();
  });
})();
