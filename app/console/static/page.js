import { spark, stacked } from "./chart.js";
import { $, badge, bar, branches, clock, el, empty, grave, number, of } from "./parts.js";

const EVERY = 5000; // ms between two looks; none while nobody sees the page
const past = { lag: [], rejected: [], stored: [] };
let shown = ""; // the exec_id whose tree is open
let chosen = false; // by a person

const ask = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};

const remember = (list, value) => { list.push(value); if (list.length > 60) list.shift(); };
const minutes = () => $("#minutes").value;
const tile = (id, value, text) => { $(`#${id} b`).textContent = value; $(`#${id} p`).textContent = text; };
const fill = (id, rows, otherwise) => $(`#${id} > div:last-child`).replaceChildren(...(rows.length ? rows : [empty(otherwise)]));
const period = () => $("#minutes").selectedOptions[0].textContent;

const showPipeline = (all) => {
  const { worker, groups } = all;
  const stages = Object.entries(worker.stages);
  const ready = worker.ready;
  const reasons = Object.entries(ready.reasons ?? {}).map(([name, reason]) => `${name}: ${reason}`);
  const every = Object.keys(groups.stages?.[0]?.lag ?? {}).length;
  const mine = Math.max(0, ...stages.map(([, each]) => Object.keys(each.lag).length));
  $("#state .dot").className = `dot ${ready.ok && !groups.error ? "ok" : "bad"}`;
  $("#state span:last-child").textContent = groups.error ? "Kafka does not answer"
    : `${ready.ok ? "ready" : "waiting"}, has ${mine} of ${every} partitions`;
  $("#flow").textContent = `Kafka → ${worker.agents.join(" → ")} → Elasticsearch`;
  const trouble = [...reasons, groups.error, all.stored.error].filter(Boolean);
  $("#trouble").hidden = !trouble.length;
  $("#trouble").textContent = trouble.join(" · ");

  const partitions = [];
  for (const stage of groups.stages ?? []) {
    const own = worker.stages[stage.stage] ?? {};
    for (const [part, lag] of Object.entries(stage.lag)) {
      partitions.push({ name: `${stage.topic}-${part}`, lag: own.lag?.[part] ?? lag, age: own.age?.[part] });
    }
  }
  const lag = partitions.reduce((sum, each) => sum + each.lag, 0);
  const age = Math.max(0, ...partitions.map((each) => each.age ?? 0));
  const most = Math.max(1, ...partitions.map((each) => each.lag));
  remember(past.lag, lag);
  tile("lag", number.format(lag), lag ? `records wait, ${age.toFixed(1)} s behind` : "nothing waits");
  spark($("#lag svg"), past.lag, "var(--amber)");
  fill("partitions", partitions.map((each) => bar(each.name,
    { of: each.lag, text: each.age ? `${number.format(each.lag)} · ${each.age.toFixed(1)} s` : number.format(each.lag) },
    most, each.lag > 1000 ? "var(--amber)" : "var(--green)")), groups.error ?? "No partitions");

  const rejected = groups.rejected ?? stages.reduce((sum, [, each]) => sum + each.rejected, 0);
  const why = stages.flatMap(([stage, each]) => Object.entries(each.reasons).map(([reason, count]) => ({ stage, reason, count })));
  why.sort((a, b) => b.count - a.count);
  remember(past.rejected, rejected);
  tile("rejected", number.format(rejected), rejected ? "dead letters are kept" : "no dead letters");
  spark($("#rejected svg"), past.rejected, "var(--red)");
  fill("reasons", why.slice(0, 10).map((each) => bar(`${each.stage}: ${each.reason}`, each.count, why[0].count, "var(--red)")),
    rejected ? "None since this worker started; `tetrastash tap rejected --from beginning` shows them." : "Nothing was rejected.");
};

