import type { Output } from './output.js'
import { printable } from './printable.js'

/** Shows the answers of a text task while they come, where a person reads stdout as it comes. */
export type AnswerView = {
  /** @param piece a part of an answer; answers are counted from 0. */
  show(piece: { answer: number; text: string }): void
  /** Whether anything has been shown. */
  shown(): boolean
}

/** Creates the view. */
export function createAnswerView({ piece, interactive }: Pick<Output, 'piece' | 'interactive'>): AnswerView {
  /** The answer whose text stands on the terminal. */
  let current: number | undefined
  return {
    shown: () => current !== undefined,
    show({ answer, text }) {
      if (!interactive || text === '') return
      if (current !== undefined && answer !== current) piece('\n\n')
      current = answer
      piece(printable(text))
    },
  }
}
