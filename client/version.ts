/** The version that members tell each other when they are asked: that of the package, which a test compares. */
export const VERSION = "0.1.0";
