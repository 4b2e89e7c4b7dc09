// What an answer means: no elements here, only numbers and text.

// Calibrated, so an answer under 0.6 is wrong four times in ten.
const CLOSE = 0.2; // between the best two scores
const LITTLE_KNOWN = 0.5; // share of the characters

/** "none" of the text known, "little" known, "close" scores, or "clear". */
export function standing({ known, scores }) {
  if (known === 0) return "none";
  if (known < LITTLE_KNOWN) return "little";
  const [best, second] = Object.values(scores).sort((a, b) => b - a);
  return best - second < CLOSE ? "close" : "clear";
}

/** Two labels, positive and negative, make one scale; of other labels, the one given is shown. */
export function axisOf({ label, scores }) {
  const twoSided = "positive" in scores && "negative" in scores && Object.keys(scores).length === 2;
  return twoSided ? { label: "positive", opposite: "negative" } : { label, opposite: null };
}

/** A score that says nothing: every label is as likely. */
export const evenScore = ({ scores }) => 1 / Object.keys(scores).length;

/**
 * The text in parts, in order; nothing of it is lost. A word has `mood`, the score of the axis after
 * reading it, and `change`, what it did to it; what lies between words has neither, and what was too
 * far behind to be read is `unread`.
 *
 * The service counts code points, JavaScript halves of surrogate pairs. A token may begin with the
 * space before it, share characters with its neighbour or have none to show: then it counts with the
 * word that follows, and behind the last word with that one.
 */
export function partsOf(text, answer) {
  const axis = axisOf(answer).label;
  const characters = Array.from(text);
  const parts = [];
  let read = 0; // characters
  let mood = evenScore(answer);
  for (const { start, end, scores } of answer.reading ?? []) {
    const piece = characters.slice(read, end).join("");
    const word = characters.slice(Math.max(read, start), end).join("").trimStart();
    read = Math.max(read, end);
    const between = piece.slice(0, piece.length - word.length);
    if (between) parts.push({ text: between });
    if (!word) continue;
    parts.push({ text: word, mood: scores[axis], change: scores[axis] - mood });
    mood = scores[axis];
  }
  const last = parts.findLast((part) => part.mood !== undefined);
  if (last) {
    const final = answer.reading.at(-1).scores[axis];
    last.change += final - last.mood;
    last.mood = final;
  }
  const rest = characters.slice(read).join("");
  if (rest) parts.push({ text: rest, unread: last !== undefined && answer.truncated });
  return parts;
}
