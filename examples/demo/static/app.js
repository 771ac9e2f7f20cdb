"use strict";
const $ = id => document.getElementById(id);

// Gates: how they are, and the buttons that break and mend them.
let state = [];
function showGates() {
  for (const g of state) {
    const card = document.querySelector(`[data-gate="${g.name}"]`);
    card.classList.toggle("broken", !g.open);
    card.innerHTML = `<b>${g.name}</b><div class="count">${g.served}</div>
      <div class="quiet">${g.open ? (g.name === "west" ? "served, slowly" : "served") : "broken"}</div>`;
    const button = document.createElement("button");
    button.textContent = g.open ? "Break" : "Mend";
    button.setAttribute("aria-label", `${button.textContent} the ${g.name} gate`);
    button.onclick = () => warden(`${g.open ? "break" : "mend"}/${g.name}`, "POST");
    card.append(button);
  }
}
async function warden(what, method = "GET") {
  try {
    state = await (await fetch("/warden/" + what, {method})).json();
    showGates();
  } catch {
    $("tally").textContent = "the demo has ended";
  }
}
warden("gates");

// Requests through the balancer, one after the other.
$("send").onclick = async () => {
  $("send").disabled = true;
  $("marks").replaceChildren();
  const tally = {};
  let failed = 0;
  for (let i = 0; i < 21; i++) {
    const mark = document.createElement("span");
    try {
      const answer = await fetch("/who", {cache: "no-store"});
      const gate = answer.ok ? (await answer.text()).trim() : "";
      if (gate) {
        mark.className = gate;
        mark.textContent = gate[0].toUpperCase();
        mark.title = gate;
        tally[gate] = (tally[gate] || 0) + 1;
      } else {
        mark.textContent = answer.status;
        failed++;
      }
    } catch {
      mark.textContent = "!";
      failed++;
    }
    $("marks").append(mark);
  }
  $("tally").textContent = Object.entries(tally).map(([g, n]) => `${g} ${n}`).join(", ") +
    (failed ? `; ${failed} failed` : "; none failed");
  $("send").disabled = false;
  warden("gates");
};

function line(list, text) {
  const first = list.querySelector(".quiet");
  if (first) first.remove();
  const li = document.createElement("li");
  li.textContent = text;
  list.append(li);
  list.scrollTop = list.scrollHeight;
}

// The WebSocket is opened with the first message.
let socket;
$("echo").onsubmit = e => {
  e.preventDefault();
  const text = e.target.text.value || "hello";
  e.target.text.value = "";
  if (socket && socket.readyState === WebSocket.OPEN) return socket.send(text);
  socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/echo");
  socket.onopen = () => socket.send(text);
  socket.onmessage = m => line($("echoes"), m.data);
  socket.onclose = () => line($("echoes"), "(closed)");
};

// Server-sent events, until the button is pressed again.
let events;
$("listen").onclick = () => {
  if (events) {
    events.close();
    events = null;
    $("listen").textContent = "Listen";
    return;
  }
  $("listen").textContent = "Stop";
  events = new EventSource("/events");
  events.onmessage = m => line($("events"), m.data);
  events.onerror = () => line($("events"), "(interrupted: the browser connects again)");
};

// Uploads. XMLHttpRequest, because it tells how far it is.
function upload(blob) {
  const x = new XMLHttpRequest();
  const begin = performance.now();
  x.upload.onprogress = e => { if (e.lengthComputable) $("progress").value = e.loaded / e.total; };
  x.onload = () => {
    if (x.status !== 200) return void ($("uploaded").textContent = `answered ${x.status}`);
    const r = JSON.parse(x.responseText);
    const seconds = (performance.now() - begin) / 1000;
    $("progress").value = 1;
    $("uploaded").textContent = `${r.bytes.toLocaleString()} bytes in ${seconds.toFixed(2)} s, ` +
      `SHA-256 ${r.sha256.slice(0, 16)}… (${x.getResponseHeader("X-Gate")})`;
  };
  x.onerror = () => { $("uploaded").textContent = "the upload failed"; };
  x.open("POST", "/upload");
  x.send(blob);
}
$("file").onchange = e => { if (e.target.files[0]) upload(e.target.files[0]); };
$("sample").onclick = () => {
  const piece = new Uint8Array(65536);
  crypto.getRandomValues(piece);
  upload(new Blob(Array(1024).fill(piece)));
};
