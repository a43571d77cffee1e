// Elements. What comes from events is only ever text: nothing here reads HTML.
export const el = (name, given = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (key === "class") made.className = value;
    else if (key === "style") for (const [property, each] of Object.entries(value)) made.style.setProperty(property, each);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

export const $ = (selector) => document.querySelector(selector);
export const number = new Intl.NumberFormat("en");
export const clock = (time) => new Date(time).toLocaleTimeString([], { hour12: false });
export const color = { process: "--blue", file: "--amber", network: "--green", iam: "--red", driver: "--violet", configuration: "--red" };
export const of = (name) => `var(${color[name] ?? "--grey"})`;
export const grave = (severity) => `var(${["--grey", "--blue", "--amber", "--red", "--red"][severity] ?? "--grey"})`;
export const empty = (text) => el("p", { class: "dim" }, text);

export const bar = (name, value, most, paint) =>
  el("div", { class: "bar" },
    el("div", {}, el("span", { title: name }, name), el("span", {}, value.text ?? number.format(value))),
    el("i", { style: { "--share": `${most ? Math.max(0.5, (100 * (value.of ?? value)) / most) : 0}%`, "--of": paint } }));

export const badge = (text, severity) => el("span", { class: `badge s${severity}`, title: `${text}, severity ${severity} of 4` }, text);

// A process and those around it, a line each.
export const branches = (tree, choose) => {
  const rows = [];
  const walk = (node, before, last, top) => {
    const process = node.process;
    const joint = top ? "" : last ? "└─ " : "├─ ";
    const command = [process.executable || process.id, ...(process.args ?? [])].join(" ");
    const ended = process.signal || (process.exit_code ? `exit ${process.exit_code}` : "");
    rows.push(
      el("button", { type: "button", class: `row${process.id === tree.asked ? " asked" : ""}`, title: command, onclick: () => choose(process.id) },
        el("code", {}, `${before}${joint}${command}`),
        ...(process.findings ?? []).map((found) => badge(found.names.join(" "), found.severity)),
        ended ? el("span", { class: "dim" }, ended) : null,
        el("span", { class: "end" }, [process.user, process.pid].filter((part) => part !== undefined && part !== "").join(" · "))));
    const below = before + (top ? "" : last ? "   " : "│  ");
    const children = node.children ?? [];
    children.forEach((child, place) => walk(child, below, place === children.length - 1 && !node.left_out, false));
    if (node.left_out) rows.push(el("div", { class: "row dim" }, el("code", {}, `${below}└─ ${number.format(node.left_out)} more`)));
  };
  walk(tree.root, "", true, true);
  return rows;
};
