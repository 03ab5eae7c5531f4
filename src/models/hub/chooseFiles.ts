import { ModelFormatError } from '../modelErrors.js'
import type { HubFile } from './readHubModel.js'

/** What to fetch of a model. */
export type ChosenFiles =
  /** ONNX networks and what belongs to them. */
  | { form: 'onnx'; files: HubFile[] }
  /** Weights that are added to another model; `uncertain` files are to be looked into before they are fetched. */
  | { form: 'adapter'; files: HubFile[]; uncertain: HubFile[] }

export type ChooseOptions = {
  id: string
  /** E.g. `fp16`: `model.fp16.onnx` or `model_fp16.onnx` instead of `model.onnx`, where there is one. */
  variant?: string | undefined
  /** A file that is wanted by name, e.g. a LoRA's weights among several. */
  file?: string | undefined
}

/** Configurations and vocabularies; everything that is larger is no such thing. */
const MAXIMUM_TEXT_BYTES = 64 * 1024 * 1024
/** Pickles are code; the two that diffusers writes for adapters are read as data only, and are small. */
const ADAPTER_PICKLES = new Set(['learned_embeds.bin', 'pytorch_lora_weights.bin'])
const MAXIMUM_PICKLE_BYTES = 256 * 1024 * 1024

/**
 * Chooses the files of a hub model that the pipelines read, and no others: never pickled checkpoints, never the same weights in
 * another format.
 *
 * @throws ModelFormatError when the model has nothing that can be run, with the reason.
 */
export function chooseFiles(all: readonly HubFile[], { id, variant, file }: ChooseOptions): ChosenFiles {
  if (file !== undefined) return chooseNamed(all, { id, file })
  // No pipeline encodes pictures.
  const files = all.filter(({ path }) => !path.startsWith('vae_encoder/'))
  const graphs = files.filter(({ path }) => path.endsWith('.onnx'))
  if (graphs.length > 0) return { form: 'onnx', files: chooseOnnx(files, graphs, { id, variant }) }
  return chooseAdapter(files, id)
}

function chooseOnnx(
  files: readonly HubFile[],
  graphs: readonly HubFile[],
  { id, variant }: Pick<ChooseOptions, 'id' | 'variant'>,
): HubFile[] {
  const chosen: HubFile[] = []
  const folders = new Set(graphs.map(({ path }) => folderOf(path)))
  const variants = new Set<string>()
  let varied = false
  for (const folder of folders) {
    const here = graphs.filter(({ path }) => folderOf(path) === folder)
    for (const { path } of here) {
      const match = /^model[._](.+)\.onnx$/.exec(nameOf(path))
      if (match?.[1] && match[1] !== 'with_mask') variants.add(match[1])
    }
    const named = (name: string) => here.find(({ path }) => nameOf(path) === name)
    const special = variant ? (named(`model.${variant}.onnx`) ?? named(`model_${variant}.onnx`)) : undefined
    varied ||= special !== undefined
    const graph = special ?? named('model.onnx')
    // An encoder that can hide tokens may lie beside the plain one; prompts with weights below 1 need it.
    const masked = graph && TEXT_ENCODER.test(folder) ? named('model_with_mask.onnx') : undefined
    const wanted = [graph, masked].filter((each) => each !== undefined)
    chosen.push(...wanted, ...files.filter(({ path }) => wanted.some((each) => isDataOf(path, each.path))))
  }
  const known = [...variants].sort().join(', ')
  if (variant && !varied) {
    throw new ModelFormatError(
      id,
      `has no variant '${variant}'`,
      known ? `It has ${known}; or leave --variant away.` : 'It has no variants: leave --variant away.',
    )
  }
  if (chosen.length === 0) {
    throw new ModelFormatError(
      id,
      'has no model.onnx',
      known ? `Choose one of its variants with --variant: ${known}.` : 'Export it again, e.g. with optimum-cli.',
    )
  }
  const used = new Set(chosen.map(({ path }) => folderOf(path)))
  const isBeside = (path: string) => {
    const folder = folderOf(path)
    return folder === '' || used.has(folder) || TEXT_FOLDERS.test(folder)
  }
  return [...chosen, ...files.filter((entry) => isText(entry) && isBeside(entry.path))]
}

