/** The times of a new schedule are those of the browser's zone, until the person has chosen one. */

const field = document.querySelector("input[data-browser-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (field && zone && field.value === field.defaultValue) field.value = zone;
