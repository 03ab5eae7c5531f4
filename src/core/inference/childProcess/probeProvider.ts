import type { Device } from '../../devices/device.js'
import { deviceOptions, type OnnxRuntime } from '../session.js'

/**
 * Computes something on a device: the square of a 2 × 2 matrix, exact in every precision that a device may use inside. What the device
 * does not run itself is an error here.
 *
 * @throws what onnxruntime throws, or an error that tells of a wrong result.
 */
export async function probeProvider(ort: OnnxRuntime, device: Device): Promise<void> {
  const session = await ort.InferenceSession.create(SQUARE, {
    ...deviceOptions(device, { fallback: device.provider === 'cpu' }),
    logSeverityLevel: 2,
  })
  const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]) })
  const values = [...((y?.data ?? []) as Float32Array)]
  if (values.join() !== '7,10,15,22') throw new Error(`it computes wrongly: ${values.join(' ')} instead of 7 10 15 22`)
  await session.release()
}

/** An ONNX model (IR 8, opset 17) of one node, y = MatMul(x, x) with float32 matrices [2, 2]. */
const SQUARE = Buffer.from(
  'CAg6RQoRCgF4CgF4EgF5IgZNYXRNdWwSBnNxdWFyZVoTCgF4Eg4KDAgBEggKAggCCgIIAmITCgF5Eg4KDAgBEggKAggCCgIIAkIECgAQEQ==',
  'base64',
)
