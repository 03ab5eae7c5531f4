/** Element types of ONNX tensors. */
export const ELEMENT = { float32: 1, int32: 6, int64: 7, float16: 10, float64: 11, string: 8 } as const

/** Where a tensor's bytes are, outside the model file. */
export type ExternalData = { location: string; offset?: number; length?: number }

/**
 * An ONNX model of one node, y = operator(x, w), with four float32 weights 0 inside the file or elsewhere. Written by hand, so that
 * tests can make what no exporter would.
 */
export function additionModel({
  operator = 'Add',
  domain = '',
  external,
}: {
  operator?: string
  domain?: string
  external?: ExternalData
} = {}): Uint8Array {
  const data = external
    ? [
        ...Object.entries({ offset: 0, length: 16, ...external }).map(([key, value]) =>
          message(13, text(1, key), text(2, String(value))),
        ),
        integer(14, 1),
      ]
    : [bytes(9, Buffer.alloc(16))]
  return model({
    node: message(1, text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, operator), ...(domain ? [text(7, domain)] : [])),
    initializers: [message(5, integer(1, 4), integer(2, ELEMENT.float32), text(8, 'w'), ...data)],
    input: ELEMENT.float32,
    domain,
  })
}

/** An ONNX model that gives its input, of this type, as float32. */
export const castModel = (input: keyof typeof ELEMENT, output: keyof typeof ELEMENT = 'float32'): Uint8Array =>
  model({
    node: message(
      1,
      text(1, 'x'),
      text(2, 'y'),
      text(4, 'Cast'),
      message(5, text(1, 'to'), integer(3, ELEMENT[output]), integer(20, 2)),
    ),
    initializers: [],
    input: ELEMENT[input],
    output: ELEMENT[output],
    domain: '',
  })

function model({
  node,
  initializers,
  input,
  output = ELEMENT.float32,
  domain,
}: {
  node: Buffer
  initializers: Buffer[]
  input: number
  output?: number
  domain: string
}): Uint8Array {
  const graph = message(7, node, text(2, 'graph'), ...initializers, value(11, 'x', input), value(12, 'y', output))
  const opsets = [
    message(8, text(1, ''), integer(2, 17)),
    ...(domain ? [message(8, text(1, domain), integer(2, 1))] : []),
  ]
  return Buffer.concat([integer(1, 8), graph, ...opsets])
}

/** A graph input or output with four elements. */
const value = (field: number, name: string, type: number) =>
  message(field, text(1, name), message(2, message(1, integer(1, type), message(2, message(1, integer(1, 4))))))

// Protocol buffers: a field number with a wire type, then the value.
function varint(number: number): Buffer {
  const encoded: number[] = []
  let rest = BigInt(number)
  for (; rest > 127n; rest >>= 7n) encoded.push(Number(rest & 127n) | 128)
  return Buffer.from([...encoded, Number(rest)])
}
const integer = (field: number, number: number) => Buffer.concat([varint(field << 3), varint(number)])
const bytes = (field: number, data: Buffer) => Buffer.concat([varint((field << 3) | 2), varint(data.length), data])
const text = (field: number, data: string) => bytes(field, Buffer.from(data))
const message = (field: number, ...parts: Buffer[]) => bytes(field, Buffer.concat(parts))
