// The language of the page: what the browser asks for, or what was chosen here before.

import { keep, kept } from "./storage.js";
import { strings } from "./strings.js";

const REMEMBERED = "manytone-language";

let current = kept("localStorage", REMEMBERED);
if (!(current in strings)) current = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";

export const language = () => current;

/** Says everything in the page that has a `data-t…` attribute in another language. */
export function speak(chosen = current) {
  current = chosen;
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
  for (const element of document.querySelectorAll("[data-t-placeholder]")) {
    element.placeholder = t(element.dataset.tPlaceholder);
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === chosen));
  }
}

export const remember = () => keep("localStorage", REMEMBERED, current);

/** t("progress", {done: "3", count: "9"}) is "3 of 9 rows". */
export function t(key, values = {}) {
  return strings[current][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The name of a label in the page's language; a class of someone's own keeps its name. */
export function nameOf(label) {
  return ["positive", "negative", "neutral"].includes(label) ? t(label) : label;
}

export const number = (value) => new Intl.NumberFormat(current).format(value);

/** 0.9314 is "93%". */
export const percent = (share) => new Intl.NumberFormat(current, { style: "percent" }).format(share);

const MOST_CERTAIN = 0.99; // that a network may seem: of its answers, none is beyond doubt

/** The same for a probability, which is never shown as 100%. */
export const probability = (score) => percent(Math.min(score, MOST_CERTAIN));
