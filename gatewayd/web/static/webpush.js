// Subscribes this browser to notifications. The only script of the console: everything else works without.
"use strict";

(() => {
  const box = document.getElementById("push");
  const button = document.getElementById("push-on");
  const state = document.getElementById("push-state");
  const say = (text) => { state.textContent = text; };

  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    say(window.isSecureContext
      ? "This browser cannot show notifications."
      : "Browsers show notifications only on https with a certificate that they trust.");
    return;
  }
  button.hidden = false;

  const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (char) => char.charCodeAt(0));
  };
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const ready = async (registration) => {
    const worker = registration.active || registration.waiting || registration.installing;
    if (worker.state !== "activated") {
      await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
    }
    return registration;
  };

  const subscribe = async () => {
    const base = box.dataset.base;
    if ((await Notification.requestPermission()) !== "granted") {
      say("The browser was not allowed to show notifications.");
      return;
    }
    const registration = await ready(await navigator.serviceWorker.register(`${base}/static/serviceworker.js`));
    const options = { userVisibleOnly: true, applicationServerKey: toBytes(box.dataset.key) };
    const subscription = await registration.pushManager.subscribe(options).catch(async (error) => {
      if (error.name !== "InvalidStateError") throw error;
      const old = await registration.pushManager.getSubscription(); // made for another key
      await old.unsubscribe();
      return registration.pushManager.subscribe(options);
    });
    const body = new URLSearchParams({
      endpoint: subscription.endpoint,
      p256dh: toText(subscription.getKey("p256dh")),
      auth: toText(subscription.getKey("auth")),
      form_token: box.dataset.formToken,
    });
    const answer = await fetch(`${base}/users/self/webpush/subscribe?f=json`, { method: "POST", body });
    const said = await answer.json();
    if (said.status === 1) {
      window.location.reload();
    } else {
      say(said.description || (said.error && said.error.description) || "That did not work.");
    }
  };

  button.addEventListener("click", () => subscribe().catch((error) => say(`That did not work: ${error.message}`)));
})();
