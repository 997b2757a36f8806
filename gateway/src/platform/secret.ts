import { inspect } from 'node:util'

const SHOWN = '[secret]'

/** An opened secret. It prints as `[secret]` wherever it is written; `reveal` is for `egress/` alone. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return SHOWN
  }

  toJSON(): string {
    return SHOWN
  }

  [inspect.custom](): string {
    return SHOWN
  }
}
