import { clock, number, of } from "./parts.js";

const SVG = "http://www.w3.org/2000/svg";
const svg = (name, given, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

const round = (most) => {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 2.5, 5, 10].map((step) => step * unit).find((step) => step >= most) ?? 1;
};

// Stacked by category: `steps` as the worker tells them, all of one width.
export const stacked = (place, steps, categories) => {
  const [width, height, left, bottom] = [840, 220, 46, 20];
  const view = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "events by category over time" });
  const most = round(Math.max(1, ...steps.map((step) => categories.reduce((sum, name) => sum + (step.by[name] ?? 0), 0))));
  const x = (index) => left + ((width - left) * index) / Math.max(1, steps.length - 1);
  const y = (value) => (height - bottom) * (1 - value / most) + 2;
  for (const part of [0, 0.5, 1]) {
    view.append(svg("line", { x1: left, x2: width, y1: y(most * part), y2: y(most * part) }));
    view.append(svg("text", { x: left - 6, y: y(most * part) + (part === 1 ? 10 : 3), "text-anchor": "end" }, number.format(Math.round(most * part))));
  }
  const base = steps.map(() => 0);
  for (const name of categories) {
    const lower = base.map((value, index) => `${x(index)},${y(value)}`).reverse();
    steps.forEach((step, index) => { base[index] += step.by[name] ?? 0; });
    const upper = base.map((value, index) => `${x(index)},${y(value)}`);
    const area = svg("polygon", { points: [...upper, ...lower].join(" "), opacity: 0.92 });
    area.style.fill = of(name);
    area.append(svg("title", {}, name));
    view.append(area);
  }
  const every = Math.max(1, Math.ceil(steps.length / 8));
  steps.forEach((step, index) => {
    if (index % every === 0 && index < steps.length - 1) view.append(svg("text", { x: x(index), y: height - 4 }, clock(step.time).slice(0, 5)));
  });
  place.replaceChildren(view);
};

export const spark = (place, values, paint) => {
  place.setAttribute("viewBox", "0 0 100 28");
  place.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => `${(100 * index) / Math.max(1, values.length - 1)},${26 - (24 * value) / most}`);
  const line = svg("polyline", { points: points.join(" "), fill: "none", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" });
  line.style.stroke = paint;
  place.replaceChildren(line);
};
