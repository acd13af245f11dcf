/**
 * A wait that something may end early: for a tally link to say something, but not for ever.
 *
 * @module
 */
export class Bell {
  #ring: (() => void) | undefined

  /** Resolves when rung, at latest after `waitMs`. One waits at a time. */
  async heard(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#ring = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#ring = undefined
  }

  /** Ends the wait, if there is one. */
  ring(): void {
    this.#ring?.()
  }
}
