// Appends what a run tells. Everything is put in as text, so nothing in it is markup.
"use strict";
const log = document.getElementById("log");
const notice = document.getElementById("notice");
const classes = { FAILED: "bad", done: "ok", warning: "bad" };
const cell = (name, text) => {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = text;
  return part;
};
const say = (text, href) => {
  notice.textContent = text + " ";
  const link = document.createElement("a");
  link.href = href;
  link.textContent = "Show it";
  notice.append(link);
};
const source = new EventSource(log.dataset.events);
// A connection that was lost begins anew, with the first record.
source.addEventListener("open", () => log.replaceChildren());
source.addEventListener("line", (event) => {
  const told = JSON.parse(event.data);
  const row = document.createElement("li");
  const what = told.text === "" ? told.what : told.what + ": " + told.text;
  row.append(cell("at", told.at), cell(classes[told.mark] || "quiet", told.mark), cell("what", what));
  log.append(row);
});
source.addEventListener("asked", () => {
  if (document.querySelector("form.task") === null) {
    say("A task waits for a person.", location.pathname);
  }
});
source.addEventListener("ended", () => {
  source.close();
  say("The run has ended.", location.pathname);
});