const SILENT = 300; // seconds; a shipper says every minute that it is there
const wrong = (book) => [
  book.missing > 0 && [`${number.format(book.missing)} lines never came`, 3],
  book.missing < 0 && [`${number.format(-book.missing)} lines came again`, 2],
  book.lost_files + book.lost_lines && [`known losses: ${number.format(book.lost_files)} files, ${number.format(book.lost_lines)} lines`, 2],
  book.unseen && [`Tetragon dropped ${number.format(book.unseen)}`, 2],
  book.throttled && [`throttled ${number.format(book.throttled)} ×`, 2],
  book.silent > SILENT && [`silent for ${number.format(Math.round(book.silent / 60))} minutes`, 2],
].filter(Boolean);

const showBooks = (books) => {
  const gravest = (book) => Math.max(0, ...wrong(book).map(([, severity]) => severity));
  const sorted = [...books].sort((a, b) => gravest(b) - gravest(a));
  const rows = sorted.slice(0, 10).map((book) => {
    const told = wrong(book);
    const left = [["documents", book.documents], ["rejected", book.rejected], ["dropped", book.dropped]]
      .filter(([what, count]) => count || what === "documents").map(([what, count]) => `${number.format(count)} ${what}`);
    return el("div", { class: "row" }, el("code", {}, book.node), ...told.map(([text, severity]) => badge(text, severity)),
      el("span", { class: "end" }, `${number.format(book.lines)} lines: ${left.join(", ")}`));
  });
  if (sorted.length > 10) rows.push(el("div", { class: "row dim" }, `${number.format(sorted.length - 10)} more; tetrastash ledger shows all`));
  fill("books", rows, "Nothing has come yet.");
};

const name = (document) => document.process?.name ?? document.process?.executable ?? "?";
const depth = (document) => document.tetragon.lineage?.depth ?? 0;
const where = (document) => [document.host?.name, document.kubernetes?.pod?.name].filter(Boolean).join(" / ");

const found = (document, what, tag, severity) =>
  el("button", { type: "button", class: "row", title: where(document), onclick: () => choose(document.process.entity_id, document.id) },
    el("span", { class: "dim" }, clock(document["@timestamp"])), el("code", {}, `${name(document)}${what}`),
    el("span", { class: "end" }, badge(tag, severity)));

const change = (document) => {
  const told = document.tetragon.privilege;
  const uid = told.before?.euid !== undefined ? ` ${told.before.euid} → ${told.after?.euid}` : "";
  const gained = told.capabilities?.gained?.length ? ` +${told.capabilities.gained[0]}` : "";
  return found(document, `${uid}${gained}`, told.tags?.[0] ?? told.direction, told.severity);
};

const finding = (document) => {
  const [worst, ...others] = document.tetragon.findings ?? [{ rule: "?", reason: "" }];
  return found(document, `: ${worst.reason}`, others.length ? `${worst.rule} +${others.length}` : worst.rule, document.event.severity);
};

