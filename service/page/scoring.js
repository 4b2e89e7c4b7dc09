// Many texts, a part at a time: as many as the service takes and answers within a second or so.

import { ENVELOPE, bytesOf, limits, predict, sendable } from "./service.js";

const FIRST = 32; // texts of the first request
const QUICK = 500; // milliseconds; a part answered sooner may be twice as large
const LONG = 2000; // milliseconds; a part that took longer is halved
const MOST_BYTES = 512 * 1024; // of a request: many a proxy stops at a megabyte

/**
 * Yields `{ predictions, cuts }` for one part after another, in order; `cuts` are true for texts too long
 * to be sent whole.
 *
 * @param patience `{ signal, waiting }`, as the service module takes it.
 * @throws ServiceError
 */
export async function* scored(texts, model, patience) {
  let size = Math.min(FIRST, limits.texts);
  for (let place = 0; place < texts.length; ) {
    const part = partFrom(texts, place, size);
    const began = performance.now();
    try {
      const sent = part.map(({ text }) => text);
      const { predictions } = await predict(sent, model, patience);
      yield { predictions, cuts: part.map(({ cut }) => cut) };
    } catch (error) {
      if (part.length === 1 || !["slow", "too-much"].includes(error.kind)) throw error;
      size = part.length >> 1;
      continue;
    }
    place += part.length;
    size = nextSize(size, performance.now() - began);
  }
}

function partFrom(texts, place, size) {
  const part = [];
  let room = Math.min(limits.bytes, MOST_BYTES) - ENVELOPE;
  while (part.length < size && place + part.length < texts.length) {
    const next = sendable(texts[place + part.length]);
    room -= bytesOf(next.text);
    if (room < 0 && part.length > 0) break;
    part.push(next);
  }
  return part;
}

function nextSize(size, milliseconds) {
  if (milliseconds < QUICK) return Math.min(size * 2, limits.texts);
  return milliseconds > LONG ? Math.max(1, size >> 1) : size;
}
