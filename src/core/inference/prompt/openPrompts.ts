import { ModelFileError, type ModelFolder } from '../modelFile.js'
import type { FloatTensor, SessionStore } from '../session.js'
import { encodePrompts } from './encodePrompts.js'
import type { EncodePromptPair, PromptPair } from './promptConditioning.js'
import {
  createPromptEncoder,
  FIRST_OF_TWO,
  ONLY_ENCODER,
  type PooledPromptEncoder,
  SECOND_OF_TWO,
} from './promptEncoder.js'

/** The text encoders of a model. */
export type Prompts = {
  /** @throws InvalidArgumentsError, NotSupportedYetError, see {@link EncodePromptPair} */
  encode(prompt: string, negativePrompt: string): Promise<EncodedPrompts>
}

/** What all encoders give, side by side, and of two encoders what the second one alone gives: the refiner takes that. */
export type EncodedPrompts = PromptPair & { ofSecond?: PromptPair }

/**
 * Opens the text encoder of a model.
 *
 * @param count two for Stable Diffusion XL, else one
 * @param textualInversion its words are known to the first encoder only, as in the original
 * @throws ModelFileError
 */
export async function openPrompts(
  model: ModelFolder,
  sessions: SessionStore,
  count: 1 | 2,
  textualInversion?: ModelFolder,
): Promise<Prompts> {
  if (count === 1) {
    const encoder = await createPromptEncoder(model, sessions, ONLY_ENCODER, textualInversion)
    return { encode: (prompt, negative) => encodeWith(encoder, prompt, negative) }
  }
  const first = await createPromptEncoder(model, sessions, FIRST_OF_TWO, textualInversion)
  const second = await createPromptEncoder(model, sessions, SECOND_OF_TWO)
  const encodeWithSecond: EncodePromptPair = async (prompt, negativePrompt) => {
    const { positive, negative } = await encodeWith(second, prompt, negativePrompt)
    return {
      positive: { ...positive, pooled: await second.encodePooled(prompt) },
      negative: { ...negative, pooled: await second.encodePooled(negativePrompt) },
    }
  }
  return {
    async encode(prompt, negativePrompt) {
      const left = await encodeWith(first, prompt, negativePrompt)
      const right = await encodeWithSecond(prompt, negativePrompt)
      const join = (member: keyof PromptPair) => {
        const embedding = sideBySide(left[member].embedding, right[member].embedding)
        if (embedding) return { ...right[member], embedding }
        throw new ModelFileError(model, 'tokenizer_2', 'cuts texts into other tokens than tokenizer')
      }
      return { positive: join('positive'), negative: join('negative'), ofSecond: right }
    },
  }
}

async function encodeWith(encoder: PooledPromptEncoder, prompt: string, negativePrompt: string): Promise<PromptPair> {
  const [positive, negative] = await encodePrompts(encoder, prompt, negativePrompt)
  return { positive: { embedding: positive }, negative: { embedding: negative } }
}

/** [tokens, a] and [tokens, b] → [tokens, a + b]; undefined when the tokens are not equally many. */
function sideBySide(left: FloatTensor, right: FloatTensor): FloatTensor | undefined {
  const [tokens = 0, leftWidth = 0] = left.dims
  const [others, rightWidth = 0] = right.dims
  if (tokens !== others) return undefined
  const width = leftWidth + rightWidth
  const data = new Float32Array(tokens * width)
  for (let token = 0; token < tokens; token++) {
    data.set(left.data.subarray(token * leftWidth, (token + 1) * leftWidth), token * width)
    data.set(right.data.subarray(token * rightWidth, (token + 1) * rightWidth), token * width + leftWidth)
  }
  return { data, dims: [tokens, width] }
}
