"use strict";
// The page shows what Python wrote: this script filters, sorts and looks up, and computes no figure.
// Texts enter by textContent alone, so that nothing in the name of a file or a class is taken for markup.
(function () {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const $ = (id) => document.getElementById(id);
  const images = data.images;
  // The strategy whose predictions are shown; where there is one model, that.
  let model = images ? data.models[0] : null;
  const PAGE = 24;

  function element(tag, kind, text) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function named(before, text) {
    const span = element("span", "", before);
    span.append(element("bdi", "", text));
    return span;
  }

  // PNG begins with these letters in base64; all other thumbnails are JPEG.
  function source(row) {
    const text = data.thumbnails[images && images.picture ? images.picture[row] : row];
    if (text === undefined) return null;
    return (text.startsWith("iVBOR") ? "data:image/png;base64," : "data:image/jpeg;base64,") + text;
  }

  function picture(row, alt) {
    const from = source(row);
    if (from === null) return null;
    const made = element("img", from.startsWith("data:image/png") ? "pixels" : "");
    made.alt = alt;
    made.src = from;
    return made;
  }

  // ---- images at fixed places: those of an audit
  for (const shown of document.querySelectorAll("img[data-row]")) {
    const from = source(shown.dataset.row);
    if (from === null) continue;
    if (from.startsWith("data:image/png")) shown.className = "pixels";
    shown.src = from;
    shown.hidden = false;
    shown.nextElementSibling.remove();
  }

  // ---- sortable tables
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      const key = (row) => row.cells[column].dataset.key;
      head.querySelector("button").addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows];
        const numbers = rows.every((row) => key(row) !== "" && !Number.isNaN(Number(key(row))));
        rows.sort((a, b) => {
          const order = numbers ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b));
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // ---- counts or shares in the confusion matrix
  for (const choice of document.querySelectorAll(".switch input")) {
    choice.addEventListener("change", () => {
      const matrix = choice.closest("fieldset").nextElementSibling.querySelector(".matrix");
      matrix.classList.toggle("counts", choice.value === "counts");
      matrix.classList.toggle("shares", choice.value === "shares");
    });
  }

  // ---- images
  let listed = [], drawn = 0, opened = -1;
  const cells = document.querySelectorAll(".cell");

  function predicted(of, row) {
    return data.classes[of.predicted[row]] + (of.probability ? ", " + of.probability[row] : "");
  }

  function facts(row) {
    const found = [["true class", data.classes[images.true[row]]]];
    if (data.models.length > 1) {
      for (const one of data.models) found.push([one.name, predicted(one, row)]);
    } else {
      found.push(["predicted class", data.classes[model.predicted[row]]]);
    }
    if (model.probability && data.models.length === 1) {
      found.push(["probability", model.probability[row]], ["of the true class", model.of_label[row]]);
    }
    if (images.part) found.push(["part", images.part[row]]);
    found.push(["path", images.folder + images.path[row]]);
    return found;
  }

  function card(place) {
    const row = listed[place];
    const wrong = images.true[row] !== model.predicted[row];
    const button = element("button", wrong ? "card wrong" : "card");
    button.type = "button";
    button.dataset.row = row;
    button.append(picture(row, "") || element("span", "none", "not in this file"));
    button.append(named(wrong ? "true: " : "right: ", data.classes[images.true[row]]));
    if (wrong) button.append(named("predicted: ", data.classes[model.predicted[row]]));
    const more = [model.probability && model.probability[row], images.part && images.part[row]].filter(Boolean);
    if (more.length) button.append(element("span", "", more.join(", ")));
    const path = element("span", "path");
    path.append(element("bdi", "", images.path[row]));
    button.append(path);
    button.addEventListener("click", () => open(place));
    const item = element("li");
    item.append(button);
    return item;
  }

  function extend() {
    const until = Math.min(listed.length, drawn + PAGE);
    const added = [];
    for (; drawn < until; drawn++) added.push(card(drawn));
    $("gallery").append(...added);
    $("more").hidden = drawn >= listed.length;
  }

  function current() {
    for (const cell of cells) {
      const is = cell.dataset.true === $("of-true").value && cell.dataset.predicted === $("of-predicted").value;
      if (is) cell.setAttribute("aria-current", "true");
      else cell.removeAttribute("aria-current");
    }
  }

  function list() {
    const order = $("order").value, t = $("of-true").value, p = $("of-predicted").value;
    const all = order === "all" ? images.true.map((_, row) => row) : model.orders[order];
    listed = all.filter((row) => (t === "" || images.true[row] === +t) && (p === "" || model.predicted[row] === +p));
    $("gallery").replaceChildren();
    drawn = 0;
    extend();
    let said = listed.length === 1 ? "1 image" : listed.length.toLocaleString("en") + " images";
    if (data.models.length > 1) said += ", as predicted by " + model.name;
    $("shown").textContent = said + (images.folder ? "; paths begin with " + images.folder : "");
    current();
  }

  function open(place) {
    opened = place;
    const row = listed[place], from = source(row), shown = $("detail-image");
    shown.hidden = from === null;
    if (from !== null) {
      shown.src = from;
      shown.className = from.startsWith("data:image/png") ? "pixels" : "";
      shown.alt = "Image " + images.path[row];
    }
    $("detail-title").textContent = images.true[row] === model.predicted[row] ? "Right" : "Wrong";
    $("detail-facts").replaceChildren(
      ...facts(row).map(([what, text]) => {
        const line = element("div"), value = element("dd");
        value.append(element("bdi", "", text));
        line.append(element("dt", "", what), value);
        return line;
      })
    );
    if (!$("detail").open) $("detail").showModal();
  }

  // Everything that shows predictions shows those of this strategy.
  function take(number) {
    model = data.models[number];
    for (const choice of document.querySelectorAll("select.model")) choice.value = number;
    for (const part of document.querySelectorAll(".of-model")) part.hidden = part.dataset.model !== String(number);
    list();
  }

  if (images) {
    for (const choice of document.querySelectorAll("select.model")) {
      choice.addEventListener("change", () => take(+choice.value));
    }
    for (const id of ["order", "of-true", "of-predicted"]) $(id).addEventListener("change", list);
    $("filter").addEventListener("submit", (event) => event.preventDefault());
    $("more").addEventListener("click", () => {
      const first = drawn;
      extend();
      $("gallery").children[first].firstChild.focus();
    });
    for (const cell of cells) {
      cell.addEventListener("click", () => {
        $("order").value = "all";
        $("of-true").value = cell.dataset.true;
        $("of-predicted").value = cell.dataset.predicted;
        list();
        $("images-title").focus({ preventScroll: true });
        $("images").scrollIntoView();
      });
    }
    $("gallery").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const item = event.target.closest("li");
      if (!step || !item) return;
      const next = step > 0 ? item.nextElementSibling : item.previousElementSibling;
      if (next) next.firstChild.focus();
      event.preventDefault();
    });
    $("close").addEventListener("click", () => $("detail").close());
    $("detail").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const place = opened + step;
      if (place >= 0 && place < listed.length) {
        while (place >= drawn) extend();
        open(place);
      }
      event.preventDefault();
    });
    $("detail").addEventListener("close", () => {
      const item = $("gallery").children[opened];
      if (item) item.firstChild.focus();
    });
    if ($("samples")) {
      for (const row of data.samples) {
        const item = element("li"), shown = picture(row, "");
        if (shown === null) continue;
        item.append(shown, element("bdi", "", data.classes[images.true[row]]));
        $("samples").append(item);
      }
    }
    take(0);
  }

  // ---- one class against all others
  if (data.curves) {
    const charts = { roc: $("roc"), precision_recall: $("precision-recall") };
    let curve = null;
    function move() {
      const point = curve.points[+$("threshold").value];
      const ids = ["at-threshold", "at-sensitivity", "at-precision", "at-images"];
      ids.forEach((id, k) => { $(id).textContent = point.text[k]; });
      $("threshold").setAttribute("aria-valuetext", "threshold " + point.text[0]);
      for (const [name, chart] of Object.entries(charts)) {
        chart.querySelector(".marker").setAttribute("cx", point[name][0]);
        chart.querySelector(".marker").setAttribute("cy", point[name][1]);
      }
    }
    function choose() {
      curve = data.curves[+$("curve-class").value];
      $("threshold").max = curve.points.length - 1;
      $("threshold").value = curve.start;
      $("curve-areas").textContent = curve.areas;
      for (const [name, chart] of Object.entries(charts)) chart.querySelector(".line").setAttribute("d", curve[name]);
      move();
    }
    $("curve-class").addEventListener("change", choose);
    $("threshold").addEventListener("input", move);
    choose();
  }

  // ---- map of the embeddings
  if (data.map) {
    const canvas = $("map-canvas"), map = data.map, pad = 30;
    const at = (value) => pad + value;
    const KINDS = ["first", "second", "third", "fourth", "fifth", "sixth"];
    const truth = (place) => images.true[map.row[place]];
    const isWrong = (place) => truth(place) !== model.predicted[map.row[place]];
    function look() {
      const by = $("map-colour").value;
      if (by === "right") return { kinds: [["right", "right"], ["wrong", "wrong"]], of: (p) => (isWrong(p) ? 1 : 0) };
      if (by === "class") return { kinds: data.classes.map((name, k) => [KINDS[k], name]), of: truth };
      return { kinds: [["faint", "all others"], ["first", data.classes[+by]]], of: (p) => (truth(p) === +by ? 1 : 0) };
    }
    function draw() {
      const style = getComputedStyle(document.documentElement), pen = canvas.getContext("2d");
      const { kinds, of } = look();
      const colours = kinds.map(([kind]) => style.getPropertyValue("--" + kind));
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const order = map.row.map((_, place) => place).sort((a, b) => isWrong(a) - isWrong(b) || of(a) - of(b));
      for (const place of order) {
        const x = at(map.x[place]), y = at(map.y[place]);
        pen.fillStyle = pen.strokeStyle = colours[of(place)];
        pen.lineWidth = 4;
        pen.beginPath();
        // The wrong ones are crosses, whatever the colours are.
        if (isWrong(place)) {
          pen.moveTo(x - 8, y - 8); pen.lineTo(x + 8, y + 8); pen.moveTo(x - 8, y + 8); pen.lineTo(x + 8, y - 8);
          pen.stroke();
        } else {
          pen.arc(x, y, 6, 0, 7);
          pen.fill();
        }
      }
      const entries = kinds.map(([kind, name]) => {
        const entry = element("li");
        entry.append(element("span", kind === "wrong" ? "key cross" : "key " + kind), element("bdi", "", name));
        return entry;
      });
      const keys = element("ul", "legend");
      keys.append(...entries);
      $("map-legend").replaceChildren(keys);
    }
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = -1, least = 30 * 30;
      map.row.forEach((_, place) => {
        const away = (at(map.x[place]) - x) ** 2 + (at(map.y[place]) - y) ** 2;
        if (away < least) { least = away; best = place; }
      });
      $("map-hover").hidden = best < 0;
      if (best < 0) return;
      const row = map.row[best], from = source(row);
      if (from === null) $("map-image").removeAttribute("src");
      else $("map-image").src = from;
      $("map-text").textContent = facts(row).map(([what, text]) => what + ": " + text).join("; ");
    });
    $("map-colour").addEventListener("change", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    draw();
  }

  // ---- provenance
  $("copy").addEventListener("click", () => {
    const lines = [...$("facts").children].map((line) => line.children[0].textContent + ": " + line.children[1].textContent);
    const done = () => { $("copied").textContent = "Copied."; };
    const select = () => {
      getSelection().selectAllChildren($("facts"));
      $("copied").textContent = "Selected: copy it with the keyboard.";
    };
    // A page that was opened as a file may have no clipboard.
    if (navigator.clipboard) navigator.clipboard.writeText(lines.join("\n")).then(done, select);
    else select();
  });

  document.documentElement.dataset.ready = "yes";
})();
