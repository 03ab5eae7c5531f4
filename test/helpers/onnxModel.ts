/** Element types of ONNX tensors. */
export const ELEMENT = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, string: 8 } as const

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

/** A UNet of Stable Diffusion that predicts half of what it sees, in this precision. */
export function halvingUnet(precision: 'float16' | 'float32'): Uint8Array {
  const type = ELEMENT[precision]
  const half = precision === 'float16' ? Buffer.of(0x00, 0x38) : Buffer.of(0, 0, 0, 0x3f)
  const picture = ['batch', 'channels', 'height', 'width']
  const graph = message(
    7,
    message(1, text(1, 'sample'), text(1, 'half'), text(2, 'out_sample'), text(4, 'Mul')),
    text(2, 'unet'),
    message(5, integer(2, type), text(8, 'half'), bytes(9, half)),
    tensorValue(11, 'sample', type, picture),
    tensorValue(11, 'timestep', ELEMENT.int64, []),
    tensorValue(11, 'encoder_hidden_states', type, ['batch', 'tokens', 'dimension']),
    tensorValue(12, 'out_sample', type, picture),
  )
  return Buffer.concat([integer(1, 8), graph, message(8, text(1, ''), integer(2, 17))])
}

/**
 * A safety checker in the form in which diffusers exports the real one, whose weights are too large for a test: here a picture is
 * unsuitable when the mean of `clip_input` is above a limit.
 */
export function safetyCheckerModel({
  limit,
  images = true,
  side = 'height',
}: {
  limit: number
  /** Whether the graph has the second input, and gives it back. */
  images?: boolean
  /** Length of the sides of `clip_input`, or a name for any. */
  side?: number | string
}): Uint8Array {
  const axes = message(5, text(1, 'axes'), ...[1, 2, 3].map((axis) => integer(8, axis)), integer(20, 7))
  const dropped = message(5, text(1, 'keepdims'), integer(3, 0), integer(20, 2))
  const graph = message(
    7,
    message(1, text(1, 'clip_input'), text(2, 'mean'), text(4, 'ReduceMean'), axes, dropped),
    message(1, text(1, 'mean'), text(1, 'limit'), text(2, 'has_nsfw_concepts'), text(4, 'Greater')),
    ...(images ? [message(1, text(1, 'images'), text(2, 'out_images'), text(4, 'Identity'))] : []),
    text(2, 'graph'),
    message(
      5,
      integer(1, 1),
      integer(2, ELEMENT.float32),
      text(8, 'limit'),
      bytes(9, Buffer.from(Float32Array.of(limit).buffer)),
    ),
    tensorValue(11, 'clip_input', ELEMENT.float32, ['batch', 3, side, side]),
    ...(images ? [tensorValue(11, 'images', ELEMENT.float32, ['batch', 'height', 'width', 3])] : []),
    ...(images ? [tensorValue(12, 'out_images', ELEMENT.float32, ['batch', 'height', 'width', 3])] : []),
    tensorValue(12, 'has_nsfw_concepts', ELEMENT.bool, ['batch']),
  )
  return Buffer.concat([integer(1, 8), graph, message(8, text(1, ''), integer(2, 17))])
}

/** A model that gives the rows of a table [rows, 2] for `input_ids`; the table is read through a Cast, the ids through a Reshape. */
export function lookupModel(
  table: Buffer,
  {
    precision = 'float32',
    external,
    operator = 'Gather',
  }: { precision?: 'float16' | 'float32'; external?: ExternalData; operator?: string } = {},
): Uint8Array {
  const rows = table.length / (precision === 'float32' ? 8 : 4)
  const numbers = external
    ? [...Object.entries(external).map(([key, at]) => message(13, text(1, key), text(2, String(at)))), integer(14, 1)]
    : [bytes(9, table)]
  const to = message(5, text(1, 'to'), integer(3, ELEMENT.float32), integer(20, 2))
  const shape = Buffer.from(BigInt64Array.of(-1n).buffer)
  const graph = message(
    7,
    message(1, text(1, 'token_embedding'), text(2, 'table'), text(4, 'Cast'), to),
    message(1, text(1, 'input_ids'), text(1, 'shape'), text(2, 'ids'), text(4, 'Reshape')),
    message(1, text(1, 'table'), text(1, 'ids'), text(2, 'y'), text(4, operator)),
    text(2, 'graph'),
    message(5, integer(1, rows), integer(1, 2), integer(2, ELEMENT[precision]), text(8, 'token_embedding'), ...numbers),
    message(5, integer(1, 1), integer(2, ELEMENT.int64), text(8, 'shape'), bytes(9, shape)),
    tensorValue(11, 'input_ids', ELEMENT.int64, ['batch', 'tokens']),
    tensorValue(12, 'y', ELEMENT.float32, ['tokens', 2]),
  )
  return Buffer.concat([integer(1, 8), graph, message(8, text(1, ''), integer(2, 17))])
}

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

/** A graph input or output; dimensions that are free have a name. */
const tensorValue = (field: number, name: string, type: number, dims: readonly (number | string)[]) => {
  const shape = dims.map((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)))
  return message(field, text(1, name), message(2, message(1, integer(1, type), message(2, ...shape))))
}

/** A graph input or output with four elements. */
const value = (field: number, name: string, type: number) => tensorValue(field, name, type, [4])

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
