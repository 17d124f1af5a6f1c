// The person's own choice of light or dark (data-theme on this script), set before the page is painted.
// Without a choice, or without script, the system decides.
const { theme } = document.currentScript.dataset;
if (theme) document.documentElement.dataset.theme = theme;