const showStored = (stored, now) => {
  if (stored.error) return;
  const steps = stored.over_time.length > 2 ? stored.over_time.slice(0, -1) : stored.over_time; // the last one still grows
  const perMinute = (step) => (step.all * 60) / stored.step;
  const latest = steps.length ? perMinute(steps[steps.length - 1]) : stored.in_window / stored.minutes;
  const mean = steps.length ? steps.reduce((sum, step) => sum + perMinute(step), 0) / steps.length : 0;
  const turn = mean ? Math.round((100 * (latest - mean)) / mean) : 0;
  tile("rate", number.format(Math.round(latest)), mean ? `${turn < 0 ? "down" : "up"} ${Math.abs(turn)} % on the last ${period()}` : "no events yet");
  spark($("#rate svg"), steps.map(perMinute), "var(--blue)");
  remember(past.stored, stored.total); // its curve is what came since the page was opened
  tile("stored", number.format(stored.total), stored.newest ? `${number.format(stored.nodes)} nodes, newest ${Math.max(0, Math.round((now - stored.newest) / 1000))} s ago` : "nothing recent");
  spark($("#stored svg"), past.stored.map((value) => value - past.stored[0]), "var(--green)");

  const totals = {};
  for (const step of steps) for (const [category, count] of Object.entries(step.by)) totals[category] = (totals[category] ?? 0) + count;
  const categories = Object.keys(totals).sort((a, b) => totals[b] - totals[a]);
  $("#chart .legend").replaceChildren(...categories.map((each) => el("span", {}, el("span", { class: "swatch", style: { background: of(each) } }), each)));
  if (steps.length) stacked($("#chart .plot"), steps, categories);
  else $("#chart .plot").replaceChildren(empty(`No events in the last ${period()}.`));

  const files = stored.files.slice(0, 10);
  const most = Math.max(1, ...files.map((each) => each.documents));
  fill("files", files.map((each) => bar(each.name, each.documents, most, grave(each.worst))), `No file was touched in the last ${period()}.`);
  fill("changes", stored.changes.map(change), `No privileges changed in the last ${period()}.`);
  fill("findings", stored.findings.map(finding), `Nothing was found in the last ${period()}.`);
  const binaries = Object.entries(stored.binaries);
  fill("binaries", binaries.map(([path, count]) => bar(path, count, binaries[0][1], "var(--blue)")), `No process in the last ${period()}.`);
  if (!chosen && !shown) {
    const worst = [...stored.changes.map((each) => [each.tetragon.privilege.severity, each]), ...stored.findings.map((each) => [each.event.severity, each])]
      .sort((a, b) => b[0] - a[0] || depth(b[1]) - depth(a[1]))[0];
    if (worst) openTree(worst[1].process.entity_id);
  }
};

const openTree = async (execId) => {
  shown = execId;
  try {
    const found = await ask(`api/tree?exec_id=${encodeURIComponent(execId)}`);
    if (shown !== execId) return;
    if (found.error) throw new Error(found.error);
    const rows = branches(found.tree, choose);
    $("#tree .rows").replaceChildren(...rows);
    const asked = $("#tree .asked");
    const id = new URLSearchParams(location.hash.slice(1)).get("id");
    const open = el("button", { type: "button", onclick: () => openDocument(id) }, "the document");
    $("#tree .note").replaceChildren(found.cut.join("; "), ...(id ? [" ", open] : []));
    asked?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    $("#tree .rows").replaceChildren(empty(error.message));
  }
};

const openDocument = async (id) => {
  const found = await ask(`api/document?id=${encodeURIComponent(id)}`).catch((error) => ({ error: error.message }));
  $("#document pre").textContent = found.error ?? JSON.stringify(found.document, null, 2);
  $("#document").showModal();
};

const choose = (execId, id) => { location.hash = new URLSearchParams(id ? { exec: execId, id } : { exec: execId }); };
const fromHash = () => {
  const execId = new URLSearchParams(location.hash.slice(1)).get("exec");
  if (execId) { chosen = true; openTree(execId); }
};

const look = async () => {
  if (document.hidden) return;
  try {
    const all = await ask(`api/overview?minutes=${minutes()}`);
    showPipeline(all);
    showBooks(all.worker.books);
    showStored(all.stored, all.now);
    $("footer").textContent = `tetrastash ${all.version} · data stream ${all.data_stream} · looked at ${clock(all.now)}`;
  } catch (error) {
    $("#state .dot").className = "dot bad";
    $("#state span:last-child").textContent = "this worker does not answer";
  }
};

const theme = (wanted) => {
  if (wanted) document.documentElement.dataset.theme = wanted;
  else delete document.documentElement.dataset.theme;
};
theme(localStorage.getItem("theme"));
$("#theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  localStorage.setItem("theme", dark ? "light" : "dark");
  theme(localStorage.getItem("theme"));
});
$("#minutes").addEventListener("change", look);
addEventListener("hashchange", fromHash);
document.addEventListener("visibilitychange", look);
fromHash();
look();
setInterval(look, EVERY);
