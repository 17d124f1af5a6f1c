/**
 * Sends the chosen or dropped files, together, shows how far they are, and lets the list of imports follow.
 * Without this script the form is an ordinary one.
 */

const form = document.getElementById("upload");
const byId = (id) => document.getElementById(id);

/** Add a line to the list of what went wrong. */
function complain(name, message) {
  const line = document.createElement("li");
  line.textContent = name ? `${name}: ${message}` : message;
  byId("upload-errors").append(line);
}

/** Add what else there is to say. */
function note(message) {
  if (!message) return;
  const line = document.createElement("span");
  line.textContent = message;
  byId("upload-note").append(line, " ");
}

function tooLarge(file) {
  const limit = Number(form.dataset.limit);
  if (file.size <= limit) return false;
  const megabytes = (bytes) => `${Math.round(bytes / 1e6).toLocaleString()} MB`;
  complain(file.name, `too large: it has ${megabytes(file.size)}, an upload at most ${megabytes(limit)}. Split it.`);
  return true;
}

const nameOf = (files) => (files.length === 1 ? files[0].name : `${files.length} files`);

/** File → the folders it lay in, of what was dropped. */
const folders = new WeakMap();

/** Send files that are imported together. Resolves when the server has answered or could not be reached: to false, if
 * the person stopped it. */
function send(files) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData(form);
    body.delete("file");
    files.forEach((file) => body.append("file", file));
    if (files.some((file) => folders.has(file))) {
      body.append("folders", JSON.stringify(files.map((file) => folders.get(file) ?? "")));
    }
    const failed = (message, goesOn = true) => {
      complain(nameOf(files), message);
      resolve(goesOn);
    };
    request.upload.addEventListener("progress", (event) => show(event.loaded, event.total));
    request.addEventListener("load", () => {
      answered(files, request);
      resolve(true);
    });
    request.addEventListener("error", () => failed("the connection ended; nothing was kept. Send it again."));
    request.addEventListener("abort", () => failed("stopped; nothing of it was kept.", false));
    byId("stop-sending").onclick = () => request.abort();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

function show(loaded, total) {
  byId("sent").max = total;
  byId("sent").value = loaded;
  byId("sending-share").textContent =
    loaded < total ? `${Math.floor((100 * loaded) / total)} %` : "sent; the server is checking it";
}

/** What the server says. "" for a log-in page, or a proxy's error. */
function messageOf(request) {
  try {
    return JSON.parse(request.responseText).message;
  } catch {
    return "";
  }
}

function answered(files, request) {
  window.htmx.trigger("#imports", "refresh");
  const message = messageOf(request);
  if (request.status === 202) {
    note(message);
    return;
  }
  // A line for each file that was refused.
  for (const line of (message || "the server did not take it. Reload the page and try again.").split("\n")) {
    complain(files.some((file) => line.startsWith(file.name)) ? "" : nameOf(files), line);
  }
}

/** Files in groups that are small enough to be sent at once; nearly always one group. */
function grouped(files) {
  const groups = [];
  let size = Infinity;
  for (const file of files) {
    // Room for what a form adds to each file.
    const isFull = size + file.size + 1000 > Number(form.dataset.limit);
    if (isFull || groups.at(-1).length === Number(form.dataset.mostFiles)) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1).push(file);
    size += file.size + 1000;
  }
  return groups;
}

let sending = Promise.resolve();
let waiting = 0;

/** Files that are dropped while others are sent take their turn. What was said of those stays until all are through. */
function sendInTurn(files) {
  if (!waiting) {
    byId("upload-errors").replaceChildren();
    byId("upload-note").replaceChildren();
  }
  waiting += 1;
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  sending = sending
    .then(() => sendAll(files))
    .catch(() => complain(nameOf(files), "this page could not send it. Reload it and try again."))
    .finally(() => {
      waiting -= 1;
      button.disabled = waiting > 0;
      byId("sending").hidden = true;
    });
}

async function sendAll(files) {
  const groups = grouped(files.filter((file) => !tooLarge(file)));
  for (const group of groups) {
    byId("sending-name").textContent = nameOf(group);
    byId("sending").hidden = false;
    show(0, 1);
    if (!(await send(group))) {
      const left = groups.slice(groups.indexOf(group) + 1).flat();
      if (left.length) complain(nameOf(left), "not sent.");
      return;
    }
  }
}

/** The files that were dropped, those of folders included. What was dropped is known only until the event is over. */
function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return Promise.resolve([...transfer.files]);
  return Promise.all(entries.filter(Boolean).map(filesOf)).then((found) => found.flat());
}

/** What lies hidden in a folder is passed over, as `potato convert-traces` does. */
const isHidden = ({ name }) => name.startsWith(".") && name !== ".aider.chat.history.md";

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    // "/sessions/a.jsonl" lies in "sessions".
    const folder = entry.fullPath.split("/").slice(1, -1).join("/");
    if (folder) folders.set(file, folder);
    return [file];
  }
  const reader = entry.createReader();
  const files = [];
  // A folder is read in parts, until one is empty.
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return files;
    for (const inside of part) if (!isHidden(inside)) files.push(...(await filesOf(inside)));
  }
}

function listen() {
  const drop = form.querySelector(".drop");
  byId("drop-hint").hidden = false;
  form.addEventListener("submit", (event) => {
    const { files } = byId("file");
    if (!files.length) return;
    event.preventDefault();
    sendInTurn([...files]);
    // Who chooses others meanwhile finds them still chosen.
    byId("file").value = "";
  });
  // Anywhere on the page: beside the box, the browser would leave the page and show the file.
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.remove("is-over");
    dropped(event.dataTransfer).then(
      (files) => files.length && sendInTurn(files),
      () => complain("", "What was dropped cannot be read."),
    );
  });
}

if (form) listen();
