/** Shows the fields that belong to the chosen answer, and says a file is too large before it is sent. */

const form = document.getElementById("new-project");

function follow() {
  for (const part of form.querySelectorAll("[data-shown-for]")) {
    const [name, value] = part.dataset.shownFor.split(":");
    part.hidden = form.elements[name].value !== value;
  }
}

/** A file over the limit would be sent in vain. */
function checkSize(input) {
  const limit = Number(form.dataset.limit);
  const file = input.files[0];
  const isTooLarge = file && file.size > limit;
  input.setCustomValidity(isTooLarge ? `Too large: at most ${Math.round(limit / 1e6).toLocaleString()} MB. Split it.` : "");
  input.reportValidity();
}

form.addEventListener("change", ({ target }) => {
  follow();
  if (target.type === "file") checkSize(target);
});
form.addEventListener("submit", (event) => {
  if (form.dataset.sent || !form.querySelector("#id_file").validity.valid) {
    event.preventDefault();
    form.querySelector("#id_file").reportValidity();
    return;
  }
  form.dataset.sent = "yes";
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-disabled", "true");
  button.textContent = form.querySelector("#id_file").files.length ? "Sending…" : "Making…";
});
// Back from another page, the form can be sent again: its id keeps it one project.
addEventListener("pageshow", () => delete form.dataset.sent);
follow();
document.querySelector(".form-problem")?.focus();
