/** <copy-text>: a button beside its input that copies it. Without script the input can be selected by hand. */
class CopyText extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${input.getAttribute("aria-label") ?? "text"}`);
    button.addEventListener("click", () => this.copy(input, button));
    this.append(button);
  }

  async copy(input, button) {
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
    } catch {
      // Without HTTPS there is no clipboard API; the selected text can still be copied.
      if (!document.execCommand("copy")) return;
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
}

customElements.define("copy-text", CopyText);
