// The browser's storage may be switched off; then things are remembered as long as the page is open.

const memory = new Map();

/** @param storage "localStorage", or "sessionStorage", which is gone with the tab. */
export function keep(storage, name, value) {
  memory.set(name, value);
  try {
    window[storage].setItem(name, value);
  } catch {
    // Kept in memory.
  }
}

export function kept(storage, name) {
  try {
    return window[storage].getItem(name) ?? memory.get(name) ?? null;
  } catch {
    return memory.get(name) ?? null;
  }
}
