// CSV as people have it (RFC 4180 and its relatives): quotes, line breaks in cells, several separators
// and encodings. No elements here.

/** The quotation mark that opens in `line`, from 1, is never closed. */
export class QuoteError extends Error {
  constructor(line) {
    super(`quote in line ${line}`);
    this.line = line;
  }
}

export const ENCODINGS = ["utf-8", "euc-kr", "windows-1252", "utf-16le", "utf-16be"];

/**
 * Bytes to text, without the byte order mark. Excel in Korea still writes EUC-KR (with Microsoft's
 * additions, which the browser's decoder of that name has), in western Europe Windows-1252.
 */
export function decode(bytes, encoding = guessEncoding(bytes)) {
  return { text: new TextDecoder(encoding).decode(bytes), encoding, marked: isMarked(bytes) };
}

/** Whether it begins with the byte order mark of UTF-8. */
const isMarked = (bytes) => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;

function guessEncoding(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  if (isMarked(bytes)) return "utf-8";
  if (decodes(bytes, "utf-8") !== null) return "utf-8";
  const korean = decodes(bytes, "euc-kr");
  if (korean === null) return "windows-1252";
  // A western apostrophe and the letter behind it also make a Korean pair, but of one high byte only.
  const high = bytes.reduce((count, byte) => count + (byte > 0x7f), 0);
  const signs = korean.replace(/[\0-\x7f]/g, "").length;
  return high > 1.5 * signs ? "euc-kr" : "windows-1252";
}

function decodes(bytes, encoding) {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The separator that is most frequent in the first line, quoted parts aside. */
export function guessSeparator(text) {
  const line = text.slice(0, 10_000).replace(/"[^"]*"?/g, "").replace(/^\s*[\r\n]/, "").split(/[\r\n]/, 1)[0];
  const count = (separator) => line.split(separator).length;
  return [",", ";", "\t"].reduce((best, next) => (count(next) > count(best) ? next : best));
}

/**
 * parse('a,"b, ""c"""\r\n', ",") is [["a", 'b, "c"']]. Blank lines are left out.
 *
 * @throws QuoteError rather than take the rest of the file for one cell.
 */
export function parse(text, separator) {
  const plain = new RegExp(`[^${separator}\\r\\n]*`, "y");
  const rows = [];
  let row = [];
  let quoted = false; // whether a cell of the row was: "" in quotes is a cell, not a blank line
  let place = 0;
  const plainCell = () => {
    plain.lastIndex = place;
    const [cell] = plain.exec(text);
    place += cell.length;
    return cell;
  };
  while (place < text.length) {
    let cell = "";
    if (text[place] === '"') {
      const end = closingQuote(text, place);
      cell = text.slice(place + 1, end).replaceAll('""', '"');
      place = end + 1;
      quoted = true;
    }
    row.push(cell + plainCell());
    if (text[place] === separator) {
      place += 1;
      if (place < text.length) continue;
      row.push("");
    }
    if (row.length > 1 || row[0] !== "" || quoted) rows.push(row);
    row = [];
    quoted = false;
    place += text.startsWith("\r\n", place) ? 2 : 1;
  }
  return rows;
}

function closingQuote(text, open) {
  for (let place = text.indexOf('"', open + 1); place >= 0; place = text.indexOf('"', place + 2)) {
    if (text[place + 1] !== '"') return place;
  }
  throw new QuoteError(text.slice(0, open).split(/\r\n|\r|\n/).length);
}

/**
 * The inverse of `parse`. Cells go out as they came in: a spreadsheet may take one that begins with "="
 * for a formula, but it did so before, and a changed text would be a wrong one.
 */
export function write(rows, separator) {
  const special = new RegExp(`[${separator}"\\r\\n]|^\\s|\\s$`);
  const cell = (text) => (special.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  // A row of one empty cell would read as a blank line.
  const line = (row) => (row.length === 1 && row[0] === "" ? '""' : row.map(cell).join(separator));
  return rows.map((row) => `${line(row)}\r\n`).join("");
}

/** Names of columns are short, and no numbers; one may be missing beside one that says it all. */
export function guessHeader(rows) {
  const isName = (cell) => cell !== "" && cell.length <= 40 && Number.isNaN(Number(cell));
  const [first] = rows;
  return rows.length > 1 && (first.every(isName) || first.some((cell) => TEXT_NAMES.test(cell.trim())));
}

const TEXT_NAMES = new RegExp(
  "^(texts?|reviews?|review[_ ]?(text|body)|documents?|comments?|contents?|body|sentences?|messages?" +
    "|본문|내용|글|텍스트|문장|리뷰|리뷰 ?내용|후기|댓글|의견)$",
  "i",
);

/** The number of the column with the texts: by its name, or else the one with the longest cells. */
export function guessTextColumn(rows, hasHeader) {
  const named = hasHeader ? rows[0].findIndex((name) => TEXT_NAMES.test(name.trim())) : -1;
  if (named >= 0) return named;
  const sample = rows.slice(hasHeader ? 1 : 0, 100);
  const total = (column) => sample.reduce((sum, row) => sum + (row[column] ?? "").length, 0);
  const lengths = rows[0].map((_, column) => total(column));
  return lengths.indexOf(Math.max(...lengths));
}
