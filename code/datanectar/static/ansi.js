// Terminal colours (ECMA-48 SGR) as spans with classes. Other control sequences are dropped.

const ESCAPE = /\x1b(?:\[([0-9;:?]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])/g;
const ON = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["reverse"] };

export class Style {
  constructor() {
    this.reset();
  }

  reset() {
    this.flags = new Set();
    this.front = this.back = null;
  }

  // Apply the numbers of one sequence, such as "1;31".
  apply(text) {
    const numbers = text.split(/[;:]/).map(Number);
    for (let i = 0; i < numbers.length; i++) {
      const n = numbers[i];
      if (n === 38 || n === 48) i += this.extended(n, numbers, i);
      else this.plain(n);
    }
  }

  plain(n) {
    if (n === 0) this.reset();
    else if (ON[n]) this.flags.add(ON[n]);
    else if (OFF[n]) OFF[n].forEach((name) => this.flags.delete(name));
    else if (n >= 30 && n <= 37) this.front = n - 30;
    else if (n >= 90 && n <= 97) this.front = n - 90 + 8;
    else if (n === 39) this.front = null;
    else if (n >= 40 && n <= 47) this.back = n - 40;
    else if (n >= 100 && n <= 107) this.back = n - 100 + 8;
    else if (n === 49) this.back = null;
  }

  // Of 38;5;N the first sixteen colours are applied, others ignored. Returns how many numbers it used.
  extended(n, numbers, i) {
    if (numbers[i + 1] === 2) return 4;
    const colour = numbers[i + 2] < 16 ? numbers[i + 2] : null;
    if (n === 38) this.front = colour;
    else this.back = colour;
    return 2;
  }

  get classes() {
    const names = [...this.flags];
    if (this.front !== null) names.push(`fg${this.front}`);
    if (this.back !== null) names.push(`bg${this.back}`);
    return names.join(" ");
  }
}

// Return a line as nodes; the style continues from line to line.
export function render(line, style) {
  const nodes = document.createDocumentFragment();
  let start = 0;
  const put = (text) => {
    if (!text) return;
    const classes = style.classes;
    if (!classes) return nodes.append(text);
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = text;
    nodes.append(span);
  };
  for (const found of line.matchAll(ESCAPE)) {
    put(line.slice(start, found.index));
    if (found[2] === "m") style.apply(found[1]);
    start = found.index + found[0].length;
  }
  put(line.slice(start));
  return nodes;
}
