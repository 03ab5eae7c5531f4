import { float16ToFloat32 } from '../../float16.js'
import type { FloatTensor } from '../../session.js'
import type { ZipEntries } from './storedZip.js'

/** What a pickle of tensors may hold. Dictionaries are maps, so that no key can be a property that every object has. */
export type PickledValue = null | boolean | number | string | FloatTensor | PickledValue[] | Map<string, PickledValue>

/** A value while the pickle is read: also the names of what Python would import, and the marks of the stack machine. */
type Value = PickledValue | Global | Storage | typeof MARK
type Global = { global: string }
type Storage = { type: StorageType; bytes: Uint8Array; count: number }
type StorageType = keyof typeof STORAGE_BYTES

const MARK = Symbol('mark')
const STORAGE_BYTES = { 'torch FloatStorage': 4, 'torch HalfStorage': 2, 'torch BFloat16Storage': 2 } as const
const REBUILD_TENSOR = 'torch._utils _rebuild_tensor_v2'
const REBUILD_PARAMETER = 'torch._utils _rebuild_parameter'
const ORDERED_DICT = 'collections OrderedDict'
const ALLOWED = new Set<string>([...Object.keys(STORAGE_BYTES), REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT])

const MAXIMUM_OPERATIONS = 100_000
const MAXIMUM_ELEMENTS = 1 << 24

/**
 * Reads what `torch.save` wrote, if it is made of dictionaries, lists, texts, numbers and tensors of float32, float16 or bfloat16.
 *
 * A pickle is a program for a stack machine (Python's pickletools describes its operations). Here nothing is imported or called: the
 * four names that a file of tensors needs stand for fixed meanings, and every other name or operation ends the reading.
 *
 * @param entries of the archive: `<folder>/data.pkl` and `<folder>/data/<key>`
 * @throws TorchPickleError
 */
export function readTorchPickle(entries: ZipEntries): PickledValue {
  const name = [...entries.keys()].find((each) => /^[^/]*\/data\.pkl$/.test(each))
  const program = name === undefined ? undefined : entries.get(name)
  if (name === undefined || !program) throw new TorchPickleError('has no data.pkl, which PyTorch writes')
  const folder = name.slice(0, -'data.pkl'.length)
  const order = entries.get(`${folder}byteorder`)
  if (order && new TextDecoder().decode(order) !== 'little') throw new TorchPickleError('is not little endian')
  return run(program, (key) => entries.get(`${folder}data/${key}`))
}

