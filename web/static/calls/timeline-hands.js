// What pointers, wheels and keys do to the timeline. Knows places on the screen and the acts it is given, not what is drawn.

const MOVED = 4;
const ZOOM = 1.5;

/** The lanes: hovering moves the cursor, a click opens a turn, dragging pans, two fingers or Ctrl and the wheel zoom. */
export function gestures(stage, acts) {
  const { view } = acts;
  const pointers = new Map();
  let drag = null;
  let dragged = false;
  let clicked = 0;
  const place = (event) => (event.clientX - stage.getBoundingClientRect().left) / Math.max(stage.clientWidth, 1);
  const at = (event) => view.from + place(event) * view.span;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, place(event));
    drag = pointers.size === 1 ? { x: event.clientX, from: view.from, moved: false } : { ...drag, moved: true };
  });
  stage.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) {
      if (event.pointerType === "mouse") acts.hover(at(event));
      return;
    }
    if (pointers.size === 2) {
      const [before, after] = [[...pointers.values()], (pointers.set(event.pointerId, place(event)), [...pointers.values()])];
      const [wide, now] = [before, after].map(([a, b]) => Math.max(Math.abs(a - b), 0.02));
      view.zoom(wide / now, view.from + ((after[0] + after[1]) / 2) * view.span);
      acts.refresh();
      return;
    }
    // The finger that stays after pinching drags on from where it is.
    drag ??= { x: event.clientX, from: view.from, moved: true };
    const by = event.clientX - drag.x;
    if (!drag.moved && Math.abs(by) < MOVED) return;
    if (!drag.moved) stage.setPointerCapture(event.pointerId);
    drag.moved = true;
    stage.classList.add("dragging");
    view.show(drag.from - (by / stage.clientWidth) * view.span, drag.from - (by / stage.clientWidth) * view.span + view.span);
    acts.refresh();
  });
  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    stage.classList.remove("dragging");
    dragged = event.type === "pointercancel" || Boolean(drag?.moved);
    drag = null;
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("click", (event) => {
    clearTimeout(clicked);
    if (dragged || event.detail > 1) return;
    // A second click soon after looks into the turn; the first waits for it, so that the page does not jump away.
    const where = at(event);
    acts.pin(where);
    clicked = setTimeout(() => acts.open(where), 260);
  });
  stage.addEventListener("pointerleave", () => acts.hover(null));
  stage.addEventListener("dblclick", (event) => {
    clearTimeout(clicked);
    acts.lookInto(at(event));
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.006), at(event));
      else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) view.pan((sideways / stage.clientWidth) * view.span);
      else return;
      event.preventDefault();
      acts.refresh();
    },
    { passive: false },
  );
  stage.addEventListener("keydown", (event) => keys(event, acts));
}

function keys(event, acts) {
  const { view } = acts;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const cursor = acts.pinned() ?? (view.from + view.to) / 2;
  const middle = cursor >= view.from && cursor <= view.to ? cursor : undefined;
  const doing = {
    "+": () => view.zoom(1 / ZOOM, middle),
    "=": () => view.zoom(1 / ZOOM, middle),
    "-": () => view.zoom(ZOOM, middle),
    0: () => acts.whole(),
    ArrowLeft: () => (event.shiftKey ? acts.pin(cursor - view.span / 50) : view.pan(-view.span / 8)),
    ArrowRight: () => (event.shiftKey ? acts.pin(cursor + view.span / 50) : view.pan(view.span / 8)),
    Home: () => view.show(0, view.span),
    End: () => view.show(view.end - view.span, view.end),
    Enter: () => acts.open(cursor),
    Escape: () => acts.hover(null),
  }[event.key];
  if (!doing) return;
  event.preventDefault();
  doing();
  acts.refresh();
}

/** The overview: dragging the window moves it, dragging elsewhere draws a new one, a click brings it there. */
export function overviewGestures(overview, acts) {
  const { view } = acts;
  let drag = null;
  const at = (event) => ((event.clientX - overview.getBoundingClientRect().left) / Math.max(overview.clientWidth, 1)) * view.end;
  overview.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const where = at(event);
    overview.setPointerCapture(event.pointerId);
    drag = { where, x: event.clientX, from: view.from, inside: !view.whole && where >= view.from && where <= view.to, moved: false };
  });
  overview.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < MOVED)) return;
    drag.moved = true;
    const where = at(event);
    if (drag.inside) {
      const from = drag.from + where - drag.where;
      view.show(from, from + view.span);
    } else view.show(Math.min(where, drag.where), Math.max(where, drag.where));
    acts.refresh();
  });
  overview.addEventListener("pointerup", () => {
    if (drag && !drag.moved) acts.open(drag.where, view.end / Math.max(overview.clientWidth, 1));
    drag = null;
  });
  overview.addEventListener("pointercancel", () => (drag = null));
}
