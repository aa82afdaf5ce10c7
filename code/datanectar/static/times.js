// Shows times in the reader's time zone, with its name; without this script they are in UTC.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const date = formatOf({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
const exact = formatOf({ dateStyle: "short", timeStyle: "medium" });

function formatOf(parts) {
  return new Intl.DateTimeFormat("sv-SE", { ...parts, timeZone: zone }); // Sweden's is ISO 8601
}

function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    element.title = `${exact.format(moment)} ${zone}`;
    if (element.textContent.endsWith("UTC")) element.textContent = `${date.format(moment)} ${zone}`;
  }
}

// A form names the zone of its times; a form that was sent keeps its zone.
for (const field of document.querySelectorAll("input[name=zone][value='']")) {
  field.value = zone;
  for (const name of field.form.querySelectorAll("[data-zone]")) name.textContent = zone;
}
localise(document);
new MutationObserver((changes) => {
  for (const node of changes.flatMap((change) => [...change.addedNodes])) {
    if (node.nodeType === Node.ELEMENT_NODE) localise(node);
  }
}).observe(document.getElementById("main"), { childList: true, subtree: true });
