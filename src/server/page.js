// Keeps the status page fresh, in place: the focus, the scroll position and the selected text stay.
// What is shown is never passed off as newer than it is. Without this script the page reloads.
"use strict";

const PERIOD = 5000;
const PATIENCE = 10000;
const LATE = 2 * PERIOD + PATIENCE; // nothing but a tab in the background takes so long

const stale = document.getElementById("stale");
const news = document.getElementById("news");
let arrived = clocks(); // when what is shown came
let looking = false;
let title = document.title;

function clocks() {
    return {wall: Date.now(), steady: performance.now()};
}

// By both clocks: the one can be set back, the other may stand still while the computer sleeps.
function age() {
    const now = clocks();
    return Math.max(0, now.wall - arrived.wall, now.steady - arrived.steady);
}

function ageInWords(seconds) {
    if (seconds < 120) {
        return `${seconds} s`;
    }
    return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

// Whatever keeps it from being renewed, it does not pass for fresh: the title of a tab in the
// background is seen, too, and after a sleep the whole page is, before an answer comes.
function showAge() {
    document.getElementById("age").textContent = `, ${ageInWords(Math.floor(age() / 1000))} ago`;
    if (age() > LATE && stale.hidden) {
        showStale("It was not renewed meanwhile.");
    }
}

function alike(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName &&
        one.id === other.id;
}

function takeAttributes(old, fresh) {
    for (const {name} of [...old.attributes]) {
        if (!fresh.hasAttribute(name)) {
            old.removeAttribute(name);
        }
    }
    for (const {name, value} of fresh.attributes) {
        if (old.getAttribute(name) !== value) {
            old.setAttribute(name, value);
        }
    }
}

// Makes the old element say what the fresh one says, and touches nothing that is the same.
function renew(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.data !== fresh.data) {
            old.data = fresh.data;
        }
        return;
    }
    takeAttributes(old, fresh);
    let here = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
        const known = wanted.id ? document.getElementById(wanted.id) : here;
        if (known && known.parentNode === old && alike(known, wanted)) {
            if (known === here) {
                here = here.nextSibling;
            } else {
                old.insertBefore(known, here);
            }
            renew(known, wanted);
        } else {
            old.insertBefore(document.importNode(wanted, true), here);
        }
    }
    while (here) {
        const next = here.nextSibling;
        here.remove();
        here = next;
    }
}

function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const focused = document.activeElement;
    if (!fresh.querySelector("main time")) {
        throw new Error("the answer is not the status page");
    }
    renew(document.querySelector("main"), fresh.querySelector("main"));
    if (focused.isConnected && document.activeElement !== focused) {
        focused.focus({preventScroll: true}); // it moved, and moving takes the focus
    }
    if (fresh.title !== title) {
        news.textContent = fresh.title;
    }
    title = fresh.title;
}

// One line, and said again only when the reason is another: a screen reader reads it aloud.
function showStale(reason) {
    const seen = document.querySelector("main time").textContent;
    const text = `Old: this is what was seen at ${seen}. ${reason} Trying again every 5 s.`;
    if (stale.textContent !== text) {
        stale.textContent = text;
    }
    stale.hidden = false;
    document.body.classList.add("old");
    document.title = `OLD – ${title}`;
}

function showFresh() {
    stale.hidden = true;
    stale.textContent = "";
    document.body.classList.remove("old");
    document.title = title;
}

async function fetchPage() {
    // Not "/" alone: where the page's address holds a password, fetch refuses what builds on it.
    const answer = await fetch(`${location.origin}/`, {
        cache: "no-store",
        headers: {"X-Requested-With": "page.js"}, // or the browser asks for a password each time
        signal: AbortSignal.timeout(PATIENCE),
    });
    if (!answer.ok) {
        throw new Error(`udpwatch answers ${(await answer.text()).trim() || answer.status}`);
    }
    return answer.text();
}

function reasonOf(error) {
    if (error.name === "TimeoutError") {
        return "udpwatch does not answer in time.";
    }
    return error.name === "TypeError" ? "udpwatch cannot be reached." : `${error.message}.`;
}

async function look() {
    showAge();
    if (looking || document.visibilityState !== "visible") {
        return;
    }
    looking = true;
    try {
        show(await fetchPage());
        arrived = clocks();
        showFresh();
    } catch (error) {
        showStale(reasonOf(error));
    }
    showAge();
    looking = false;
}

// A page that comes back from the background, or from the history, is old until it is renewed.
document.addEventListener("visibilitychange", look);
window.addEventListener("pageshow", (event) => event.persisted && look());
document.getElementById("unkept")?.remove();
setInterval(look, PERIOD);
setInterval(showAge, 1000);
showAge();
