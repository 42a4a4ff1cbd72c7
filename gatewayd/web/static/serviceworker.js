// Shows what the gateway pushes: messages (user_event) and alarms (active_alarm), as text.
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

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => {
  const all = notifications(event.data);
  event.waitUntil(Promise.all(all.map(({ title, options }) => self.registration.showNotification(title, options))));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
