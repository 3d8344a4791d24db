// Runs the script of the home page before a document that lets nothing be done but what shows text. Prints what was shown, and what else was tried.
import { readFileSync } from "node:fs";
const [address] = process.argv.slice(2);
const html = readFileSync(0, "utf8");
const script = /<script>([\s\S]*?)<\/script>/.exec(html)[1];
const questions = /<script id=questions type=application\/json>([\s\S]*?)<\/script>/.exec(html)[1];
const shown = [], tried = [];
const element = (tag, text = "") => {
  const children = [];
  const real = { tag, textContent: text, append: (...more) => children.push(...more), replaceChildren: (...more) => children.splice(0, children.length, ...more) };
  return new Proxy(real, {
    get: (_, name) => {
      if (name === "firstChild") return children[0];
      if (!(name in real)) tried.push(`${tag}.${String(name)} was read`);
      return real[name];
    },
    set: (_, name, value) => {
      if (name === "textContent") { real.textContent = value; shown.push([tag, value]); }
      else tried.push(`${tag}.${String(name)} was set`);
      return true;
    },
  });
};
const byId = { callers: element("table"), rules: element("table"), state: element("p"), questions: element("script", questions) };
const document = new Proxy(
  { getElementById: (id) => byId[id], createElement: (tag) => element(tag) },
  { get: (real, name) => { if (!(name in real)) tried.push(`document.${String(name)}`); return real[name]; }, set: (_, name) => { tried.push(`document.${String(name)}`); return true; } },
);
const asked = (path) => fetch(address + path);
await new Promise((done) => {
  const state = byId.state;
  byId.state = new Proxy(state, { set: (_, name, value) => { state[name] = value; done(); return true; } });
  new Function("document", "fetch", "setInterval", script)(document, asked, () => {});
});
console.log(JSON.stringify({ shown, tried }));
