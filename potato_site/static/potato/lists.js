/** In a narrow window a row of a list is a block: each cell says which column it is of, and one with nothing to say goes. */

const titles = [...document.querySelectorAll("#result_list thead th")].map(
  (head) => head.querySelector(".text")?.textContent.trim() ?? "",
);
for (const { cells } of document.querySelectorAll("#result_list tbody tr")) {
  for (const [column, cell] of [...cells].entries()) {
    if (!cell.matches("td") || !titles[column]) continue;
    cell.dataset.title = titles[column];
    cell.toggleAttribute("data-empty", !cell.firstElementChild && ["", "–"].includes(cell.textContent.trim()));
  }
}
