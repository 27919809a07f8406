/** A canvas as large as its place in the page, in the pixels of the screen. */
import type { Size } from "./layout.js";

/** Three times as many pixels each way cost nine times as much and look the same. */
const DENSITY_MAX = 2;

export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  #size: Size = { width: 0, height: 0 };

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser draws no canvas");
    this.canvas = canvas;
    this.context = context;
  }

  /** In CSS pixels. */
  get size(): Size {
    return this.#size;
  }

  /** True when the size has changed; everything is gone then. */
  fit(size: Size): boolean {
    const density = Math.min(DENSITY_MAX, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(size.width * density), Math.round(size.height * density)];
    this.#size = size;
    if (this.canvas.width === width && this.canvas.height === height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    this.context.setTransform(density, 0, 0, density, 0, 0);
    return true;
  }

  clear(): void {
    this.context.clearRect(0, 0, this.#size.width, this.#size.height);
  }
}
