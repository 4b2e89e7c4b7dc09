// One text with its words coloured, and the line of the mood as one reads.

import { axisOf, evenScore, partsOf } from "./answer.js";
import { nameOf, probability, t } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";
const FULL = 0.35; // a change that gets the full colour
const FAINT = 0.05; // a change that gets none
const SHOWN_OF_UNREAD = 1000; // characters

const $ = (id) => document.getElementById(id);

let shown = null; // { axis, even, words, spans }: the words that are on the page now

/** @param language of the bundle that read the text, for voices and fonts. */
export function showReading(text, answer, language) {
  const parts = partsOf(text, answer);
  const elements = parts.map(element);
  const isWord = (_, place) => parts[place].mood !== undefined;
  const [words, spans] = [parts.filter(isWord), elements.filter(isWord)];
  spans.forEach((span, place) => (span.dataset.place = place + 1));
  shown = { axis: axisOf(answer), even: evenScore(answer), words, spans };
  $("reading").lang = language ?? "";
  $("reading").replaceChildren(...elements);
  $("mood").hidden = words.length === 0;
  if (words.length > 0) drawMood();
}

function element({ text, mood, change, unread }) {
  if (mood === undefined && !unread) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  if (unread) {
    span.className = "unread";
    if (text.length > SHOWN_OF_UNREAD) span.textContent = `${text.slice(0, SHOWN_OF_UNREAD)}…`;
  } else if (Math.abs(change) >= FAINT) {
    span.className = change > 0 ? "up" : "down";
    span.style.setProperty("--strength", Math.min(1, Math.abs(change) / FULL).toFixed(2));
  }
  return span;
}

function drawMood() {
  const { axis, words } = shown;
  const moods = [shown.even, ...words.map(({ mood }) => mood)];
  $("axis-top").textContent = nameOf(axis.label);
  $("axis-bottom").textContent = axis.opposite ? nameOf(axis.opposite) : "";
  const width = words.length;
  const line = moods.map((score, place) => `${place},${(100 - score * 100).toFixed(2)}`).join(" ");
  const even = 100 - shown.even * 100;
  const area = `0,${even} ${line} ${width},${even}`;
  const svg = $("line");
  svg.setAttribute("viewBox", `0 0 ${width} 100`);
  svg.replaceChildren(
    side("above", width, 0, even),
    side("below", width, even, 100 - even),
    drawn("polygon", { class: "above", "clip-path": "url(#above)", points: area }),
    drawn("polygon", { class: "below", "clip-path": "url(#below)", points: area }),
    drawn("line", { class: "even", x1: 0, x2: width, y1: even, y2: even }),
    drawn("polyline", { class: "mood", points: line }),
  );
  $("place").max = width;
  rest();
}

/** The half of the picture on one side of the even score. */
function side(name, width, y, height) {
  const clip = drawn("clipPath", { id: name });
  clip.append(drawn("rect", { x: 0, width, y, height }));
  return clip;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

/** @param read how many words have been read, from 1. */
function showMoment(read, marked = true) {
  const { words, spans, axis } = shown;
  const word = words[read - 1];
  spans.forEach((span, place) => span.classList.toggle("marked", marked && place === read - 1));
  $("point").style.setProperty("--x", `${(read / words.length) * 100}%`);
  $("point").style.setProperty("--y", `${100 - word.mood * 100}%`);
  const moment = described(word, axis);
  $("place").setAttribute("aria-valuetext", moment);
  $("moment").textContent = marked ? moment : t("mood-hint");
}

/** Told of the label that is ahead: "negative 80%" rather than "positive 20%". */
function described({ text, mood, change }, axis) {
  const turned = axis.opposite !== null && mood < 0.5;
  const points = Math.round(Math.abs(change) * 100);
  const sign = change > 0 === turned ? "−" : "+";
  return t("moment", {
    word: text,
    label: nameOf(turned ? axis.opposite : axis.label),
    score: probability(turned ? 1 - mood : mood),
    change: points === 0 ? t("no-change") : t("change", { sign, points }),
  });
}

/** Words, line and slider show the same place, whichever of them is touched. */
export function followReader() {
  const slider = $("place");
  for (const name of ["input", "focus"]) slider.addEventListener(name, () => go(Number(slider.value)));
  slider.addEventListener("blur", rest);
  slider.addEventListener("pointermove", (event) => {
    const { left, width } = slider.getBoundingClientRect();
    const steps = Number(slider.max);
    go(Math.min(steps, Math.max(1, Math.round(((event.clientX - left) / width) * steps))));
  });
  $("reading").addEventListener("pointerover", (event) => {
    const { place } = event.target.dataset;
    if (place !== undefined) go(Number(place));
  });
  for (const area of [slider, $("reading")]) {
    // A finger leaves as soon as it is lifted: what it touched stays shown.
    area.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && rest());
  }
}

function go(read) {
  $("place").value = read;
  showMoment(read);
}

function rest() {
  if (shown.words.length === 0) return; // a long text before it is coloured
  $("place").value = $("place").max;
  showMoment(shown.words.length, false);
}
