// Many texts: the lines of the text field, or a column of a CSV file. Table, progress and download.

import { standing } from "./answer.js";
import { ENCODINGS, QuoteError, decode, parse, write } from "./csv.js";
import { guessHeader, guessSeparator, guessTextColumn } from "./csv.js";
import { nameOf, number, percent, probability, t } from "./language.js";
import { scored } from "./scoring.js";

const SHOWN = 200; // rows of the table; the download has all
const SHOWN_OF_TEXT = 1000; // characters
const SAMPLE = 160; // characters of the first text
const WORKBOOK = [0x50, 0x4b, 3, 4]; // how a ZIP file begins, which .xlsx is
const SHOWS_PROGRESS = 1000; // milliseconds of reading lines: as one types, nothing should flicker

const $ = (id) => document.getElementById(id);

/** A message for the person who chose the file; `key` and `values` are those of strings.js. */
class FileError extends Error {
  constructor(key, values) {
    super(key);
    this.kind = key;
    this.values = values;
  }
}

/** What is being scored: `texts` and their `results`, and for a file where they come from. */
let job = null;
let openings = 0; // files that were chosen so far: a large one must not come after a later one
let trouble = () => {};
let chosenModel = () => ({});

/**
 * @param onTrouble is told a `FileError` or a `ServiceError`.
 * @param model gives `{ model }`, or `{}` for the one by language.
 */
export function prepareRows(onTrouble, model) {
  trouble = onTrouble;
  chosenModel = model;
  $("encoding").replaceChildren(...ENCODINGS.map((name) => new Option(name.toUpperCase(), name)));
  $("encoding").addEventListener("change", changeEncoding);
  $("has-header").addEventListener("change", () => chooseHeader($("has-header").checked));
  $("column").addEventListener("change", () => chooseColumn(Number($("column").value)));
  $("file-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("file-form").hidden = true;
    run();
    $("rows-title").focus();
  });
  // The button that was pressed goes: the focus must not go with it.
  $("cancel").addEventListener("click", () => {
    job.stop.abort();
    $("rows-title").focus();
  });
  $("resume").addEventListener("click", () => {
    run();
    $("rows-title").focus();
  });
  $("download").addEventListener("click", download);
}

export function closeRows() {
  job?.stop.abort();
  job = null;
  for (const id of ["rows", "progress", "resume", "download", "table"]) $(id).hidden = true;
  $("body").replaceChildren();
  $("summary").replaceChildren();
}

/** Scores the lines of a text at once. */
export function openLines(lines) {
  job?.stop.abort();
  // Marked, for Excel in Korea takes UTF-8 without a mark for EUC-KR.
  job = newJob({ table: lines.map((line) => [line]), header: ["text"], name: "lines", marked: true });
  job.texts = lines;
  $("file-form").hidden = true;
  $("rows").hidden = false;
  return run();
}

/** Shows a file and asks which column to score; gives whether it could be read, and none came since. */
export async function openFile(file) {
  const turn = (openings += 1);
  let before = job;
  const opened = await attempt(async () => {
    const bytes = await file.arrayBuffer().catch(() => {
      throw new FileError("file-unreadable", { name: file.name });
    });
    if (turn !== openings) return;
    before = job;
    job = newJob({ name: file.name, bytes: new Uint8Array(bytes) });
    readFile();
  });
  if (turn !== openings) return false;
  if (!opened) {
    job = before;
    return false;
  }
  before?.stop.abort();
  $("rows").hidden = false;
  $("file-form").hidden = false;
  $("rows-title").focus();
  return true;
}

function newJob(values) {
  const stop = new AbortController();
  return { separator: ",", marked: false, results: [], cuts: 0, stop, state: "new", ...values };
}

async function attempt(action) {
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    trouble(error);
    return false;
  }
}

async function changeEncoding() {
  const before = job.encoding;
  if (!(await attempt(() => readFile($("encoding").value)))) $("encoding").value = before;
}

function readFile(wanted) {
  const { name, bytes } = job;
  if (WORKBOOK.every((byte, place) => bytes[place] === byte)) throw new FileError("file-workbook", { name });
  const read = decode(bytes, wanted);
  if (read.text.includes("\0")) throw new FileError("file-binary", { name });
  const separator = guessSeparator(read.text);
  const whole = parsed(read.text, separator, name);
  if (whole.length === 0) throw new FileError("file-empty", { name });
  const { encoding } = read;
  Object.assign(job, { whole, separator, encoding, marked: read.marked || encoding !== "utf-8" });
  $("encoding").value = encoding;
  chooseHeader(guessHeader(whole));
  trouble(null);
}

function parsed(text, separator, name) {
  try {
    return parse(text, separator);
  } catch (error) {
    if (!(error instanceof QuoteError)) throw error;
    throw new FileError("file-quote", { name, line: number(error.line) });
  }
}

function chooseHeader(hasHeader) {
  const { whole } = job;
  const width = whole.reduce((most, row) => Math.max(most, row.length), 0);
  const name = (_, column) => (hasHeader && whole[0][column]) || columnName(column);
  const names = Array.from({ length: width }, name);
  job.header = hasHeader ? whole[0] : null;
  job.table = whole.slice(hasHeader ? 1 : 0);
  $("has-header").checked = hasHeader;
  $("column").replaceChildren(...names.map((name, column) => new Option(name, column)));
  chooseColumn(guessTextColumn(whole, hasHeader));
}

const columnName = (column) => t("column-number", { number: number(column + 1) });

