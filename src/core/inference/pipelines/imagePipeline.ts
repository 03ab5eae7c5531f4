import type { ImageTaskArguments } from '../../task/arguments.js'

/** A picture before encoding: 8-bit RGB, row-major. */
export type RawPicture = { data: Uint8Array; width: number; height: number }

/** A picture, and what the model's safety checker found, if one was asked for and there is one. */
export type Picture = RawPicture & { nsfw?: boolean }

export type ImageStage = 'load' | 'encode' | 'denoise' | 'decode'

/** What a pipeline tells while it works. */
export type ImageProgress = { stage: ImageStage; image: number; step: number; steps: number }

export type ImagePipelineHooks = {
  onProgress(progress: ImageProgress): void
  /** Adds the time since the previous call to a stage; refining and checking are measured apart. */
  onStageEnd(stage: ImageStage | 'refine' | 'check'): void
  /** Intermediate tensors, for golden tests: embeddings as given to the UNet, latents after each step. */
  onTensor?(
    name: 'prompt' | 'negativePrompt' | 'pooledPrompt' | 'pooledNegativePrompt' | 'latents' | 'refinedLatents',
    data: Float32Array,
    position: { image: number; step: number },
  ): void
}

/** Makes the pictures of one task with one kind of model. */
export type ImagePipeline = {
  /** Facts that belong into the result's environment, e.g. that the model has no safety checker. */
  environment: Record<string, string | number>
  run(task: ImageTaskArguments, hooks: ImagePipelineHooks): Promise<Picture[]>
}
