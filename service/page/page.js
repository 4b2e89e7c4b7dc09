// Puts the page together: what is typed, chosen, dropped or clicked, and what is shown for it.

import { standing } from "./answer.js";
import { language, nameOf, number, percent, probability, remember, speak, t } from "./language.js";
import { followReader, showReading } from "./reading.js";
import { closeRows, openFile, openLines, prepareRows, sayRows } from "./rows.js";
import { explain, models, pause, predict, sendable, useKey } from "./service.js";

const PAUSE = 200; // milliseconds without a key before the text is read
const COMPOSING_PAUSE = 500; // the same while a syllable or a character is being composed
const COLOURING_PAUSE = 1; // seconds more for a text that is not brief
const BRIEF = 400; // UTF-16 units

const $ = (id) => document.getElementById(id);

let timer = 0;
let asking = new AbortController();
let last = null; // { text, answer, cut, model }: what is shown; the answer has a `reading` once it is coloured
let problem = null; // the error that is shown
const languages = new Map(); // of the bundles, by name

const chosenModel = () => ($("model").value ? { model: $("model").value } : {});

const linesOf = (text) => text.split("\n").filter((line) => line.trim() !== "");

function lineByLine() {
  return linesOf($("text").value).length > 1 && $("by-line").checked;
}

function readSoon(event) {
  clearTimeout(timer);
  offerLines();
  timer = setTimeout(read, event.isComposing ? COMPOSING_PAUSE : PAUSE);
}

function offerLines() {
  const count = linesOf($("text").value).length;
  $("how").hidden = count < 2;
  $("how-lines").textContent = t("how-lines", { count: number(count) });
}

/** Reads what is in the text field now; answers to older texts are of no interest any more. */
async function read() {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  if (problem?.kind === "wait") say(null); // nobody waits any more
  offerLines();
  const written = $("text").value;
  if (written.trim() === "" || lineByLine()) hideAnswer();
  if (lineByLine()) return openLines(linesOf(written));
  closeRows();
  if (written.trim() === "") return say(null);
  return readOne(written, asking.signal);
}

async function readOne(written, signal) {
  const { text, cut } = sendable(written);
  const waiting = (seconds) => say({ kind: "wait", values: { seconds } });
  const shows = (answer) => {
    if (signal.aborted) return;
    last = { text: written, answer, cut, model: $("model").value };
    say(null);
    showAnswer();
    $("answer").removeAttribute("aria-busy"); // colours may take a while
  };
  $("answer").setAttribute("aria-busy", "true");
  try {
    if (text.length > BRIEF) await answerFirst(text, { signal, waiting }, shows);
    shows(await explain(text, chosenModel(), { signal, waiting }));
  } catch (error) {
    if (!signal.aborted) failed(error, written);
  }
  if (!signal.aborted) $("answer").removeAttribute("aria-busy");
}

/** To colour a long text takes the service many times as long as to answer: that can wait a moment. */
async function answerFirst(text, patience, shows) {
  const { predictions } = await predict([text], chosenModel(), patience);
  shows(predictions[0]);
  await pause(COLOURING_PAUSE, patience.signal);
}

/** An answer without colours is still one; an answer to another text is none. */
function failed(error, written) {
  const answered = last?.text === written && last.model === $("model").value;
  if (!answered) hideAnswer();
  if (error.kind !== "slow" || !answered) return say(error);
  say(null);
  $("notes").textContent = [$("notes").textContent, t("uncoloured")].join(" ").trim();
}

function hideAnswer() {
  last = null;
  $("answer").hidden = true;
}

