/**
 * The page's own requests, carried by htmx from persistent forms outside every swapped region.
 *
 * The CSRF token is added here, from the cookie, and to these forms only: nothing a trace could contain ever sends it.
 */

const own = new WeakSet();

/** Send `value` in the form's one field. Resolves with `{status, body}`; status 0: the server was not reached. */
export function send(form, event, value) {
  return new Promise((resolve) => {
    const done = (happened) => {
      if (happened.detail.elt !== form) return;
      form.removeEventListener("htmx:afterRequest", done);
      resolve(answer(happened.detail.xhr));
    };
    own.add(form);
    form.addEventListener("htmx:afterRequest", done);
    form.elements[0].value = JSON.stringify(value);
    window.htmx.trigger(form, event);
  });
}

function answer(xhr) {
  let body = {};
  try {
    body = JSON.parse(xhr.responseText);
  } catch {
    // A proxy's error page, or nothing at all: the status says enough.
  }
  return { status: xhr.status, body, retryAfter: Number(xhr.getResponseHeader?.("Retry-After")) || 0 };
}

function csrfToken() {
  const name = document.querySelector('meta[name="csrf-cookie"]').content;
  const cookie = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return cookie ? decodeURIComponent(cookie.slice(name.length + 1)) : "";
}

document.addEventListener("htmx:configRequest", (event) => {
  if (own.has(event.detail.elt)) event.detail.headers["X-CSRFToken"] = csrfToken();
});
