// Drives headless Chromium by its debugging pipe, in real time: `--dump-dom` would not wait for what a page does after it is
// loaded, and `--virtual-time-budget` stops the clock that is to be read here.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function browse(work) {
  const profile = mkdtempSync(join(tmpdir(), "browser-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", `--user-data-dir=${profile}`,
    "--remote-debugging-pipe", "about:blank"];
  const child = spawn("chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , to, from] = child.stdio, waiting = new Map();
  let last = 0, held = "";
  from.setEncoding("utf8").on("data", (data) => {
    const parts = (held + data).split("\0");
    held = parts.pop();
    for (const { id, result, error } of parts.map((part) => JSON.parse(part))) {
      waiting.get(id)?.(error ? { error } : { result });
      waiting.delete(id);
    }
  });
  const send = (method, params = {}, sessionId) => new Promise((resolve, reject) => {
    waiting.set(++last, ({ error, result }) => error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result));
    to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
  });

  async function open(url, { width = 1000, height = 900, dark = false } = {}) {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
    const ask = (method, params) => send(method, params, sessionId);
    await ask("Page.enable");
    await ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await ask("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
    await ask("Page.navigate", { url });
    async function say(expression) {
      const { result, exceptionDetails } = await ask("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    }
    async function until(expression) {
      for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((next) => setTimeout(next, 30))) {
        // There may be no page yet.
        if (await say(expression).catch(() => false)) return;
      }
      throw new Error(`${url}: never ${expression}; it says:\n${await say("document.body.innerText")}`);
    }
    async function press(key) {
      const code = { Tab: 9, Enter: 13 }[key] ?? 0, text = key === "Enter" ? "\r" : undefined;
      const event = { key, code: key, windowsVirtualKeyCode: code };
      await ask("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", ...event, text });
      await ask("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    }
    async function choose(selector, files) {
      const { root } = await ask("DOM.getDocument");
      const { nodeId } = await ask("DOM.querySelector", { nodeId: root.nodeId, selector });
      await ask("DOM.setFileInputFiles", { nodeId, files });
    }
    async function picture(path) {
      const { data } = await ask("Page.captureScreenshot", { captureBeyondViewport: true, format: "png" });
      writeFileSync(path, Buffer.from(data, "base64"));
    }
    const close = () => send("Target.closeTarget", { targetId });
    return { ask, say, until, press, choose, picture, close };
  }

  try {
    return await work(open);
  } finally {
    const gone = new Promise((done) => child.on("exit", done));
    child.kill();
    await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
