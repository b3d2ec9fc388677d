/* A reader's note and rating of a case, kept in the browser and downloaded as JSON. */
"use strict";
(function () {
  const note = document.getElementById("note");
  const rating = document.getElementById("rating");
  const prefix = "bratseval-note:" + note.dataset.edition + ":";
  const key = prefix + note.dataset.case;

  function read(name) {
    try {
      return JSON.parse(window.localStorage.getItem(name)) || {};
    } catch (error) {
      return {};
    }
  }

  function keep() {
    try {
      window.localStorage.setItem(key, JSON.stringify({ note: note.value, rating: rating.value }));
    } catch (error) {
      note.title = "This browser keeps nothing for local files: download the note before you leave.";
    }
  }

  function all() {
    const kept = {};
    kept[note.dataset.case] = { note: note.value, rating: rating.value };
    try {
      for (let i = 0; i < window.localStorage.length; i += 1) {
        const name = window.localStorage.key(i);
        if (name.startsWith(prefix)) {
          kept[name.slice(prefix.length)] = read(name);
        }
      }
    } catch (error) {
      note.title = "Only this case's note could be read.";
    }
    return { edition: note.dataset.edition, notes: kept };
  }

  const before = read(key);
  note.value = before.note || "";
  rating.value = before.rating || "";
  note.addEventListener("input", keep);
  rating.addEventListener("change", keep);
  document.getElementById("download").addEventListener("click", () => {
    const file = new Blob([JSON.stringify(all(), null, 1)], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "notes.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
