/** What several people said at one place, as a block beside a step. All of it is text. */

export function said({ title, differs, said: voices }) {
  const place = element("div", "control reading-place");
  place.role = "group";
  place.ariaLabel = differs ? `${title}: they differ` : title;
  const head = element("p", "control-title", title);
  if (differs) head.append(" ", element("span", "reading-differs", "differs"));
  place.append(head);
  for (const { name, text, detail, style } of voices) {
    const line = element("p", "reading-voice");
    const mark = element("span", `swatch ${style}`);
    mark.ariaHidden = "true";
    const words = element("span", "");
    words.dir = "auto";
    words.append(element("strong", "", name), ` ${text}`);
    line.append(mark, words);
    if (detail) line.append(element("span", "reading-detail", detail));
    place.append(line);
  }
  return place;
}

export function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}
