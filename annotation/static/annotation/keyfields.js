/** A field for one key: what is pressed takes the place of what stands there, which fills the field already. */
document.querySelector(".profile-keys").addEventListener("beforeinput", (event) => {
  if (event.inputType !== "insertText" || !event.data) return;
  event.preventDefault();
  event.target.value = [...event.data].at(-1);
});
