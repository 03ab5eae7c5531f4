import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../src/base/packageRoot.js'
import { type CausalModel, createCausalModel } from '../../src/core/inference/text/causalModel.js'
import { resolveSettings } from '../../src/core/inference/text/generationSettings.js'
import { parseTextArguments } from '../../src/core/task/arguments.js'
import { openSessions } from './sd15Model.js'

/** Folder of the golden data for language models. */
export const LM = join(packageRoot, 'test/vectors/lm')

export const readGolden = (file: string) => JSON.parse(readFileSync(join(LM, file), 'utf8'))

/** The golden model, under the name that the golden task arguments give it. */
export const TINY_LLAMA = { id: '<tiny-llama>', path: join(LM, 'tiny-llama') }

export const openTinyLlama = async (): Promise<CausalModel> =>
  createCausalModel(TINY_LLAMA, await openSessions().open(TINY_LLAMA, 'onnx/model.onnx'))

/** The settings of a task with this generation_config, for a model whose own file says `own`. */
export const settingsOf = (generation: object, own: object = readGolden('tiny-llama/generation_config.json')) =>
  resolveSettings({
    model: TINY_LLAMA,
    own: own as Record<string, unknown>,
    config: {},
    task: parseTextArguments({
      model: 'tiny-llama',
      messages: [{ role: 'user', content: 'hi' }],
      generation_config: generation,
    }),
  })
