import { type ModelFolder, readModelJson } from '../modelFile.js'
import { divideBy } from '../schedulers/float32.js'
import type { FloatTensor, SessionStore } from '../session.js'
import { lengthOr } from './configValues.js'

/** The decoder of a VAE. */
export type PictureDecoder = {
  /** Pixels per latent, in each direction. */
  scale: number
  /** Latents [1, channels, h, w] as a UNet makes them → samples [1, 3, height, width], nominally −1…1. */
  decode(latents: Float32Array, shape: readonly number[]): Promise<FloatTensor>
}

/** What a VAE's latents are multiplied by where its configuration does not say: the default of `AutoencoderKL`. */
const SCALING_FACTOR = 0.18215

/**
 * Opens the decoder of a model, or of a replacement VAE.
 *
 * `force_upcast` in its configuration asks for float32 where the rest computes in half precision: here the decoder computes in the precision
 * of its file, whatever the UNet does.
 *
 * @throws ModelFileError
 */
export async function openPictureDecoder(model: ModelFolder, sessions: SessionStore): Promise<PictureDecoder> {
  const config = await readModelJson(model, 'vae_decoder/config.json')
  const session = await sessions.open(model, 'vae_decoder/model.onnx')
  const scalingFactor = Math.fround(typeof config.scaling_factor === 'number' ? config.scaling_factor : SCALING_FACTOR)
  const spread = numbers(config.latents_std)
  const middle = numbers(config.latents_mean)

  return {
    scale: 2 ** (lengthOr(config.block_out_channels, 4) - 1),
    async decode(latents, shape) {
      const plane = latents.length / (shape[1] ?? 1)
      const scaled =
        spread && middle
          ? latents.map((value, index) => {
              const channel = Math.floor(index / plane)
              const spreadOut = Math.fround(value * Math.fround(spread[channel] ?? 1))
              return Math.fround(spreadOut / scalingFactor) + Math.fround(middle[channel] ?? 0)
            })
          : divideBy(scalingFactor, latents)
      const { sample } = await session.run({ latent_sample: { data: scaled, dims: shape } }, ['sample'])
      return sample
    },
  }
}

/** Per-channel statistics of the latents, which few VAEs have. */
const numbers = (value: unknown): number[] | undefined =>
  Array.isArray(value) && value.every((each) => typeof each === 'number') ? value : undefined
