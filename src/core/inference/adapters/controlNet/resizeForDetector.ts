import type { Bitmap } from '../../pillowResize.js'
import { roundHalfToEven } from '../../schedulers/numpyRanges.js'

const { fround } = Math

/**
 * Resizes as OpenCV's `resize` does for 8-bit pictures (modules/imgproc/src/resize.cpp): `area` averages the pixels that a new one
 * covers, in float32; where the picture grows in either direction it is a linear interpolation instead. `linear` and `lanczos` are in
 * fixed point with 11 bits; Lanczos has four lobes.
 */
export function resizeForDetector(
  image: Bitmap,
  width: number,
  height: number,
  filter: 'area' | 'linear' | 'lanczos',
): Bitmap {
  if (image.width === width && image.height === height) return image
  const scaleX = 1 / (width / image.width)
  const scaleY = 1 / (height / image.height)
  if (filter === 'lanczos') {
    return separable(image, lanczosTaps(image.width, width, scaleX), lanczosTaps(image.height, height, scaleY), 'exact')
  }
  const halved = scaleX === 2 && scaleY === 2
  if (halved) return average(image, width, height, 2, 2)
  if (filter === 'area' && scaleX >= 1 && scaleY >= 1) {
    const whole = Number.isInteger(scaleX) && Number.isInteger(scaleY)
    return whole ? average(image, width, height, scaleX, scaleY) : area(image, width, height, scaleX, scaleY)
  }
  const taps = filter === 'area' ? areaTaps : linearTaps
  const columns = withoutBeyond(taps(image.width, width, scaleX), image.width)
  return separable(image, columns, taps(image.height, height, scaleY), 'shifted')
}

/** For each place of the result: `count` places of the source, and their weights · 2048. */
type Taps = { count: number; places: Int32Array; weights: Int16Array }

const COEFFICIENT_SCALE = 2048

function makeTaps(
  from: number,
  to: number,
  count: number,
  at: (place: number) => { floor: number; weights: number[] },
): Taps {
  const places = new Int32Array(to * count)
  const weights = new Int16Array(to * count)
  for (let place = 0; place < to; place++) {
    const found = at(place)
    for (let index = 0; index < count; index++) {
      places[place * count + index] = Math.min(from - 1, Math.max(0, found.floor - count / 2 + 1 + index))
      weights[place * count + index] = roundHalfToEven(fround((found.weights[index] ?? 0) * COEFFICIENT_SCALE))
    }
  }
  return { count, places, weights }
}

function centred(place: number, scale: number): { floor: number; rest: number } {
  const at = fround((place + 0.5) * scale - 0.5)
  const floor = Math.floor(at)
  return { floor, rest: fround(at - floor) }
}

const linearTaps = (from: number, to: number, scale: number): Taps =>
  makeTaps(from, to, 2, (place) => {
    const { floor, rest } = centred(place, scale)
    return { floor, weights: [fround(1 - rest), rest] }
  })

/** What the area filter is where the picture grows: pixels keep their edges. */
const areaTaps = (from: number, to: number, scale: number): Taps =>
  makeTaps(from, to, 2, (place) => {
    const floor = Math.floor(place * scale)
    const ahead = fround(place + 1 - (floor + 1) * (to / from))
    const rest = ahead <= 0 ? 0 : fround(ahead - Math.floor(ahead))
    return { floor, weights: [fround(1 - rest), rest] }
  })

/** Along the rows, what lies beyond the border is left out; along the columns the outermost row counts twice, which rounds differently. */
function withoutBeyond({ count, places, weights }: Taps, from: number): Taps {
  const kept = weights.slice()
  for (let at = 0; at < places.length; at += count) {
    if (places[at] !== places[at + 1] && places[at] !== from - 1) continue
    kept[at] = COEFFICIENT_SCALE
    kept[at + 1] = 0
  }
  return { count, places, weights: kept }
}

const lanczosTaps = (from: number, to: number, scale: number): Taps =>
  makeTaps(from, to, 8, (place) => {
    const { floor, rest } = centred(place, scale)
    return { floor, weights: lanczosWeights(rest) }
  })

const ROOT_HALF = Math.SQRT1_2
/** sin(y + k·5π/4 …) by the addition theorem: factors of sine and cosine for the eight taps. */
const ROTATIONS: readonly (readonly [number, number])[] = [
  [1, 0],
  [-ROOT_HALF, -ROOT_HALF],
  [0, 1],
  [ROOT_HALF, -ROOT_HALF],
  [-1, 0],
  [ROOT_HALF, ROOT_HALF],
  [0, -1],
  [-ROOT_HALF, ROOT_HALF],
]

