/** The page's elements by their id. */

export const byId = (id) => document.getElementById(id);
