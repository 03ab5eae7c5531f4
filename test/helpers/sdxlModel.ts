import { join } from 'node:path'
import { packageRoot } from '../../src/base/packageRoot.js'

export const sdxlVectors = join(packageRoot, 'test/vectors/sdxl')

/** The models that the golden data of Stable Diffusion XL was computed with. */
export const sdxlModel = { id: 'golden/sdxl-tiny', path: join(sdxlVectors, 'sdxl-tiny') }
export const sdxlRefiner = { id: 'golden/sdxl-tiny-refiner', path: join(sdxlVectors, 'sdxl-tiny-refiner') }