function lanczosWeights(rest: number): number[] {
  const angle = -fround(rest + 3) * Math.PI * 0.25
  const sine = Math.sin(angle)
  const cosine = Math.cos(angle)
  const weights = ROTATIONS.map(([bySine, byCosine], index) => {
    const distance = fround(fround(rest + 3) - index)
    if (Math.abs(distance) < fround(1e-6)) return fround(1e30)
    const y = -distance * Math.PI * 0.25
    return fround((bySine * sine + byCosine * cosine) / (y * y))
  })
  const inverse = fround(1 / weights.reduce((sum, weight) => fround(sum + weight), 0))
  return weights.map((weight) => fround(weight * inverse))
}

/** Rows, then columns, in integers. Linear interpolation drops bits in between, so that it fits 16-bit arithmetic. */
function separable(image: Bitmap, columns: Taps, rows: Taps, rounding: 'exact' | 'shifted'): Bitmap {
  const { data, width: fromWidth, height: fromHeight, channels = 3 } = image
  const width = columns.places.length / columns.count
  const height = rows.places.length / rows.count
  const line = width * channels
  const wide = new Int32Array(line * fromHeight)
  for (let y = 0; y < fromHeight; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0
        for (let index = x * columns.count; index < (x + 1) * columns.count; index++) {
          const from = (y * fromWidth + (columns.places[index] as number)) * channels + channel
          sum += (data[from] as number) * (columns.weights[index] as number)
        }
        wide[y * line + x * channels + channel] = sum
      }
    }
  }
  const result = new Uint8Array(line * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < line; x++) {
      let sum = 0
      for (let index = y * rows.count; index < (y + 1) * rows.count; index++) {
        const value = wide[(rows.places[index] as number) * line + x] as number
        const weight = rows.weights[index] as number
        sum += rounding === 'exact' ? value * weight : ((value >> 4) * weight) >> 16
      }
      const rounded = rounding === 'exact' ? Math.floor((sum + 2 ** 21) / 2 ** 22) : (sum + 2) >> 2
      result[y * line + x] = clampedByte(rounded)
    }
  }
  return { data: result, width, height, channels }
}

/** The mean of whole blocks of pixels. */
function average(image: Bitmap, width: number, height: number, stepX: number, stepY: number): Bitmap {
  const { data, width: fromWidth, channels = 3 } = image
  const result = new Uint8Array(width * height * channels)
  const scale = fround(1 / (stepX * stepY))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0
        for (let row = y * stepY; row < (y + 1) * stepY; row++) {
          for (let column = x * stepX; column < (x + 1) * stepX; column++) {
            sum += data[(row * fromWidth + column) * channels + channel] as number
          }
        }
        const mean = stepX === 2 && stepY === 2 ? (sum + 2) >> 2 : roundHalfToEven(fround(sum * scale))
        result[(y * width + x) * channels + channel] = clampedByte(mean)
      }
    }
  }
  return { data: result, width, height, channels }
}

/** A part `share` of source place `from` that new place `to` covers. */
type Cover = { to: number; from: number; share: number }

function covers(from: number, to: number, scale: number): Cover[] {
  const found: Cover[] = []
  for (let place = 0; place < to; place++) {
    const start = place * scale
    const end = start + scale
    const cell = Math.min(scale, from - start)
    const last = Math.min(Math.floor(end), from - 1)
    const first = Math.min(Math.ceil(start), last)
    if (first - start > 1e-3) found.push({ to: place, from: first - 1, share: fround((first - start) / cell) })
    for (let whole = first; whole < last; whole++) found.push({ to: place, from: whole, share: fround(1 / cell) })
    if (end - last > 1e-3) {
      found.push({ to: place, from: last, share: fround(Math.min(end - last, 1, cell) / cell) })
    }
  }
  return found
}

function area(image: Bitmap, width: number, height: number, scaleX: number, scaleY: number): Bitmap {
  const { data, width: fromWidth, height: fromHeight, channels = 3 } = image
  const columns = covers(fromWidth, width, scaleX)
  const line = width * channels
  const row = new Float32Array(line)
  const sum = new Float32Array(line)
  const result = new Uint8Array(line * height)
  const store = (y: number) => {
    for (let x = 0; x < line; x++) result[y * line + x] = clampedByte(roundHalfToEven(sum[x] as number))
  }
  let current = 0
  for (const { to, from, share } of covers(fromHeight, height, scaleY)) {
    row.fill(0)
    for (const column of columns) {
      const source = (from * fromWidth + column.from) * channels
      for (let channel = 0; channel < channels; channel++) {
        const at = column.to * channels + channel
        row[at] = (row[at] as number) + fround((data[source + channel] as number) * column.share)
      }
    }
    if (to !== current) {
      store(current)
      sum.fill(0)
      current = to
    }
    for (let x = 0; x < line; x++) sum[x] = (sum[x] as number) + fround(share * (row[x] as number))
  }
  store(current)
  return { data: result, width, height, channels }
}

/** The nearest value that 8 bits can hold. */
const clampedByte = (value: number): number => Math.min(255, Math.max(0, value))
