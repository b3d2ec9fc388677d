/* The viewer of a case's page: a base image, one overlay over it, and lesions to step through. */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = Array.from(document.querySelectorAll("tr.lesion"));
  const state = { overlay: 0, difference: false, hidden: new Set(), row: -1, ready: false };
  window.report = state;

  const volumes = {};
  let nv = null;

  function colours() {
    const shown = state.difference ? data.differences : data.labels;
    const map = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
    for (const entry of shown) {
      map.R.push(entry.rgb[0]);
      map.G.push(entry.rgb[1]);
      map.B.push(entry.rgb[2]);
      map.A.push(!state.difference && state.hidden.has(entry.value) ? 0 : 255);
      map.I.push(entry.value);
      map.labels.push(entry.name);
    }
    return map;
  }

  async function volume(key, text) {
    if (!volumes[key]) {
      volumes[key] = await niivue.NVImage.loadFromBase64({ base64: text, name: key + ".nii.gz" });
    }
    return volumes[key];
  }

  async function show() {
    const modality = document.getElementById("modality").value;
    const chosen = data.overlays[state.overlay];
    const text = state.difference ? chosen.difference : chosen.labels;
    const base = await volume("base-" + modality, data.images[modality]);
    base.cal_min = 0;
    base.cal_max = 255;
    const wanted = [base];
    if (text) {
      const over = await volume((state.difference ? "difference-" : "labels-") + state.overlay, text);
      over.setColormapLabel(colours());
      over.opacity = Number(document.getElementById("opacity").value);
      wanted.push(over);
    }
    const place = nv.scene.crosshairPos.slice();
    nv.volumes = [];
    for (const one of wanted) {
      nv.addVolume(one);
    }
    nv.scene.crosshairPos = place;
    nv.updateGLVolume();
    nv.drawScene();
  }

  function goTo(index) {
    if (!rows.length) {
      return;
    }
    state.row = (index + rows.length) % rows.length;
    rows.forEach((row, i) => row.classList.toggle("current", i === state.row));
    const row = rows[state.row];
    row.scrollIntoView({ block: "nearest" });
    if (nv && row.dataset.mm) {
      nv.scene.crosshairPos = nv.mm2frac(row.dataset.mm.split(" ").map(Number));
      nv.drawScene();
      nv.createOnLocationChange();
    }
  }
  state.goTo = goTo;

  function step(by) {
    let index = state.row;
    for (let tried = 0; tried < rows.length; tried += 1) {
      index = (index + by + rows.length) % rows.length;
      if (!rows[index].hidden) {
        goTo(index);
        return;
      }
    }
  }

  function bind() {
    rows.forEach((row, i) => row.addEventListener("click", () => goTo(i)));
    document.addEventListener("keydown", (event) => {
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (event.key === "n" || event.key === "j") {
        step(1);
      } else if (event.key === "p" || event.key === "k") {
        step(-1);
      } else if (event.key === "d" && nv) {
        document.getElementById("difference").click();
      } else if (event.key === "o" && nv) {
        const choice = document.getElementById("overlay");
        choice.selectedIndex = (choice.selectedIndex + 1) % choice.options.length;
        choice.dispatchEvent(new Event("change"));
      }
    });
    document.getElementById("whose").addEventListener("change", (event) => {
      rows.forEach((row) => {
        row.hidden = event.target.value !== "" && row.dataset.whose !== event.target.value;
      });
    });
  }

  function bindViewer() {
    document.getElementById("modality").addEventListener("change", show);
    document.getElementById("overlay").addEventListener("change", (event) => {
      state.overlay = Number(event.target.value);
      show();
    });
    document.getElementById("difference").addEventListener("change", (event) => {
      state.difference = event.target.checked;
      show();
    });
    document.getElementById("opacity").addEventListener("input", show);
    document.querySelectorAll("input.label").forEach((box) =>
      box.addEventListener("change", () => {
        const value = Number(box.value);
        if (box.checked) {
          state.hidden.delete(value);
        } else {
          state.hidden.add(value);
        }
        show();
      }),
    );
  }

  function hasWebGL2() {
    return Boolean(document.createElement("canvas").getContext("webgl2"));
  }

  async function start() {
    bind();
    if (!data.images || !hasWebGL2()) {
      document.body.classList.add("without-viewer");
      state.ready = true;
      return;
    }
    nv = new niivue.Niivue({ backColor: [0, 0, 0, 1], isRadiologicalConvention: true, crosshairWidth: 1, isNearestInterpolation: true });
    state.nv = nv;
    nv.onLocationChange = (place) => {
      document.getElementById("place").textContent = place.string || "";
    };
    await nv.attachToCanvas(document.getElementById("viewer"));
    nv.setMultiplanarLayout(2);
    bindViewer();
    state.overlay = Number(document.getElementById("overlay").value);
    await show();
    const first = rows.findIndex((row) => row.dataset.mm);
    if (first >= 0) {
      goTo(first);
    }
    state.ready = true;
  }

  start().catch((error) => {
    document.getElementById("place").textContent = "The viewer cannot start: " + error;
    document.body.classList.add("without-viewer");
    state.ready = true;
    throw error;
  });
})();