function showAnswer() {
  const { text, answer, cut } = last;
  const how = standing(answer);
  const named = { label: nameOf(answer.label), score: probability(answer.score) };
  const hundred = number(Math.min(99, Math.round(answer.score * 100)));
  const open = { none: "nothing-known", close: "undecided" }[how];
  tell("label", open ? t(open) : `${named.label} ${named.score}`);
  const tone = { positive: "up", negative: "down" }[answer.label] ?? "own";
  $("label").className = open || how === "little" ? "" : tone;
  const reasons = {
    none: t("none-known"),
    little: t("little-known", { known: percent(answer.known) }),
    close: t("leaning", named),
    clear: t("confidence", { hundred }),
  };
  tell("confidence", reasons[how]);
  $("notes").textContent = cut || answer.truncated ? t("cut") : "";
  $("read-by").textContent = t("read-by", { model: answer.model, tokens: number(answer.tokens) });
  showBars(answer.scores);
  showReading(text, answer, languages.get(answer.model));
  $("answer").hidden = false;
}

/** What is said already is not read out again. */
function tell(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** Of two labels one number says it all. */
function showBars(scores) {
  const labels = Object.entries(scores);
  $("bars").hidden = labels.length === 2;
  $("bars").replaceChildren(
    ...labels.map(([label, score]) => {
      const bar = document.createElement("li");
      bar.textContent = `${nameOf(label)} ${probability(score)}`;
      bar.style.setProperty("--share", `${score * 100}%`);
      return bar;
    }),
  );
}

/** Tells an error, or that there is none. */
function say(error) {
  // A fault of the page itself is no sentence of strings.js: the console has it.
  if (error !== null && error.kind === undefined) throw error;
  problem = error;
  $("trouble").hidden = error === null;
  if (error === null) return;
  if (error.kind === "key") $("key-form").hidden = false;
  $("retry").hidden = !["unreachable", "busy", "slow", "failed"].includes(error.kind) || !$("rows").hidden;
  $("trouble-text").textContent = t(error.kind, error.values ?? { detail: error.detail });
}

async function listModels() {
  let listed;
  try {
    listed = (await models()).models;
  } catch (error) {
    if (error.kind === "key") $("key-form").hidden = false;
    return; // the choice by language does without the list
  }
  for (const { name, language } of listed) languages.set(name, language);
  const automatic = new Option(t("model-by-language"), "");
  automatic.dataset.t = "model-by-language";
  $("model").replaceChildren(automatic, ...listed.map(({ name }) => new Option(name, name)));
  $("model-choice").hidden = listed.length < 2;
}

function listExamples() {
  const lone = [1, 2, 3, 4].map((count) => t(`example-${count}`));
  const examples = lone.map((text) => ({ name: text, text, how: "as-one" }));
  examples.push({ name: t("example-lines-name"), text: t("example-lines"), how: "by-line" });
  $("examples").replaceChildren(...examples.map(exampleItem));
}

function exampleItem({ name, text, how }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", () => {
    $("text").value = text;
    $(how).checked = true;
    read();
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function switchLanguage(chosen) {
  speak(chosen);
  remember();
  listExamples();
  offerLines();
  if (last) showAnswer();
  sayRows();
  if (problem) say(problem);
}

async function openChosen(file) {
  if (!(await openFile(file))) return; // it has said why; the text and its answer stay
  clearTimeout(timer);
  asking.abort();
  hideAnswer();
  say(null);
  showWriting(false);
}

/** The text field and what belongs to it, or the file. */
function showWriting(shown) {
  $("writing").hidden = !shown;
  $("more").hidden = !shown;
}

function closeFile() {
  closeRows();
  say(null);
  showWriting(true);
  $("choose").focus();
  read();
}

function takeDrops() {
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!carriesFile(event)) return;
    event.preventDefault();
    openChosen(event.dataTransfer.files[0]);
  });
}

speak(language());
listExamples();
followReader();
prepareRows(say, chosenModel);
takeDrops();
listModels();

$("text").addEventListener("input", readSoon);
$("text").addEventListener("compositionend", readSoon);
$("how").addEventListener("change", read);
$("model").addEventListener("change", read);
$("retry").addEventListener("click", read);
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // or to choose the same file again, once it is mended, would be no change
  if (file) openChosen(file);
});
$("close").addEventListener("click", closeFile);
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey($("key").value.trim());
  $("key-form").hidden = true;
  listModels();
  if ($("writing").hidden) say(null); // a file waits, and has a button to go on
  else read();
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => switchLanguage(button.dataset.language));
}
