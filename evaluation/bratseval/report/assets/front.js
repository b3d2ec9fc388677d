/* Sorting of the table of cases, and which pair of submissions is shown. */
"use strict";
(function () {
  const table = document.getElementById("case-table");
  const heads = Array.from(table.tHead.rows[0].cells);

  function key(row, column, kind) {
    const cell = row.cells[column];
    if (kind === "text") {
      return cell.textContent.trim();
    }
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }

  function sort(column) {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = Array.from(body.rows).map((row) => ({ row: row, key: key(row, column, head.dataset.sort) }));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) {
        return (a.key === null) - (b.key === null);
      }
      const order = typeof a.key === "string" ? a.key.localeCompare(b.key) : a.key - b.key;
      return down ? -order : order;
    });
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach((entry) => body.appendChild(entry.row));
  }

  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(column));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        sort(column);
      }
    });
  });

  const choice = document.getElementById("pair");
  if (choice) {
    choice.addEventListener("change", () => {
      document.querySelectorAll(".pair").forEach((pair, i) => {
        pair.hidden = i !== Number(choice.value);
      });
    });
  }
})();
