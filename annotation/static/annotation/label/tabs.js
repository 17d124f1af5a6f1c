/** Tells the other tabs with the same item what this one does, so that all show the same answers. */

export class Tabs {
  constructor(name, onmessage) {
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(name) : null;
    if (this.channel) this.channel.onmessage = (event) => onmessage(event.data);
  }

  tell(message) {
    this.channel?.postMessage(message);
  }
}
