import { Writable } from 'node:stream'
import { canDraw } from './canDraw.js'
import { createPaintingClock, type PaintingProgress } from './paintingClock.js'
import { createStepView, type StepView } from './stepView.js'

/** Shows how pictures come into being. */
export type InferView = {
  onProgress(progress: PaintingProgress): void
  /** Everything is done. */
  done(): Promise<void>
  /** Leaves the terminal as it should be; whoever throws says why. */
  fail(): Promise<void>
}

export type InferViewOptions = {
  pictures: number
  /** One list that is drawn again in place; otherwise a line when a stage begins, and now and then while one lasts. */
  live: boolean
  stream: Writable
  /** Milliseconds since any moment. */
  now(): number
}

/** The view on stderr: nothing at all beside a JSON document, and lines where the terminal is needed for the answer of a text task. */
export function openInferView({
  json,
  pictures,
  now,
}: Pick<InferViewOptions, 'pictures' | 'now'> & { json: boolean }): Promise<InferView> {
  const live = !json && pictures > 0 && canDraw(process.stderr, process.env)
  return createInferView({ pictures, now, live, stream: json ? nowhere : process.stderr })
}

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })

type StepId = 'load' | 'encode' | 'paint'

/** Creates the view; with `live` the stream must be a terminal. */
export async function createInferView(options: InferViewOptions): Promise<InferView> {
  return options.live ? createLiveView(options) : createPlainView(options)
}

async function createLiveView({ pictures, stream, now, live }: InferViewOptions): Promise<InferView> {
  const steps = [
    { id: 'load' as const, title: 'model' },
    { id: 'encode' as const, title: 'prompt' },
    { id: 'paint' as const, title: pictures === 1 ? 'picture' : 'pictures' },
  ]
  const view: StepView<StepId> = await createStepView({ steps, live, now, stream })
  const clock = createPaintingClock({ pictures, now })
  return {
    onProgress(progress) {
      const left = clock.left(progress)
      if (progress.stage === 'load') return view.note('load', 'loading')
      view.done('load')
      if (progress.stage === 'encode') return view.note('encode', 'encoding')
      view.done('encode')
      view.note('paint', paintingLine(progress, pictures, left))
    },
    async done() {
      view.done('paint')
      await view.close()
    },
    async fail() {
      view.fail()
      await view.close()
    },
  }
}

/** At most that often a line says how far a stage is. */
const LINE_EVERY_MS = 10_000

function createPlainView({ pictures, stream, now }: InferViewOptions): InferView {
  const clock = createPaintingClock({ pictures, now })
  let shown = ''
  let shownAt = 0
  return {
    onProgress(progress) {
      const { stage, image, step, steps } = progress
      const left = clock.left(progress)
      const what = stage === 'load' || stage === 'encode' ? STAGES[stage] : `picture ${image + 1}: ${STAGES[stage]}`
      if (what === shown && now() - shownAt < LINE_EVERY_MS) return
      stream.write(what === shown ? `picture ${image + 1}: step ${step} of ${steps}${leftText(left)}\n` : `${what}\n`)
      shown = what
      shownAt = now()
    },
    done: async () => {},
    fail: async () => {},
  }
}

const STAGES = {
  load: 'loading the model',
  encode: 'encoding the prompt',
  denoise: 'denoising',
  decode: 'decoding',
} as const

/** `2 of 3 ██████░░░░░░░░░░ step 7 of 20, 12 s left` */
export function paintingLine(
  { stage, image, step, steps }: PaintingProgress,
  pictures: number,
  leftMs: number | undefined,
): string {
  const which = pictures === 1 ? '' : `${image + 1} of ${pictures} `
  const share = stage === 'decode' ? 1 : step / Math.max(steps, 1)
  const filled = Math.round(share * BAR_LENGTH)
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_LENGTH - filled)
  return `${which}${bar} ${stage === 'decode' ? STAGES.decode : `step ${step} of ${steps}`}${leftText(leftMs)}`
}

const BAR_LENGTH = 20

function leftText(ms: number | undefined): string {
  if (ms === undefined) return ''
  const seconds = Math.ceil(ms / 1000)
  return seconds < 100 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`
}
