import { Writable } from 'node:stream'
import { canDraw } from './canDraw.js'

/** What one line of the view stands for. */
export type StepDefinition<Id extends string = string> = { id: Id; title: string }

/** Shows the steps of a long piece of work as they happen. Calls for a step that has ended are ignored. */
export type StepView<Id extends string = string> = {
  /** What is going on within a step. */
  note(id: Id, text: string): void
  /** The step has succeeded; `text` says what came out. */
  done(id: Id, text?: string): void
  /** The work has failed: the first step that has not ended is the one that failed. `text` says why, where nobody else does. */
  fail(text?: string): void
  /** Leaves the terminal as it should be. Steps that never happened are left out. */
  close(): Promise<void>
}

export type StepViewOptions<Id extends string> = {
  steps: readonly StepDefinition<Id>[]
  /** A list that is redrawn in place (listr2); otherwise one line for each thing that happens. */
  live: boolean
  stream: Writable
  /** Milliseconds since any moment. */
  now(): number
}

/** The view on stderr: live on a capable terminal, lines elsewhere, nothing at all beside a JSON document. */
export async function openStepView<Id extends string>({
  json,
  ...options
}: Pick<StepViewOptions<Id>, 'steps' | 'now'> & { json: boolean }): Promise<StepView<Id>> {
  const live = !json && canDraw(process.stderr, process.env)
  return createStepView({ ...options, live, stream: json ? nowhere : process.stderr })
}

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })

/** Creates the view; with `live` the stream must be a terminal. */
export async function createStepView<Id extends string>(options: StepViewOptions<Id>): Promise<StepView<Id>> {
  return options.live ? createLiveView(options) : createPlainView(options)
}

function createPlainView<Id extends string>({ steps, stream, now }: StepViewOptions<Id>): StepView<Id> {
  const startedAt = now()
  const ended = new Set<Id>()
  const titleOf = (id: Id) => steps.find((step) => step.id === id)?.title ?? id
  const line = (text: string) => {
    const seconds = ((now() - startedAt) / 1000).toFixed(1)
    stream.write(`[${seconds.padStart(5)} s] ${text}\n`)
  }
  return {
    note: (id, text) => {
      if (!ended.has(id)) line(`${titleOf(id)} … ${text}`)
    },
    done: (id, text) => {
      if (ended.has(id)) return
      ended.add(id)
      line(text ? `${titleOf(id)}: ${text}` : titleOf(id))
    },
    fail: (text) => {
      const failed = steps.find((step) => !ended.has(step.id))
      line(`${failed ? `${failed.title}: ` : ''}FAILED${text ? `: ${text}` : ''}`)
    },
    close: async () => {},
  }
}

type Running = {
  definition: StepDefinition
  text: string | undefined
  outcome: 'waiting' | 'done' | 'failed' | 'dropped'
  settle(): void
  settled: Promise<void>
  show(): void
}

async function createLiveView<Id extends string>({ steps, stream }: StepViewOptions<Id>): Promise<StepView<Id>> {
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2')
  // listr2 asks whether stdout is a terminal, but we draw on another stream, whose being one our caller has checked.
  const Renderer = Object.assign(class extends DefaultRenderer {}, { nonTTY: true })
  const terminal = stream as NodeJS.WriteStream
  const running = new Map<string, Running>(steps.map((definition) => [definition.id, waiting(definition)]))
  const list = new Listr(
    steps.map((definition) => ({
      title: definition.title,
      task: async (_context: unknown, task: { title: string; output: string; skip(text: string): void }) => {
        const step = running.get(definition.id) ?? waiting(definition)
        step.show = () => {
          if (step.outcome === 'waiting') task.output = step.text ?? ''
        }
        step.show()
        await step.settled
        if (step.outcome === 'dropped') return task.skip(definition.title)
        task.title = step.text ? `${definition.title}: ${step.text}` : definition.title
        if (step.outcome === 'failed') throw new Error(task.title)
      },
    })),
    {
      // Signals are the program's business: it has to stop other processes first.
      registerSignalListeners: false,
      exitOnError: false,
      renderer: Renderer,
      rendererOptions: {
        logger: new ListrLogger({
          useIcons: true,
          toStderr: [],
          processOutput: new ProcessOutput(terminal, terminal),
        }) as never,
        showSkipMessage: false,
        collapseErrors: false,
        showErrorMessage: false,
      },
    },
  )
  const finished = list.run().catch(() => {})
  const end = (step: Running | undefined, outcome: Running['outcome'], text?: string) => {
    if (step?.outcome !== 'waiting') return
    step.outcome = outcome
    step.text = text
    step.settle()
  }
  return {
    note: (id, text) => {
      const step = running.get(id)
      if (step?.outcome !== 'waiting') return
      step.text = text
      step.show()
    },
    done: (id, text) => end(running.get(id), 'done', text),
    fail: (text) => {
      const failed = [...running.values()].find((step) => step.outcome === 'waiting')
      end(failed, 'failed', text)
    },
    close: async () => {
      for (const step of running.values()) end(step, 'dropped')
      await finished
    },
  }
}

function waiting(definition: StepDefinition): Running {
  const { promise, resolve } = deferred()
  return { definition, text: undefined, outcome: 'waiting', settle: resolve, settled: promise, show: () => {} }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
