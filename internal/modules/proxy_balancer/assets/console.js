// What the console does beyond its pages: it fills in what has changed since
// they were made, opens forms in a dialogue, filters the members and remembers
// the theme. Without it everything works by following links and sending forms.
"use strict";
(() => {
	const base = document.body.dataset.base;
	const $ = (id) => document.getElementById(id);

	// Theme: as the system has it, until somebody chooses.
	const themes = ["auto", "light", "dark"];
	const themeButton = $("theme");
	const store = {
		get: () => { try { return localStorage.getItem("sallyport-theme") || "auto"; } catch { return "auto"; } },
		set: (v) => { try { localStorage.setItem("sallyport-theme", v); } catch { /* not kept, then */ } },
	};
	const showTheme = (name) => {
		if (name === "auto") delete document.documentElement.dataset.theme;
		else document.documentElement.dataset.theme = name;
		themeButton.textContent = "Theme: " + name;
	};
	themeButton.hidden = false;
	showTheme(store.get());
	themeButton.addEventListener("click", () => {
		const next = themes[(themes.indexOf(store.get()) + 1) % themes.length];
		store.set(next);
		showTheme(next);
	});

	// The stream: texts by element and field.
	const light = $("live");
	const say = (kind, text) => {
		light.hidden = false;
		light.className = "live " + kind;
		if (light.textContent !== text) light.textContent = text;
	};
	const fields = new Map(); // of each element, once looked for
	const fieldsOf = (el) => {
		let m = fields.get(el);
		if (!m) {
			m = {};
			for (const f of el.querySelectorAll("[data-f]")) {
				// A card's own fields, not those of its rows.
				if (el.tagName === "TR" || !f.closest("tr")) m[f.dataset.f] = f;
			}
			m.bar = el.tagName === "TR" ? el.querySelector(".bar rect") : null;
			fields.set(el, m);
		}
		return m;
	};
	const classes = ["ok", "warn", "bad", "off", "idle"];
	const fill = (el, values) => {
		if (!el) return;
		const m = fieldsOf(el);
		for (const name in values) {
			const f = m[name], v = values[name];
			if (!f) continue;
			if (name === "bar") f.setAttribute("width", v);
			else if (name === "checks") marks(f, v, values.checkstext);
			else if (f.textContent !== v) f.textContent = v;
		}
		if (values.class && !el.classList.contains(values.class)) {
			el.classList.remove(...classes);
			el.classList.add(values.class);
		}
	};
	const marks = (strip, text, words) => {
		if (strip.dataset.now === text) return;
		strip.dataset.now = text;
		if (words) strip.setAttribute("aria-label", words);
		strip.replaceChildren(...[...text].map((c) => {
			const i = document.createElement("i");
			i.className = c === "+" ? "yes" : "no";
			return i;
		}));
	};

	// Another version: members or settings have changed. The page is fetched
	// anew and only its cards are put in.
	let fetching = false;
	const renew = async () => {
		const old = $("balancers");
		if (!old || fetching) return;
		fetching = true;
		try {
			const r = await fetch(base, { headers: { Accept: "text/html" } });
			if (!r.ok) return;
			const page = new DOMParser().parseFromString(await r.text(), "text/html");
			const fresh = page.getElementById("balancers");
			if (!fresh) return;
			const picks = new Set([...old.querySelectorAll(".pick :checked")].map((b) => b.name));
			const focus = document.activeElement && old.contains(document.activeElement)
				? [document.activeElement.closest("tr,section")?.id, document.activeElement.value] : null;
			old.replaceWith(document.adoptNode(fresh));
			fields.clear();
			for (const box of boxes()) box.checked = picks.has(box.name);
			const at = page.getElementById("batch")?.elements.at;
			if (at) $("batch").elements.at.value = at.value;
			for (const id in known) fill($(id), known[id]);
			if (focus && focus[0]) {
				const at = $(focus[0]);
				const button = at && [...at.querySelectorAll("button,a")].find((b) => b.value === focus[1]);
				(button || at?.querySelector("a"))?.focus();
			}
			sift();
			picked();
		} finally {
			fetching = false;
		}
	};

	const known = {};
	const onFrame = (e) => {
		const frame = JSON.parse(e.data);
		const cards = $("balancers");
		if (cards && cards.dataset.version !== frame.version) renew();
		Object.assign(known, frame.at); // only what is new comes
		for (const id in frame.at) fill($(id), frame.at[id]);
		for (const el of document.querySelectorAll("[data-id]")) fill(el, known[el.dataset.id] || {});
		say("on", "Live");
	};
	let stream = null;
	const listen = () => {
		stream = new EventSource(base + "/live");
		stream.onmessage = onFrame;
		stream.onerror = () => {
			say("lost", "Connection lost, trying again");
			if (stream.readyState === EventSource.CLOSED) { // refused: ask again later
				stream = null;
				setTimeout(() => { if (!stream && !document.hidden) listen(); }, 5000);
			}
		};
	};
	const stop = () => { if (stream) { stream.close(); stream = null; } };
	if ("EventSource" in window && document.querySelector("[data-f]")) {
		listen();
		document.addEventListener("visibilitychange", () => {
			if (document.hidden) stop();
			else if (!stream) { listen(); hour(); }
		});
		window.addEventListener("pagehide", stop);
	}

	// The charts, now and then.
	const hour = async () => {
		if (document.hidden || !$("balancers")) return;
		const r = await fetch(base + "/hour").catch(() => null);
		if (!r || !r.ok) return;
		const all = await r.json();
		for (const id in all) {
			const el = $(id);
			if (!el) continue;
			for (const h of el.querySelectorAll("[data-h]")) {
				if (el.tagName !== "TR" && h.closest("tr")) continue;
				const v = all[id][h.dataset.h];
				if (v === undefined) continue;
				if (h.tagName === "path") h.setAttribute("d", v);
				else h.textContent = v;
			}
		}
	};
	setInterval(hour, 10000);

	// Filter.
	const find = $("find"), trouble = $("trouble");
	const sift = () => {
		if (!find) return;
		const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
		for (const tr of document.querySelectorAll(".members tbody tr")) {
			const text = tr.querySelector("th").textContent.toLowerCase() + " " + tr.querySelector(".state").textContent.toLowerCase();
			tr.hidden = !words.every((w) => text.includes(w)) ||
				trouble.checked && !tr.classList.contains("bad") && !tr.classList.contains("warn");
		}
		picked();
	};
	if (find) {
		find.closest(".filter").hidden = false;
		find.addEventListener("input", sift);
		trouble.addEventListener("change", sift);
		setInterval(sift, 2000);
	}

	// Members that are ticked. A tick at a table's head is for all that the filter
	// shows of it.
	const boxes = () => [...document.querySelectorAll("tbody .pick input")];
	const batch = $("batch");
	const picked = () => {
		if (!batch) return;
		for (const all of document.querySelectorAll(".pick .all")) {
			const rows = [...all.closest("table").querySelectorAll("tbody .pick input")].filter((b) => !b.closest("tr").hidden);
			const on = rows.filter((b) => b.checked).length;
			all.hidden = false;
			all.checked = on > 0 && on === rows.length;
			all.indeterminate = on > 0 && on < rows.length;
		}
		const n = boxes().filter((b) => b.checked).length;
		const text = n === 1 ? "1 member" : n + " members";
		if ($("picked").textContent !== text) $("picked").textContent = text;
		batch.hidden = n === 0;
	};
	if (batch) {
		$("unpick").hidden = false;
		$("unpick").addEventListener("click", () => { for (const b of boxes()) b.checked = false; picked(); });
		document.addEventListener("change", (e) => {
			if (!e.target.closest(".pick")) return;
			if (e.target.matches(".all")) {
				for (const b of e.target.closest("table").querySelectorAll("tbody .pick input")) b.checked = e.target.checked && !b.closest("tr").hidden;
			}
			picked();
		});
		picked();
	}

	// Forms in a dialogue: what their pages have in <main> is shown in it.
	const dialog = document.createElement("dialog");
	if (!dialog.showModal) return;
	document.body.append(dialog);
	let opener = null;
	const open = async (url, options) => {
		const r = await fetch(url, options);
		if (r.redirected && new URL(r.url).searchParams.has("done")) { // the change is made
			dialog.close();
			location.assign(r.url);
			return;
		}
		const page = new DOMParser().parseFromString(await r.text(), "text/html");
		const main = page.querySelector("main");
		if (!main) { location.assign(url); return; }
		const close = document.createElement("button");
		close.type = "button";
		close.className = "close";
		close.textContent = "Close";
		close.addEventListener("click", () => dialog.close());
		dialog.replaceChildren(close, ...main.childNodes);
		fields.clear();
		const title = dialog.querySelector("h1");
		if (title) { title.id = "dialog-title"; dialog.setAttribute("aria-labelledby", title.id); }
		if (!dialog.open) dialog.showModal();
		dialog.scrollTop = 0;
		(dialog.querySelector("[role=alert]") || title || close).setAttribute("tabindex", "-1");
		(dialog.querySelector("[role=alert]") || title || close).focus();
	};
	dialog.addEventListener("close", () => { dialog.replaceChildren(); fields.clear(); opener?.focus?.(); });
	document.addEventListener("click", (e) => {
		const a = e.target.closest("a[href]");
		if (!a || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
		const url = new URL(a.href);
		if (url.origin !== location.origin) return;
		const form = url.pathname === base && (url.searchParams.has("b") || url.searchParams.has("undo"));
		const inside = dialog.contains(a);
		if (form && (inside || a.closest("main"))) {
			e.preventDefault();
			if (!inside) opener = a;
			open(url.href).catch(() => location.assign(url.href));
		} else if (inside && (url.pathname === base || url.pathname === base + "/history") && !url.search) {
			e.preventDefault(); // Cancel
			dialog.close();
		}
	});
	document.addEventListener("submit", (e) => {
		const form = e.target;
		if (form.method !== "post") return;
		e.preventDefault();
		if (!dialog.contains(form)) opener = e.submitter;
		const data = new URLSearchParams(new FormData(form, e.submitter));
		const to = e.submitter?.getAttribute("formaction") || form.action;
		open(to, { method: "POST", body: data }).catch((err) => say("lost", "Not sent: " + err.message));
	});
})();