function chooseColumn(column) {
  job.texts = job.table.map((row) => row[column] ?? "");
  $("column").value = column;
  sayRows();
}

async function run() {
  const mine = job;
  if (mine.state === "running") return;
  mine.stop = new AbortController();
  mine.state = "running";
  trouble(null);
  sayRows();
  setTimeout(() => {
    if (mine === job && mine.state === "running") $("progress").hidden = false;
  }, SHOWS_PROGRESS);
  const patience = { signal: mine.stop.signal, waiting: (seconds) => sayProgress(seconds) };
  try {
    const left = mine.texts.slice(mine.results.length);
    for await (const { predictions, cuts } of scored(left, chosenModel(), patience)) {
      if (mine !== job) return;
      mine.results.push(...predictions);
      mine.cuts += predictions.filter(({ truncated }, place) => truncated || cuts[place]).length;
      sayRows();
    }
    mine.state = "done";
    trouble(null);
  } catch (error) {
    if (mine !== job) return;
    mine.state = "stopped";
    if (error.name !== "AbortError") trouble(error);
  }
  sayRows();
}

/** Everything but the contents of the table, in the page's language. */
export function sayRows() {
  if (job === null) return;
  const { state, texts, results, bytes } = job;
  const count = number(texts.length);
  $("rows-title").textContent = bytes ? t("file-title", { name: job.name, count }) : t("lines-title");
  $("close").hidden = !bytes;
  $("score").textContent = t("score-rows", { count });
  $("first-text").textContent = t("first-text", { text: (texts[0] ?? "").slice(0, SAMPLE) });
  $("score").disabled = texts.length === 0;
  sayProgress();
  if (!bytes && state === "running" && results.length === 0) return; // as one types, what was stays till then
  $("progress").hidden = state !== "running";
  $("resume").hidden = state !== "stopped";
  $("download").hidden = state === "running" || results.length === 0;
  $("table").hidden = results.length === 0;
  showTable();
  $("summary").replaceChildren(...(state === "done" || state === "stopped" ? summary() : []));
}

function sayProgress(seconds) {
  const values = { done: number(job.results.length), count: number(job.texts.length) };
  const said = seconds ? t("progress-wait", { ...values, seconds }) : t("progress", values);
  $("progress-text").textContent = said;
  $("bar").max = Math.max(1, job.texts.length);
  $("bar").value = job.results.length;
}

function summary() {
  const { texts, results, state, cuts } = job;
  const counts = new Map();
  for (const result of results) counts.set(feeling(result), (counts.get(feeling(result)) ?? 0) + 1);
  const list = document.createElement("ul");
  list.className = "counts";
  list.append(
    ...[...counts].sort((a, b) => b[1] - a[1]).map(([label, many]) => {
      const share = percent(many / results.length);
      return worded("li", t("summary-label", { label, count: number(many), share }));
    }),
  );
  const values = { done: number(results.length), count: number(texts.length) };
  const said = [worded("p", t(state === "done" ? "done" : "stopped", values))];
  if (cuts > 0) said.push(worded("p", t("rows-cut", { count: number(cuts) })));
  return [...said, list];
}

/** The label as a person should take it. */
function feeling(result) {
  const how = standing(result);
  if (how === "clear") return nameOf(result.label);
  return t(how === "close" ? "undecided" : "nothing-known");
}

function showTable() {
  const { table, texts, results } = job;
  const shown = Math.min(results.length, SHOWN);
  const values = { shown: number(SHOWN), count: number(table.length) };
  $("table").hidden = shown === 0;
  $("caption").textContent = t(texts.length > SHOWN ? "caption-first" : "caption", values);
  const row = (result, place) => tableRow(texts[place], result, place);
  $("body").replaceChildren(...results.slice(0, shown).map(row));
}

function tableRow(text, result, place) {
  const row = document.createElement("tr");
  const clear = standing(result) === "clear";
  const label = worded("td", feeling(result));
  if (clear && result.label === "positive") label.className = "up";
  if (clear && result.label === "negative") label.className = "down";
  const score = worded("td", result.known > 0 ? probability(result.score) : "–");
  row.append(worded("td", number(place + 1)), worded("td", text.slice(0, SHOWN_OF_TEXT)), label, score);
  return row;
}

function worded(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

function download() {
  if (job.state === "running") return;
  const text = write(withScores(job), job.separator);
  const blob = new Blob([job.marked ? "\ufeff" : "", text], { type: "text/csv;charset=utf-8" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${job.name.replace(/\.[^.]*$/, "")}-scored.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a slow disk may still be at it
}

/** The file's own columns, then label, score, and the score of each label. */
function withScores({ header, table, results }) {
  const labels = [...new Set(results.flatMap(({ scores }) => Object.keys(scores)))];
  const width = table.reduce((most, row) => Math.max(most, row.length), header?.length ?? 0);
  const rows = table.map((row, place) => [...padded(row, width), ...added(results[place], labels)]);
  if (header === null) return rows;
  const names = ["label", "score", ...labels];
  let prefix = "";
  while (names.some((name) => header.includes(prefix + name))) prefix += "manytone_";
  return [[...padded(header, width), ...names.map((name) => prefix + name)], ...rows];
}

const padded = (row, width) => [...row, ...Array(Math.max(0, width - row.length)).fill("")];

function added(result, labels) {
  if (result === undefined) return Array(labels.length + 2).fill("");
  const scores = labels.map((label) => `${result.scores[label] ?? ""}`);
  return [result.known > 0 ? result.label : "", `${result.score}`, ...scores];
}
