// Health: looks again every few seconds and changes in place only what has changed.
import { forget, lookAgain, patch } from "../http/look.js";
import { say } from "../http/page.js";

const EVERY = 5000;

function came(found) {
  const sentence = document.getElementById("sentence").textContent;
  patch(found);
  const title = found.querySelector("title");
  if (title) document.title = title.textContent;
  const now = document.getElementById("sentence").textContent;
  if (withoutNumbers(now) !== withoutNumbers(sentence)) say(now);
}

// "has not reported for 42 s" is no news 5 s later.
const withoutNumbers = (text) => text.replace(/\d+( \w+)?/g, "");

function lost() {
  const overall = document.querySelector('[data-part="overall"]');
  forget();
  overall.className = "overall bad";
  overall.querySelector("use").setAttribute("href", "#i-bad");
  const sentence = document.getElementById("sentence");
  if (!sentence.dataset.lost) say("The console does not answer.");
  sentence.dataset.lost = "1";
  sentence.textContent = "The console does not answer.";
  const next = overall.querySelector(".next");
  if (next) next.textContent = "What is below was so when it last did. Start it: relayproxy console, or relayproxy serve.";
  document.title = "✕ Health · relayproxy";
}

lookAgain(EVERY, came, lost);
