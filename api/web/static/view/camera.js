// Which part of a drawing is seen: pans by dragging, zooms by the wheel, by keys and by buttons.

const least = 0.04;
const most = 3;
const margin = 16;
const dragged = 4; // pixels that make a click a drag

/**
 * Moves a drawing inside of a frame. The drawing is a layer of its own (will-change in the style
 * sheet), so panning moves pixels and paints nothing anew.
 */
export class Camera {
  #frame;
  #svg;
  #world;
  #x = margin;
  #y = margin;
  #scale = 1;
  /** @type {{x: number, y: number} | null} where the pointer was */
  #from = null;
  #drawing = 0;

  /** The size of the drawing at scale 1. */
  size = { width: 0, height: 0 };
  /** Whether the pointer has been dragged, so that what follows is no click. */
  moved = false;

  /**
   * @param {HTMLElement} frame
   * @param {SVGSVGElement} svg
   * @param {SVGGElement} world
   */
  constructor(frame, svg, world) {
    this.#frame = frame;
    this.#svg = svg;
    this.#world = world;
    frame.addEventListener('pointerdown', (event) => {
      this.#from = { x: event.clientX, y: event.clientY };
      this.moved = false;
    });
    frame.addEventListener('pointermove', (event) => this.#drag(event));
    frame.addEventListener('pointerup', () => (this.#from = null));
    frame.addEventListener('pointercancel', () => (this.#from = null));
    frame.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        const box = frame.getBoundingClientRect();
        const by = Math.exp(-event.deltaY / 500);
        this.#zoomAt(by, event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (!this.#from || event.buttons === 0) return;
    const dx = event.clientX - this.#from.x;
    const dy = event.clientY - this.#from.y;
    if (!this.moved && Math.hypot(dx, dy) < dragged) return;

    if (!this.moved) this.#frame.setPointerCapture(event.pointerId);
    this.moved = true;
    this.#from = { x: event.clientX, y: event.clientY };
    this.#x += dx;
    this.#y += dy;
    this.#draw();
  }

  /** @param {number} by */
  zoom(by) {
    this.#zoomAt(by, this.#frame.clientWidth / 2, this.#frame.clientHeight / 2);
  }

  /**
   * @param {number} by
   * @param {number} x pixel that stays where it is
   * @param {number} y
   */
  #zoomAt(by, x, y) {
    const scale = Math.min(most, Math.max(least, this.#scale * by));
    this.#x = x - ((x - this.#x) * scale) / this.#scale;
    this.#y = y - ((y - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#draw();
  }

  /** Shows everything, as large as it may be. */
  fit() {
    const across = (this.#frame.clientWidth - 2 * margin) / Math.max(1, this.size.width);
    const down = (this.#frame.clientHeight - 2 * margin) / Math.max(1, this.size.height);
    this.#scale = Math.min(1.2, Math.max(least, Math.min(across, down)));
    this.#x = this.#y = margin;
    this.#draw();
  }

  /** @param {{x: number, y: number, width: number, height: number}} box that is to be seen */
  show(box) {
    const left = this.#x + box.x * this.#scale;
    const top = this.#y + box.y * this.#scale;
    this.#x += inside(left, box.width * this.#scale, this.#frame.clientWidth);
    this.#y += inside(top, box.height * this.#scale, this.#frame.clientHeight);
    this.#draw();
  }

  /** @param {{width: number, height: number}} size of the drawing at scale 1 */
  resize({ width, height }) {
    this.size = { width, height };
    this.#draw();
  }

  /** Draws with the next frame, once for all events until then. */
  #draw() {
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      const { style } = this.#svg;
      style.transform = `translate(${this.#x}px, ${this.#y}px)`;
      style.width = `${this.size.width * this.#scale}px`;
      style.height = `${this.size.height * this.#scale}px`;
      this.#world.setAttribute('transform', `scale(${this.#scale})`);
      this.#svg.classList.toggle('far', this.#scale < 0.45);
    });
  }

  stop() {
    cancelAnimationFrame(this.#drawing);
  }
}

/**
 * @param {number} at
 * @param {number} size
 * @param {number} room
 * @returns {number} by how much it must move to be seen
 */
function inside(at, size, room) {
  if (at < margin) return margin - at;
  if (at + size > room - margin) return room - margin - at - size;
  return 0;
}