function run(program: Uint8Array, storageBytes: (key: string) => Uint8Array | undefined): PickledValue {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  let at = 0
  const take = (length: number): number => {
    const start = at
    if (length > program.length - start) throw new TorchPickleError('ends in the middle of its pickle')
    at += length
    return start
  }
  const byte = () => view.getUint8(take(1))
  const short = () => view.getUint16(take(2), true)
  const word = () => view.getUint32(take(4), true)
  const text = (length: number): string => {
    const start = take(length)
    return new TextDecoder().decode(program.subarray(start, start + length))
  }
  const line = (): string => {
    const end = program.indexOf(10, at)
    if (end < 0) throw new TorchPickleError('ends in the middle of its pickle')
    const found = text(end - at)
    at++
    return found
  }

  const stack: Value[] = []
  const memory = new Map<number, Value>()
  const pop = (): Value => {
    const value = stack.pop()
    if (value === undefined || value === MARK) throw unsound()
    return value
  }
  const popToMark = (): Value[] => {
    const mark = stack.lastIndexOf(MARK)
    if (mark < 0) throw unsound()
    const values = stack.splice(mark)
    values.shift()
    return values
  }
  const popMany = (count: number): Value[] => Array.from({ length: count }, pop).reverse()
  const top = (): Value => {
    const value = stack.at(-1)
    if (value === undefined || value === MARK) throw unsound()
    return value
  }
  const recall = (key: number): Value => {
    const value = memory.get(key)
    if (value === undefined) throw unsound()
    return value
  }
  const setItems = (pairs: readonly Value[]) => {
    const target = top()
    if (!(target instanceof Map) || pairs.length % 2 !== 0) throw unsound()
    for (let index = 0; index < pairs.length; index += 2) {
      const key = pairs[index]
      if (typeof key !== 'string') throw new TorchPickleError('has a dictionary with a key that is no text')
      if (target.has(key)) throw new TorchPickleError('has a dictionary with a key twice')
      target.set(key, plain(pairs[index + 1]))
    }
  }
  const append = (values: readonly Value[]) => {
    const target = top()
    if (!Array.isArray(target)) throw unsound()
    for (const value of values) target.push(plain(value))
  }

  for (let count = 0; count < MAXIMUM_OPERATIONS; count++) {
    const operation = byte()
    switch (operation) {
      case 0x80: // PROTO
        if (byte() > 5) throw new TorchPickleError('has a pickle of an unknown version')
        break
      case 0x95: // FRAME
        take(8)
        break
      case 0x2e: // STOP
        return plain(pop())
      case 0x28: // MARK
        stack.push(MARK)
        break
      case 0x4e: // NONE
        stack.push(null)
        break
      case 0x88: // NEWTRUE
        stack.push(true)
        break
      case 0x89: // NEWFALSE
        stack.push(false)
        break
      case 0x4a: // BININT
        stack.push(view.getInt32(take(4), true))
        break
      case 0x4b: // BININT1
        stack.push(byte())
        break
      case 0x4d: // BININT2
        stack.push(short())
        break
      case 0x8a: {
        // LONG1
        const length = byte()
        if (length > 6) throw new TorchPickleError('has a number that is too large')
        const start = take(length)
        let value = 0
        for (let index = 0; index < length; index++) value += view.getUint8(start + index) * 2 ** (8 * index)
        if (length > 0 && view.getUint8(start + length - 1) >= 0x80) value -= 2 ** (8 * length)
        stack.push(value)
        break
      }
      case 0x47: // BINFLOAT
        stack.push(view.getFloat64(take(8)))
        break
      case 0x58: // BINUNICODE
        stack.push(text(word()))
        break
      case 0x8c: // SHORT_BINUNICODE
        stack.push(text(byte()))
        break
      case 0x7d: // EMPTY_DICT
        stack.push(new Map())
        break
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([])
        break
      case 0x74: // TUPLE
        stack.push(popToMark() as PickledValue[])
        break
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(popMany(operation - 0x84) as PickledValue[])
        break
      case 0x61: {
        // APPEND
        const value = pop()
        append([value])
        break
      }
      case 0x65: // APPENDS
        append(popToMark())
        break
      case 0x73: // SETITEM
        setItems(popMany(2))
        break
      case 0x75: // SETITEMS
        setItems(popToMark())
        break
      case 0x71: // BINPUT
        memory.set(byte(), top())
        break
      case 0x72: // LONG_BINPUT
        memory.set(word(), top())
        break
      case 0x94: // MEMOIZE
        memory.set(memory.size, top())
        break
      case 0x68: // BINGET
        stack.push(recall(byte()))
        break
      case 0x6a: // LONG_BINGET
        stack.push(recall(word()))
        break
      case 0x63: {
        // GLOBAL
        const module = line()
        stack.push(allowed(module, line()))
        break
      }
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = popMany(2)
        if (typeof module !== 'string' || typeof name !== 'string') throw unsound()
        stack.push(allowed(module, name))
        break
      }
      case 0x51: // BINPERSID
        stack.push(readStorage(pop(), storageBytes))
        break
      case 0x52: {
        // REDUCE
        const given = pop()
        stack.push(rebuild(pop(), given))
        break
      }
      default:
        throw new TorchPickleError(`has a pickle with operation 0x${operation.toString(16)}, which tensors do not need`)
    }
  }
  throw new TorchPickleError(`has a pickle of more than ${MAXIMUM_OPERATIONS} operations`)
}

