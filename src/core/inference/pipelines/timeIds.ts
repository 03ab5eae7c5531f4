/**
 * What a UNet of Stable Diffusion XL is told about the picture, as if it had been trained on one of this size without cropping:
 * original height and width, top and left of the crop, target height and width (Podell et al., arXiv:2307.01952, section 2.2).
 */
export const sizeTimeIds = (height: number, width: number): number[] => [height, width, 0, 0, height, width]

/** The same for the refiner, which is told how pleasing the picture is to be instead of its target size. */
export const aestheticTimeIds = (height: number, width: number, score: number): number[] => [height, width, 0, 0, score]
