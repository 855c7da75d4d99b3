"use strict";
// Every page works without this script. It follows what runs, shows how far an upload is, and copies SQL.

/** How long the page waits before it asks again, in milliseconds. */
const pause = 3000;

const main = document.getElementById("main");
let live = document.body.dataset.live;
let source;
let sending = false;
let refreshing = false;
let again = false;

/** Asks for an address: false if there is no usable answer. Without a session, the page becomes the sign-in. */
async function ask(method, address) {
    try {
        const answer = await fetch(address, { method, headers: { Accept: "text/html" } });
        if ([401, 403, 404].includes(answer.status)) location.reload();
        return answer.ok && { html: await answer.text() };
    } catch {
        return false;
    }
}

/** Shows another version of this page, and keeps what is open and where the keyboard is. */
function show(html) {
    const next = new DOMParser().parseFromString(html, "text/html");
    const open = [...main.querySelectorAll("details")].map(one => one.open);
    const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
    main.replaceChildren(...next.getElementById("main").childNodes);
    main.querySelectorAll("details").forEach((one, i) => { one.open = open[i] || one.open; });
    if (focused) (document.getElementById(focused) || main).focus();
    document.title = next.title;
    prepare();
    return next.body.dataset.live;
}

async function refresh() {
    if (refreshing) { again = true; return; }
    refreshing = true;
    again = false;
    try {
        const answer = await ask("GET", location.href);
        if (answer) followOnly(show(answer.html)); else setTimeout(refresh, pause);
    } finally {
        refreshing = false;
    }
    if (again) refresh();
}

/** Follows the events of this address; without one, nothing runs any more. */
function followOnly(address) {
    if (address === live) return;
    source.close();
    live = address;
    if (live) follow();
}

function follow() {
    source = new EventSource(live);
    source.addEventListener("progress", followProgress);
    for (const name of ["operation", "migrations"]) source.addEventListener(name, refresh);
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(resume, pause); };
}

/** A browser gives up after an answer that is not 200, such as a proxy's while the service starts again. */
async function resume() {
    if (!live || source.readyState !== EventSource.CLOSED) return;
    if (await ask("HEAD", live)) follow(); else setTimeout(resume, pause);
}

/** The page in front of a service that migrates: it becomes the page that was asked for. */
function followProgress(event) {
    const now = JSON.parse(event.data);
    if (now.ready) { source.close(); location.reload(); return; }
    document.getElementById("phase").textContent = now.phase;
    const bar = document.getElementById("bar");
    if (now.total) { bar.max = now.total; bar.value = now.number - 1; } else { bar.removeAttribute("value"); }
}

/** Sends a file with a bar and a button to cancel; the page behind the answer is where it goes on. */
function upload(form, event) {
    event.preventDefault();
    if (sending) return; // a double click
    sending = true;
    const request = new XMLHttpRequest();
    const place = document.getElementById("receiving");
    const bar = place.querySelector("progress");
    const note = place.querySelector("p");
    place.hidden = false;
    note.textContent = "Receiving the file.";
    place.querySelector("button").onclick = () => request.abort();
    request.upload.onprogress = sent => { bar.max = sent.total; bar.value = sent.loaded; };
    request.onabort = () => { sending = false; place.hidden = true; form.querySelector("button").focus(); };
    request.onerror = () => {
        sending = false;
        note.textContent = "The connection was lost. Nothing was changed. Send the file again.";
    };
    request.onload = () => {
        if (request.status < 400) {
            location.assign(request.responseURL); // it still counts as sending until that page is there
            return;
        }
        sending = false;
        if (request.status === 401) {
            note.textContent = "Your session has ended. Sign in again in another tab, then send the file again here.";
        } else {
            show(request.responseText);
        }
    };
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.send(new FormData(form));
}

function prepare() {
    for (const place of document.querySelectorAll(".copy")) {
        const button = document.createElement("button");
        button.className = "quiet";
        button.textContent = navigator.clipboard ? "Copy" : "Select"; // plain HTTP has no clipboard
        button.onclick = async () => {
            const text = place.querySelector("pre");
            getSelection().selectAllChildren(text);
            if (!navigator.clipboard) return;
            await navigator.clipboard.writeText(text.textContent);
            button.textContent = "Copied";
        };
        place.append(button);
    }
    for (const form of document.querySelectorAll("form[data-upload]")) {
        form.onsubmit = event => upload(form, event);
        const drop = form.querySelector(".drop");
        drop.ondragover = event => { event.preventDefault(); drop.classList.add("over"); };
        drop.ondragleave = () => drop.classList.remove("over");
        drop.ondrop = event => {
            event.preventDefault();
            drop.classList.remove("over");
            form.querySelector("[type=file]").files = event.dataTransfer.files;
        };
    }
}

prepare();
if (live) follow();
