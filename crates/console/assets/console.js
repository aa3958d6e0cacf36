/* What htmx does not do: the mark of live pages, the pause of updates, polling without a stream, and dialogs. */
(() => {
  "use strict";
  const live = document.getElementById("live");
  const dialog = document.getElementById("dialog");
  const byId = (id) => document.getElementById(id);

  if (live) {
    const POLL = 15000, SILENCE = 12000;
    const button = byId("pause-updates");
    let heard = Date.now(), paused = false, polling = null;
    const state = () => byId("live-badge")?.textContent ?? "";
    let shown = state();

    // Parts of this person, such as buttons, are not in the stream: they are asked for when the state changes.
    const ask = () => htmx.ajax("GET", live.dataset.parts, { source: live, target: live, swap: "none" });
    const lost = () => {
      const mark = byId("live-mark");
      const time = mark?.querySelector("time")?.textContent;
      if (mark && !paused && !mark.querySelector(".is-old")) {
        mark.textContent = time ? `Not live since ${time}; numbers may be old` : "Not live";
        mark.className = "is-old";
      }
    };
    const heardNow = () => {
      heard = Date.now();
      byId("live-mark")?.removeAttribute("class");
      if (polling) { clearInterval(polling); polling = null; }
    };
    const poll = () => {
      if (!document.hidden && !paused) ask();
    };

    document.addEventListener("htmx:sse:before:message", (event) => {
      if (paused) { event.preventDefault(); event.detail.cancelled = true; }
    });
    document.addEventListener("htmx:sse:after:message", () => {
      heardNow();
      const now = state();
      if (now !== shown) { shown = now; ask(); }
    });
    document.addEventListener("htmx:response:error", (event) => {
      // No stream: too many are open. Its parts are asked for again and again.
      if (event.detail.ctx?.request?.action?.includes("/live") && !polling) { lost(); polling = setInterval(poll, POLL); }
    });
    setInterval(() => {
      if (Date.now() - heard > SILENCE && !polling && !document.hidden) lost();
    }, 1000);

    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => {
        paused = !paused;
        button.setAttribute("aria-pressed", String(paused));
        button.textContent = paused ? "Resume updates" : "Pause";
        if (!paused) ask();
      });
    }
  }

  // A link to an action opens its form in a dialog. Without this script the form is a page.
  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const link = event.target.closest?.("a[data-dialog]");
    if (dialog && link && plain) {
      event.preventDefault();
      htmx.ajax("GET", link.href, { source: dialog, target: dialog, select: "#ask", swap: "innerHTML" }).then(() => {
        if (!dialog.querySelector("#ask")) { location.href = link.href; return; }
        dialog.showModal();
        (dialog.querySelector("[autofocus]") ?? dialog.querySelector("button"))?.focus();
      });
    }
    if (dialog?.open && event.target.closest?.("[data-close]") && plain) {
      event.preventDefault();
      dialog.close();
    }
  });

  // The address of a webhook is copied with one press.
  document.addEventListener("click", (event) => {
    const copy = event.target.closest?.("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; });
  });
})();
