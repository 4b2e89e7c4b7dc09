// Requests to the service, and what its refusals mean to a person.

import { keep, kept } from "./storage.js";

const KEY = "manytone-key";
const TRIES = 10; // of a request to a service that is busy
const LONGEST_WAIT = 60; // seconds

const KINDS = {
  401: "key",
  413: "too-much",
  422: "refused",
  429: "busy",
  502: "unreachable", // a proxy found no service behind it
  503: "busy",
  504: "slow",
};

const { maxTexts, maxCharacters, maxBodyBytes } = document.body.dataset;

export const limits = {
  texts: Number(maxTexts),
  characters: Number(maxCharacters), // of a text, in code points
  bytes: Number(maxBodyBytes), // of a request
};

/** `kind` is the key of the sentence that says it in strings.js. */
export class ServiceError extends Error {
  constructor(kind, detail = "", retryAfter = 1) {
    super(detail);
    this.kind = kind;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds
  }
}

export const explain = (text, model, patience) => patiently("explain", { text, ...model }, patience);

export const predict = (texts, model, patience) => patiently("predict", { texts, ...model }, patience);

export const models = (signal) => ask("models", { signal });

/** The key stays in this tab and is gone when the tab is closed. */
export const useKey = (key) => keep("sessionStorage", KEY, key);

/** Asks again while the service is busy, as it says when; `waiting` is told the seconds. */
async function patiently(path, question, { signal, waiting }) {
  const body = JSON.stringify(question);
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask(path, { method: "POST", body, signal });
    } catch (error) {
      if (error.kind !== "busy" || tried === TRIES) throw error;
      waiting(error.retryAfter);
      await pause(error.retryAfter, signal);
    }
  }
}

async function ask(path, options) {
  // No header can carry it, and no key of the service has it.
  if (/[^\x21-\x7e]/.test(kept("sessionStorage", KEY) ?? "")) throw new ServiceError("key");
  const headers = { "Content-Type": "application/json", ...authorization() };
  let response;
  try {
    // Relative to the page, so that both may stand behind a prefix.
    response = await fetch(path, { ...options, headers });
    if (response.ok) return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("unreachable");
  }
  throw await refusal(response);
}

function authorization() {
  const key = kept("sessionStorage", KEY);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({})); // a proxy may answer in HTML
  const detail = problem.detail ?? `${response.status}`;
  return new ServiceError(KINDS[response.status] ?? "failed", detail, retryAfter(response));
}

/** Whole seconds; the header may be a number or a date (RFC 9110). */
function retryAfter(response) {
  const header = response.headers.get("Retry-After") ?? "1";
  const seconds = Number.isNaN(Number(header)) ? (Date.parse(header) - Date.now()) / 1000 : Number(header);
  return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(seconds || 1)));
}

export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** What of a text can be sent: valid Unicode, and no longer than the service reads. */
export function sendable(text) {
  const whole = text.replace(/\p{Surrogate}/gu, "\ufffd"); // half a pair has no UTF-8
  let kept = whole.length > limits.characters ? Array.from(whole).slice(0, limits.characters).join("") : whole;
  while (kept && bytesOf(kept) > limits.bytes - ENVELOPE) {
    const characters = Array.from(kept);
    kept = characters.slice(0, characters.length >> 1).join("");
  }
  return { text: kept, cut: kept.length < whole.length };
}

/** The size of a text in a request, in bytes. */
export const bytesOf = (text) => encoder.encode(JSON.stringify(text)).length + 1;

/** What a request has around its texts, in bytes, a long name of a model included. */
export const ENVELOPE = 512;

const encoder = new TextEncoder();
