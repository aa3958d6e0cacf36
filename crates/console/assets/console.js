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
        button.textContent = paused ? "Resume updates" : "Pause updates";
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

/* The wizard: counters, variables that are inserted by a click, and the progress of an upload. Without it every page works as well. Nothing
   here writes HTML. */
(() => {
  "use strict";
  // Counters of texts, in characters as WhatsApp counts them.
  function count(counter) {
    const field = document.getElementById(counter.dataset.counts);
    const shown = counter.querySelector(".count");
    if (field && shown) shown.textContent = [...field.value].length.toLocaleString("en-US");
  }

  document.addEventListener("input", (event) => {
    for (const counter of document.querySelectorAll("[data-counts]")) {
      if (counter.dataset.counts === event.target.id) count(counter);
    }
  });

  // A variable is inserted where the person wrote last.
  let written = null;
  document.addEventListener("focusout", (event) => {
    if (event.target.matches("#message textarea, #message input[type=text]")) written = event.target;
  });
  function makeButtons() {
    for (const chip of document.querySelectorAll("[data-insert]:not([role])")) {
      chip.tabIndex = 0;
      chip.setAttribute("role", "button");
    }
  }
  const chips = document.getElementById("chips");
  if (chips) {
    makeButtons();
    new MutationObserver(makeButtons).observe(chips, { childList: true, subtree: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("[data-insert]")) event.target.click();
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (!chip) return;
    const field = written && written.isConnected ? written : document.getElementById("f-body");
    if (!field) return;
    field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // Blocks of the preview that the person opened or closed stay so when it is drawn again.
  const preview = document.getElementById("preview"), chosen = new Map();
  const name = (block) => block.querySelector("summary")?.textContent;
  preview?.addEventListener("click", (event) => {
    const block = event.target.closest("summary")?.parentElement;
    if (block) chosen.set(name(block), !block.open);
  });
  if (preview) new MutationObserver(() => {
    for (const block of preview.querySelectorAll("details")) if (chosen.has(name(block))) block.open = chosen.get(name(block));
  }).observe(preview, { childList: true, subtree: true });

  // The progress of a job is asked for by htmx; at its end the page is loaded anew.
  const job = document.getElementById("job");
  if (job) {
    new MutationObserver(() => {
      if (job.querySelector("[data-reload]")) location.reload();
    }).observe(job, { childList: true, subtree: true });
  }

  // The form of a list is sent with its progress. The answer is the page after a redirect, or a page that says what is wrong.
  const upload = document.getElementById("upload");
  if (upload) upload.addEventListener("submit", (event) => {
    event.preventDefault();
    const state = document.getElementById("upload-state");
    const [bar, text] = [state.querySelector("progress"), state.querySelector("p")];
    const button = upload.querySelector("button[type=submit]");
    const say = (sentence, is_error) => {
      state.hidden = false;
      text.textContent = sentence;
      text.className = is_error ? "error" : "hint";
      bar.hidden = is_error;
      button.disabled = !is_error;
    };
    const file = upload.elements.file.files[0];
    if (file && file.size > Number(upload.dataset.most)) {
      say("This file is longer than the limit. Split it, or compress it with gzip.", true);
      return;
    }
    const leave = (event) => event.preventDefault();
    const request = new XMLHttpRequest();
    const began = Date.now();
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      const seconds = ((Date.now() - began) / 1000 / loaded) * (total - loaded);
      bar.value = (100 * loaded) / total;
      const left = loaded < total ? `about ${Math.ceil(seconds)} s left` : "the server reads the list";
      say(`${Math.floor((100 * loaded) / total)} % uploaded, ${left}. Keep this page open.`, false);
    });
    request.addEventListener("load", () => {
      removeEventListener("beforeunload", leave);
      if (request.status < 400) {
        location.assign(request.responseURL);
        return;
      }
      const page = request.response;
      const reason = page && page.querySelector("#form-error p, main .card p");
      say(reason ? reason.textContent : "The upload failed. Try again.", true);
    });
    request.addEventListener("error", () => {
      removeEventListener("beforeunload", leave);
      say("The connection ended before the list was complete, and nothing was imported. Upload it again.", true);
    });
    addEventListener("beforeunload", leave);
    say("Upload begins.", false);
    request.open("POST", upload.action);
    request.responseType = "document";
    request.send(new FormData(upload));
  });
})();