function allowed(module: string, name: string): Global {
  const global = `${module} ${name}`
  if (ALLOWED.has(global)) return { global }
  throw new TorchPickleError(
    `wants to import '${shorten(`${module}.${name}`)}', and only tensors of float32, float16 and bfloat16 are read`,
  )
}

/** `('storage', type, key, location, count)`: where a tensor's numbers are. */
function readStorage(value: Value, storageBytes: (key: string) => Uint8Array | undefined): Storage {
  const [tag, type, key, , count] = Array.isArray(value) ? (value as Value[]) : []
  const name = isGlobal(type) ? type.global : ''
  if (tag !== 'storage' || !isStorageType(name) || typeof key !== 'string' || !isCount(count)) throw unsound()
  const bytes = storageBytes(key)
  if (!bytes || bytes.length !== count * STORAGE_BYTES[name]) {
    throw new TorchPickleError(`lacks the numbers of a tensor (entry '${shorten(key)}')`)
  }
  return { type: name, bytes, count }
}

function rebuild(callable: Value, given: Value): Value {
  const name = isGlobal(callable) ? callable.global : ''
  if (!Array.isArray(given)) throw unsound()
  const values = given as Value[]
  if (name === ORDERED_DICT && values.length === 0) return new Map()
  if (name === REBUILD_PARAMETER && isTensor(values[0])) return values[0]
  if (name === REBUILD_TENSOR) return readTensor(values)
  throw unsound()
}

/** `(storage, offset, size, stride, requires_grad, hooks)` */
function readTensor([storage, offset, size, stride]: readonly Value[]): FloatTensor {
  if (!isStorage(storage) || !isCount(offset) || !isCounts(size) || !isCounts(stride)) throw unsound()
  if (size.length !== stride.length || size.length > 2) {
    throw new TorchPickleError('has a tensor of more than two dimensions')
  }
  const [rows = 1, columns = 1] = size.length === 2 ? size : [1, ...size]
  const [rowStep = 0, columnStep = 0] = stride.length === 2 ? stride : [0, ...stride]
  const count = rows * columns
  const last = offset + (rows - 1) * rowStep + (columns - 1) * columnStep
  if (count > MAXIMUM_ELEMENTS || (count > 0 && last >= storage.count)) {
    throw new TorchPickleError('has a tensor that is larger than its numbers')
  }
  const numbers = storageNumbers(storage)
  const data = new Float32Array(count)
  for (let at = 0; at < count; at++) {
    data[at] = numbers[offset + Math.floor(at / columns) * rowStep + (at % columns) * columnStep] as number
  }
  return { data, dims: size }
}

function storageNumbers({ type, bytes }: Storage): Float32Array {
  // A copy, because an entry need not begin at an even address.
  const { buffer } = Uint8Array.from(bytes)
  if (type === 'torch FloatStorage') return new Float32Array(buffer)
  const halves = new Uint16Array(buffer)
  if (type === 'torch HalfStorage') return float16ToFloat32(halves)
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
}

/** What may stand in a dictionary or at the end. */
function plain(value: Value | undefined): PickledValue {
  if (value === undefined || value === MARK || isGlobal(value) || isStorage(value)) throw unsound()
  return value
}

const isGlobal = (value: Value | undefined): value is Global =>
  typeof value === 'object' && value !== null && 'global' in value
const isStorage = (value: Value | undefined): value is Storage =>
  typeof value === 'object' && value !== null && 'bytes' in value
const isTensor = (value: Value | undefined): value is FloatTensor =>
  typeof value === 'object' && value !== null && 'dims' in value
const isStorageType = (name: string): name is StorageType => Object.hasOwn(STORAGE_BYTES, name)
const isCount = (value: Value | undefined): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isCounts = (value: Value | undefined): value is number[] => Array.isArray(value) && value.every(isCount)

const shorten = (text: string): string =>
  (text.length > 80 ? `${text.slice(0, 77)}…` : text).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')

const unsound = () => new TorchPickleError('has a damaged pickle')

/** Bytes are no pickle of tensors; the message continues `file … of model …`. */
export class TorchPickleError extends Error {}