/** Folders of text encoders. */
const TEXT_ENCODER = /^text_encoder(?:_\d)?$/

/** Folders that have no network in them. */
const TEXT_FOLDERS = /^(?:scheduler|tokenizer(?:_\d)?|feature_extractor)$/

/** Weights beside a graph, by the names that exporters give them. */
function isDataOf(path: string, graph: string): boolean {
  if (folderOf(path) !== folderOf(graph)) return false
  const name = nameOf(path)
  const stem = nameOf(graph).replace(/\.onnx$/, '')
  return (
    name === 'weights.pb' ||
    name === `${stem}.data` ||
    name.startsWith(`${stem}.onnx_data`) ||
    name.startsWith(`${stem}.onnx.data`)
  )
}

const isText = ({ path, size }: HubFile): boolean =>
  size <= MAXIMUM_TEXT_BYTES &&
  (/\.(?:json|jinja)$/.test(path) || /(?:^|\/)(?:merges|vocab)\.txt$/.test(path)) &&
  !path.endsWith('.index.json')

function chooseAdapter(files: readonly HubFile[], id: string): ChosenFiles {
  const top = files.filter(({ path }) => !path.includes('/'))
  const isPipeline = top.some(({ path }) => path === 'model_index.json')
  const weights = files.filter(({ path }) => path.endsWith('.safetensors'))
  const atTop = weights.filter(({ path }) => !path.includes('/'))
  // A model of its own has a configuration beside its weights; an adapter's is called otherwise.
  const isModel = isPipeline || top.some(({ path }) => path === 'config.json')
  if (!isModel && atTop.length > 0) {
    const known = atTop.filter(({ path }) => /^(?:pytorch_lora_weights|learned_embeds)\.safetensors$/.test(path))
    const wanted = known.length > 0 ? known : atTop
    return { form: 'adapter', files: wanted, uncertain: wanted }
  }
  const pickles = top.filter(({ path, size }) => ADAPTER_PICKLES.has(path) && size <= MAXIMUM_PICKLE_BYTES)
  if (!isModel && pickles.length > 0) return { form: 'adapter', files: pickles, uncertain: [] }
  if (weights.length > 0) throw onlySafetensors(id, isPipeline ? 'a diffusers folder' : 'a transformers folder')
  if (files.some(({ path }) => /\.(?:bin|ckpt|pt|pth|msgpack|h5)$/.test(path))) {
    throw new ModelFormatError(
      id,
      'has its weights only in files that are programs (pickle), which are never loaded',
      'Use a model in ONNX form, or export this one, e.g. with optimum-cli.',
    )
  }
  throw new ModelFormatError(id, 'has no weights in ONNX form', 'Check its name, or use another model.')
}

function chooseNamed(all: readonly HubFile[], { id, file }: { id: string; file: string }): ChosenFiles {
  const found = all.find(({ path }) => path === file)
  if (!found) {
    throw new ModelFormatError(
      id,
      `has no file '${file.slice(0, 100).replaceAll(/\p{C}/gu, '?')}'`,
      'Check --file (`--dry-run` without it shows the files).',
    )
  }
  if (found.path.endsWith('.safetensors')) return { form: 'adapter', files: [found], uncertain: [found] }
  if (ADAPTER_PICKLES.has(nameOf(found.path)) && found.size <= MAXIMUM_PICKLE_BYTES) {
    return { form: 'adapter', files: [found], uncertain: [] }
  }
  throw new ModelFormatError(id, `file '${file}' is not a safetensors file`, 'Name the .safetensors file.')
}

/** Why a model that exists only as safetensors cannot be run. */
export const onlySafetensors = (id: string, what: string): ModelFormatError =>
  new ModelFormatError(
    id,
    `has its weights only as safetensors (${what}), which this version cannot run`,
    'Use a model in ONNX form, or export this one, e.g. with optimum-cli, and put it into --model-root.',
  )

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
