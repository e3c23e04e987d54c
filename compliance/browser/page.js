// Runs the scenarios in a browser, with the browser build of one version of the client in script tags.
import { run } from '../scenarios/run.js';

function load(path) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src: path, onload: resolve });
    script.onerror = () => reject(new Error(`${path} is missing: run npm ci in compliance/`));
    document.head.append(script);
  });
}

window.runScenarios = async ({ client, cases, url, secureUrl, atOnce, seconds }) => {
  await load(`/packages/${client}/@microsoft/signalr/dist/browser/signalr.js`);
  await load(`/packages/${client}/@microsoft/signalr-protocol-msgpack/dist/browser/signalr-protocol-msgpack.js`);
  const { signalR } = window;
  const { MessagePackHubProtocol } = signalR.protocols.msgpack;
  const runtime = {
    name: 'chromium',
    url,
    secureUrl,
    client: () => ({ signalr: signalR, MessagePackHubProtocol }),
    WebSocket,
  };
  return run(cases, runtime, { atOnce, seconds });
};
