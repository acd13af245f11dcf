/**
 * Nominal types over plain values.
 *
 * @module
 */
declare const brand: unique symbol
/** A `Base` that only its own constructor function may make. Erased at run time. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }
