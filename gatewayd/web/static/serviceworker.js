// Shows what the gateway pushes: messages (user_event) and alarms (active_alarm), as text; keeps the subscription alive.
"use strict";

const base = new URL("..", self.location).pathname.replace(/\/$/, "");

const shown = ({ type, notification: it }) => {
  if (type === "active_alarm") {
    return {
      title: `${it.cleared ? "Over" : "Alarm"}: ${it.name}`,
      options: {
        body: it.cleared ? it.reset_text : it.active_text,
        tag: `alarm-${it.id}`,
        renotify: true,
        requireInteraction: Boolean(it.priority) && !it.cleared,
        data: { url: `${base}/alarms/active/${it.id}` },
      },
    };
  }
  return {
    title: it.priority ? "Urgent message" : "Message",
    options: {
      body: it.message,
      tag: `event-${it.id}`,
      renotify: true,
      requireInteraction: Boolean(it.priority),
      data: { url: `${base}/users/self/events/${it.id}` },
    },
  };
};

// A page to a contact on the line of pushes is bare text.
const plain = (text) => ({
  title: text ? "Message" : "Alarm gateway",
  options: { body: text || "Something happened: look at the inbox.", data: { url: `${base}/users/self/events` } },
});

const notifications = (data) => {
  try {
    return data.json().notifications.map(shown);
  } catch {
    return [plain(data ? data.text() : "")];
  }
};

// The browser, or its push service, gave up the old subscription: make a new one and hand it over by the page's own form.
const renew = async (made) => {
  const path = `${base}/users/self/webpush/subscribe`;
  const page = await (await fetch(path, { headers: { Accept: "text/html" } })).text();
  const [key, token] = ["key", "form-token"].map((name) => (page.match(`data-${name}="([^"]+)"`) || [])[1]);
  if (!key || !token) throw new Error("not signed in");
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const { endpoint, keys } = (made || (await self.registration.pushManager.subscribe(options))).toJSON();
  const body = new URLSearchParams({ endpoint, ...keys, form_token: token });
  const said = await (await fetch(`${path}?f=json`, { method: "POST", body })).json();
  if (said.status !== 1) throw new Error("refused");
};

const missed = () =>
  self.registration.showNotification("Alarm gateway", {
    body: "This browser is not told any more: sign in and switch the notifications on again.",
    tag: "renew",
    requireInteraction: true,
    data: { url: `${base}/users/self/webpush/subscribe` },
  });

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event.newSubscription).catch(missed));
});
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => {
  const all = notifications(event.data);
  event.waitUntil(Promise.all(all.map(({ title, options }) => self.registration.showNotification(title, options))));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
