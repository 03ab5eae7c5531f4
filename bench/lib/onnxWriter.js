// Writes ONNX models (onnx.proto3, IR version 8) as far as the benchmarks need it.

const FLOAT32 = 1
const INT64 = 7
const FLOAT16 = 10

/** A node: operator, input names, output name, and attributes that are whole numbers, lists of them, or texts. */
export const node = (operator, inputs, output, attributes = {}) =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  )

/** A weight: float32 for a Float32Array, int64 for a list of whole numbers. */
export const weight = (name, shape, values) => {
  const floats = values instanceof Float32Array
  const raw = floats ? values : BigInt64Array.from(values, BigInt)
  return message(
    5,
    ...shape.map((size) => integer(1, size)),
    integer(2, floats ? FLOAT32 : INT64),
    text(8, name),
    bytes(9, Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)),
  )
}

/** A weight in a file beside the model; `type` is `float32` or `float16`. */
export const externalWeight = (name, shape, { type, location, offset, length }) =>
  message(
    5,
    ...shape.map((size) => integer(1, size)),
    integer(2, type === 'float16' ? FLOAT16 : FLOAT32),
    text(8, name),
    ...Object.entries({ location, offset, length }).map(([key, given]) =>
      message(13, text(1, key), text(2, String(given))),
    ),
    integer(14, 1),
  )

/** A node with the path of its module for a name, as PyTorch exports it. */
export const namedNode = (name, operator, inputs, output, attributes = {}) =>
  message(
    1,
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, name),
    text(4, operator),
    ...Object.entries(attributes).map(([key, given]) => attribute(key, given)),
  )

/** A model; inputs and outputs are name → shape, of float32, where a name stands for a size that is free. */
export const model = ({ inputs, outputs, nodes, weights }) =>
  Buffer.concat([
    integer(1, 8),
    message(
      7,
      ...nodes,
      text(2, 'graph'),
      ...weights,
      ...Object.entries(inputs).map(([name, shape]) => value(11, name, shape)),
      ...Object.entries(outputs).map(([name, shape]) => value(12, name, shape)),
    ),
    message(8, text(1, ''), integer(2, 17)),
  ])

function value(field, name, shape) {
  const dimensions = shape.map((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)))
  return message(field, text(1, name), message(2, message(1, integer(1, FLOAT32), message(2, ...dimensions))))
}

function attribute(name, given) {
  if (typeof given === 'string') return message(5, text(1, name), text(4, given), integer(20, 3))
  if (Array.isArray(given)) return message(5, text(1, name), ...given.map((item) => integer(8, item)), integer(20, 7))
  return message(5, text(1, name), integer(3, given), integer(20, 2))
}

// Protocol buffers: a field number with a wire type, then the value.
function varint(number) {
  const encoded = []
  let rest = BigInt(number)
  for (; rest > 127n; rest >>= 7n) encoded.push(Number(rest & 127n) | 128)
  return Buffer.from([...encoded, Number(rest)])
}
const integer = (field, number) => Buffer.concat([varint(field << 3), varint(number)])
const bytes = (field, data) => Buffer.concat([varint((field << 3) | 2), varint(data.length), data])
const text = (field, data) => bytes(field, Buffer.from(data))
const message = (field, ...parts) => bytes(field, Buffer.concat(parts))
