// What the reader has chosen. The address has all of it, so that a link shows the same page.

const DEFAULTS = {
  table: "", x: "", y: "", colour: "", second: "", setting: "", limit: "", level: "", cell: "",
  ops: "", where: "", brush: "", list: "front", run: "", step: "",
};

const state = { ...DEFAULTS };

/** @type {(() => void)[]} */
const listeners = [];

function onChange(listener) {
  listeners.push(listener);
}

/** Change some choices, draw, and write the address. */
function choose(changes) {
  Object.assign(state, changes);
  for (const listener of listeners) listener();
  writeAddress();
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(DEFAULTS)) state[name] = given.get(name) ?? DEFAULTS[name];
}

let addressTimer = 0;

function writeAddress() {
  clearTimeout(addressTimer);
  // Browsers refuse many changes of the address within seconds, as a slider makes them.
  addressTimer = setTimeout(() => {
    const chosen = Object.entries(state).filter(([name, value]) => value !== "" && value !== DEFAULTS[name]);
    const text = new URLSearchParams(chosen).toString();
    if (text !== location.hash.slice(1)) history.replaceState(null, "", `#${text}`);
  }, 150);
}
